import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../base/log.ts';
import type { HostResolver } from '../../coap/resolve.ts';
import type { ProxiedAnswer, ProxiedHandlers, ProxyEndpoint } from '../../coap/proxy/types.ts';
import { parseCoapUri } from '../../coap/uri.ts';
import { PlayedObservation, coapAnswer } from '../../../test/support/hc-bench.ts';
import { CoapProxy } from './proxy.ts';

/** Resolves as a client does, and answers from where it was led to. */
class PlayedEndpoint implements ProxyEndpoint {
  readonly asked: { uri: string; addresses: string[] }[] = [];
  readonly observations: PlayedObservation[] = [];
  observing: HostResolver | undefined;
  answersFrom: string | undefined;

  async request(uri: string, options: { resolver?: HostResolver }): Promise<ProxiedAnswer> {
    const { host, numeric } = parseCoapUri(uri);
    const addresses = numeric ? [host] : await options.resolver!(host);
    this.asked.push({ uri, addresses });
    return { ...coapAnswer('2.05', 'ok'), peer: { address: this.answersFrom ?? addresses[0]! } };
  }

  observe(_uri: string, options: { resolver?: HostResolver }, handlers: ProxiedHandlers): PlayedObservation {
    const observation = new PlayedObservation(handlers);
    this.observing = options.resolver;
    this.observations.push(observation);
    return observation;
  }
}

let folder: string;
let endpoint: PlayedEndpoint;
let names: Record<string, string[]>;
let lookups: number;
const lines: string[] = [];
const signal = new AbortController().signal;
const target = (authority: string) => parseCoapUri(`coap://${authority}/light`);
const GET = { method: 'GET' } as const;

const open = () =>
  new CoapProxy({
    folder,
    endpoint,
    log: createLog('test', (line) => lines.push(line)),
    resolver: (name) => {
      lookups++;
      return names[name] === undefined ? Promise.reject(new Error('unknown')) : Promise.resolve(names[name]);
    },
    own: (address) => address === '10.0.0.1',
  });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-proxy-'));
  endpoint = new PlayedEndpoint();
  names = { 'sensor.local': ['10.0.0.7'] };
  lookups = 0;
  lines.length = 0;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('settings', () => {
  it('are off and empty until somebody changes them', async () => {
    const proxy = open();
    expect(proxy.status()).toEqual({
      settings: { enabled: false, allow: [] },
      counters: { requests: 0, unauthorized: 0, refused: 0, failed: 0, streams: 0 },
    });
    await expect(proxy.request(target('10.0.0.7'), GET, signal)).rejects.toMatchObject({
      code: 'coap.forbidden',
    });
    proxy.set({ enabled: true, allow: [] });
    await expect(proxy.request(target('10.0.0.7'), GET, signal)).rejects.toMatchObject({
      code: 'coap.forbidden',
    });
    expect(endpoint.asked).toEqual([]);
  });

  it('are kept for the owner alone, and told', () => {
    const proxy = open();
    let changes = 0;
    proxy.changed.on(() => changes++);
    proxy.set({ enabled: true, allow: [' 10.0.0.0/24 ', '10.0.0.0/24', '*.plant.local'] });
    expect(changes).toBe(1);
    expect(statSync(join(folder, 'coap-proxy.json')).mode & 0o777).toBe(0o600);
    expect(open().status().settings).toEqual({ enabled: true, allow: ['10.0.0.0/24', '*.plant.local'] });
  });

  it('with a bad pattern change nothing', () => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['10.0.0.7'] });
    expect(() => proxy.set({ enabled: true, allow: ['10.0.0.8', '10.0.0.9/24'] })).toThrow(
      expect.objectContaining({ code: 'coap.bad_pattern', detail: { pattern: '10.0.0.9/24' } }),
    );
    expect(proxy.status().settings.allow).toEqual(['10.0.0.7']);
    expect(readFileSync(join(folder, 'coap-proxy.json'), 'utf8')).not.toContain('10.0.0.8');
  });

  it.each(['{', '{"enabled":true}', '{"enabled":true,"allow":["*"]}', '[]'])(
    'that are damaged (%s) are set aside, and the proxy is off',
    (text) => {
      writeFileSync(join(folder, 'coap-proxy.json'), text);
      expect(open().status().settings).toEqual({ enabled: false, allow: [] });
      expect(readdirSync(folder).some((name) => name.startsWith('coap-proxy.json.damaged-'))).toBe(true);
      expect(lines.join('\n')).toContain('the proxy is switched off');
    },
  );
});

describe('a request', () => {
  it('to a name goes to the address that was checked, whatever the name means a moment later', async () => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['sensor.local'] });
    await proxy.request(target('sensor.local'), GET, signal);
    expect([endpoint.asked, lookups]).toEqual([
      [{ uri: 'coap://sensor.local:5683/light', addresses: ['10.0.0.7'] }],
      1,
    ]);
    names['sensor.local'] = ['127.0.0.1'];
    await expect(proxy.request(target('sensor.local'), GET, signal)).rejects.toMatchObject({
      code: 'coap.forbidden',
    });
    expect(endpoint.asked).toHaveLength(1);
  });

  it('that is answered from elsewhere is not passed on', async () => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['sensor.local'] });
    endpoint.answersFrom = '127.0.0.1';
    await expect(proxy.request(target('sensor.local'), GET, signal)).rejects.toMatchObject({
      code: 'coap.forbidden',
    });
  });

  it('that was given up while its name was looked up asks nothing', async () => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['sensor.local'] });
    const gone = new AbortController();
    const asked = proxy.request(target('sensor.local'), GET, gone.signal);
    gone.abort();
    await expect(asked).rejects.toMatchObject({ code: 'coap.cancelled' });
    expect(endpoint.asked).toEqual([]);
  });
});

