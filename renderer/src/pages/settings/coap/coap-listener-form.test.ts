import { describe, expect, it } from 'vitest';
import type { CoapListenerConfig } from '../../../../../core/contract/coap-server.ts';
import {
  closesCoapConnections,
  coapFormOf,
  lineOfPattern,
  MOST_PATTERNS,
  readAllowList,
  readCoapForm,
} from './coap-listener-form.ts';

const config: CoapListenerConfig = {
  id: 'hall',
  name: 'Hall',
  transport: 'tls',
  host: '0.0.0.0',
  port: 5684,
  enabled: true,
  certificate: 'server-1',
};

describe('the form of a CoAP listener', () => {
  it('gives back what it was made of', () => {
    const { id: _id, ...rest } = config;
    expect(readCoapForm(coapFormOf(config))).toEqual({ ok: true, listener: rest });
  });

  it('has no certificate without TLS, and needs one with it', () => {
    const form = coapFormOf(config);
    expect(readCoapForm({ ...form, transport: 'ws' })).toMatchObject({ listener: { certificate: null } });
    const read = readCoapForm({ ...form, name: ' ', host: '', port: '70000', certificate: '' });
    expect(read.ok ? [] : Object.keys(read.problems)).toEqual(['name', 'host', 'port', 'certificate']);
  });

  it('knows which changes close connections', () => {
    const { id: _id, ...same } = config;
    expect(closesCoapConnections(config, { ...same, name: 'Other', enabled: false })).toBe(false);
    expect(closesCoapConnections(config, { ...same, port: 5685 })).toBe(true);
  });
});

describe('what the proxy may reach', () => {
  it('takes a pattern a line, leaves notes and empty lines out', () => {
    expect(readAllowList('10.0.0.0/24\n\n# hall 3\n *.plant.local:5683 \n')).toEqual({
      allow: ['10.0.0.0/24', '*.plant.local:5683'],
      problems: [],
    });
  });

  it('says which line is wrong', () => {
    const { allow, problems } = readAllowList('10.0.0.7\na b\ncoap://x');
    expect(allow).toEqual(['10.0.0.7']);
    expect(problems.map(({ line, text }) => [line, text])).toEqual([
      [2, 'a b'],
      [3, 'coap://x'],
    ]);
    const many = Array.from({ length: MOST_PATTERNS + 1 }, (_, i) => `h${i}`).join('\n');
    expect(readAllowList(many).problems).toMatchObject([{ line: MOST_PATTERNS + 1 }]);
  });

  it("finds the line of the station's complaint", () => {
    expect(lineOfPattern('a\n 10.0.0.9/24\n', '10.0.0.9/24', 'no network')).toMatchObject({ line: 2 });
    expect(lineOfPattern('a', 'b', 'gone')).toBeNull();
  });
});
