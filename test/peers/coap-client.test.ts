/** Debian's libcoap client against our endpoint. */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { findProgram, missingPeers } from '../support/peers.ts';

const missing = missingPeers('coap-client-notls');

/** All that the client prints. Not `spawnSync`: the endpoint that has to answer lives in this process. */
function client(...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(findProgram('coap-client-notls') ?? '', ['-B', '10', '-v', '7', ...args]);
    let printed = '';
    child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
    child.stderr.on('data', (part: Buffer) => (printed += part.toString()));
    child.once('error', reject);
    child.once('close', () => resolve(printed));
  });
}

/** Code and content of the message that came in: `2.05`, `RST`. */
function answers(printed: string): string[] {
  return [...printed.matchAll(/v:1 t:(ACK|NON|RST|CON) c:([2-5]\.\d\d|0\.00)/g)].map(
    ([, type, code]) => `${type} ${code}`,
  );
}

describe.skipIf(missing.length > 0).each(['127.0.0.1', '::1'])('our endpoint on %s', (address) => {
  let endpoint: CoapEndpoint;
  let base: string;
  beforeAll(async () => {
    endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog });
    const { port } = await endpoint.start({ host: address, port: 0 });
    base = `coap://${address.includes(':') ? `[${address}]` : address}:${port}`;
  });
  afterAll(() => endpoint.stop());

  test('its list of resources is there and empty', async () => {
    const printed = await client('-m', 'get', `${base}/.well-known/core`);
    expect(answers(printed)).toEqual(['ACK 2.05']);
    expect(printed).toContain('Content-Format:application/link-format');
  });
  test('by NON too', async () => {
    expect(answers(await client('-N', '-m', 'get', `${base}/.well-known/core`))).toEqual(['NON 2.05']);
  });
  test('anything else is not found, with any method', async () => {
    for (const method of ['get', 'put', 'post', 'delete', 'fetch']) {
      expect(answers(await client('-m', method, '-e', 'x', `${base}/time`))).toEqual(['ACK 4.04']);
    }
  });
  test('a critical option that it does not know', async () => {
    expect(answers(await client('-O', '2049,x', '-m', 'get', `${base}/.well-known/core`))).toEqual([
      'ACK 4.02',
    ]);
  });
  test('an observation of the list is answered like a plain GET', async () => {
    const printed = await client('-s', '1', '-m', 'get', `${base}/.well-known/core`);
    expect(answers(printed)[0]).toBe('ACK 2.05');
    expect(printed).not.toMatch(/c:2\.05[^\n]*Observe/);
  });
  test('nothing of it was malformed', () => {
    expect(endpoint.counters.malformed).toBe(0);
    expect(endpoint.counters.served).toBeGreaterThanOrEqual(9);
  });
});