describe('an observation', () => {
  const states: (string | null)[][] = [];
  const handlers: ProxiedHandlers = {
    notification: () => states.push(['notification']),
    state: ({ state, problemCode }) => states.push([state, problemCode]),
  };
  beforeEach(() => (states.length = 0));

  it('looks again each time it registers', async () => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['sensor.local'] });
    await proxy.observe(target('sensor.local'), undefined, handlers, signal);
    expect(await endpoint.observing!('sensor.local')).toEqual(['10.0.0.7']);
    expect(lookups).toBe(1);
    names['sensor.local'] = ['10.0.0.9'];
    expect(await endpoint.observing!('sensor.local')).toEqual(['10.0.0.9']);
    names['sensor.local'] = ['10.0.0.1'];
    await expect(endpoint.observing!('sensor.local')).rejects.toMatchObject({ code: 'coap.forbidden' });
  });

  it.each([
    ['it goes from the list', { enabled: true, allow: ['10.0.0.8'] }],
    ['the proxy is switched off', { enabled: false, allow: ['10.0.0.7'] }],
  ])('ends when %s', async (_why, settings) => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['10.0.0.7'] });
    await proxy.observe(target('10.0.0.7'), undefined, handlers, signal);
    const inner = endpoint.observations[0]!;
    proxy.set({ enabled: true, allow: ['10.0.0.0/24'] });
    await new Promise((resolve) => setImmediate(resolve));
    expect([states, inner.cancelled]).toEqual([[], 0]);
    inner.handlers.notification(coapAnswer('2.05', 'good'));
    expect(states.splice(0)).toEqual([['notification']]);
    await proxy.observe(target('10.0.0.7'), undefined, handlers, signal);
    proxy.set(settings);
    await new Promise((resolve) => setImmediate(resolve));
    // Both of them, and the one that has just come does not get what it may not have any more.
    expect(states).toEqual([
      ['ended', 'coap.forbidden'],
      ['ended', 'coap.forbidden'],
    ]);
    expect(inner.cancelled).toBe(1);
    inner.handlers.notification(coapAnswer('2.05', 'late'));
    inner.become('ended', 'cancelled', 'coap.cancelled');
    expect(states).toHaveLength(2);
  });

  const turn = () => new Promise((resolve) => setImmediate(resolve));

  it('is one for all clients of a resource, each of which hears all', async () => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['10.0.0.0/24'] });
    const heard: string[] = [];
    const client = (name: string): ProxiedHandlers => ({
      notification: ({ payload }) => heard.push(`${name} ${new TextDecoder().decode(payload)}`),
      state: ({ state }) => heard.push(`${name} ${state}`),
    });
    const a = await proxy.observe(target('10.0.0.7'), undefined, client('a'), signal);
    const b = await proxy.observe(target('10.0.0.7'), undefined, client('b'), signal);
    await proxy.observe(target('10.0.0.7'), 60, client('other format'), signal);
    await proxy.observe(target('10.0.0.8'), undefined, client('other device'), signal);
    expect(endpoint.observations).toHaveLength(3);
    const inner = endpoint.observations[0]!;
    inner.become('active');
    inner.handlers.notification(coapAnswer('2.05', '1'));
    const c = await proxy.observe(target('10.0.0.7'), undefined, client('c'), signal);
    inner.handlers.notification(coapAnswer('2.05', '2'));
    await turn();
    expect(heard).toEqual(['a active', 'b active', 'a 1', 'b 1', 'a 2', 'b 2', 'c 2']);
    await a.cancel();
    await a.cancel();
    await c.cancel();
    inner.handlers.notification(coapAnswer('2.05', '3'));
    expect([heard.slice(7), inner.cancelled]).toEqual([['b 3'], 0]);
    await b.cancel();
    expect(inner.cancelled).toBe(1);
    await proxy.observe(target('10.0.0.7'), undefined, client('d'), signal);
    expect(endpoint.observations).toHaveLength(4);
  });

  it('tells who joins in trouble of the trouble, and starts anew after its end', async () => {
    const proxy = open();
    proxy.set({ enabled: true, allow: ['10.0.0.7'] });
    await proxy.observe(target('10.0.0.7'), undefined, handlers, signal);
    const inner = endpoint.observations[0]!;
    inner.become('retrying', 'no answer', 'coap.timeout');
    states.length = 0;
    const left = await proxy.observe(target('10.0.0.7'), undefined, handlers, signal);
    await left.cancel();
    await proxy.observe(target('10.0.0.7'), undefined, handlers, signal);
    await turn();
    expect(states).toEqual([['retrying', 'coap.timeout']]);
    inner.become('ended', 'refused', 'coap.refused');
    expect(states.slice(1)).toEqual([
      ['ended', 'coap.refused'],
      ['ended', 'coap.refused'],
    ]);
    await proxy.observe(target('10.0.0.7'), undefined, handlers, signal);
    expect(endpoint.observations).toHaveLength(2);
  });
});
