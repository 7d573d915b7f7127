import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryPair } from './memory.ts';
import { connectMessagePort } from './message-port-client.ts';
import { acceptMessagePort } from './message-port-host.ts';
import type { HostFrame } from '../contract/frames.ts';
import type { ClientTransport, HostTransport } from './types.ts';

interface Pair {
  client: ClientTransport;
  host: HostTransport;
}

const pairs: Pair[] = [];

function portPair(): Pair {
  const { port1, port2 } = new MessageChannel();
  const pair = { host: acceptMessagePort(port1), client: connectMessagePort(port2) };
  pairs.push(pair);
  return pair;
}

afterEach(() => {
  for (const { client } of pairs.splice(0)) client.close();
});

const ok = (result: unknown): HostFrame => ({ kind: 'ok', id: 1, result });

describe.each([
  ['a message port', portPair],
  ['memory', memoryPair],
])('a transport over %s', (_name, open) => {
  const first = (client: ClientTransport): Promise<{ result: unknown }> =>
    new Promise((resolve) => client.onFrame((frame) => resolve(frame as { result: unknown })));

  it('sends the bytes of a view and nothing of what lies around it', async () => {
    const { client, host } = open();
    const pool = Buffer.from('somebody else: 21.5 and others');
    host.send(ok({ list: [pool.subarray(15, 19)], whole: new Float64Array([1]) }));
    const { result } = await first(client);
    const { list } = result as { list: [Uint8Array] };
    expect(new TextDecoder().decode(list[0])).toBe('21.5');
    expect(list[0].buffer.byteLength).toBe(4);
    expect(pool.toString()).toBe('somebody else: 21.5 and others');
  });

  it('copies shared memory instead of sharing it', async () => {
    const { client, host } = open();
    const shared = new Int32Array(new SharedArrayBuffer(8));
    host.send(ok(shared));
    const { result } = await first(client);
    shared[0] = 5;
    expect(result).toEqual(new Int32Array(2));
  });

  it('keeps frames until somebody listens, and their order', async () => {
    const { client, host } = open();
    for (let id = 1; id <= 3; id++) host.send({ kind: 'pong', id, nowMs: 0 });
    await new Promise(setImmediate);
    const ids: number[] = [];
    await new Promise<void>((resolve) =>
      client.onFrame((frame) => {
        ids.push((frame as { id: number }).id);
        if (ids.length === 3) resolve();
      }),
    );
    expect(ids).toEqual([1, 2, 3]);
  });

  it('delivers what was sent before the end, tells both ends once, and then is silent', async () => {
    const { client, host } = open();
    const events: string[] = [];
    host.onClose(() => events.push('host closed'));
    host.onFrame(() => events.push('host heard'));
    client.onFrame(() => events.push('client heard'));
    host.send(ok(1));
    host.close('enough');
    host.close('again');
    host.send(ok(2));
    await new Promise<void>((resolve) => client.onClose(() => resolve()));
    client.send({ kind: 'ping', id: 1 });
    client.close();
    await new Promise(setImmediate);
    expect(events).toEqual(['host closed', 'client heard']);
  });

  it('tells a listener that comes after the end', async () => {
    const { client, host } = open();
    client.close('gone');
    expect(await new Promise((resolve) => client.onClose(resolve))).toBe('gone');
    await new Promise((resolve) => host.onClose(resolve));
  });
});
