import { describe, expect, it } from 'vitest';
import { ConformanceBench, type ConformanceClient, packet } from '../support/conformance-client.ts';
import { CLEAN, client311, connect311, hexOf, WILL } from '../support/conformance-v311.ts';

/* Wills, keep-alive, PINGREQ and DISCONNECT: MQTT 3.1.1 §3.1.2.5-7, §3.1.2.10, §3.12, §3.14. */

const DISCONNECT = packet(0xe0);
const KEEP_ALIVE_MS = 10_000;

/** CONNECT with a keep-alive of 10 s and the will `will` `gone`. */
const LIVELY = packet(0x10, 'MQTT', 4, CLEAN | WILL, 0, 10, 'c', 'will', 'gone');

async function watched(): Promise<{ bench: ConformanceBench; reader: ConformanceClient }> {
  const bench = await ConformanceBench.start();
  const reader = await client311(bench, 'reader');
  await reader.subscribe('#', 2);
  return { bench, reader };
}

async function mortal(bench: ConformanceBench, flags: number, clientId = 'c'): Promise<ConformanceClient> {
  const client = await bench.open(4);
  client.send(connect311(flags | WILL, clientId, 'will', 'gone'));
  expect(await hexOf(client, 1)).toEqual(['20020000']);
  return client;
}

describe('a will', () => {
  it.each([
    ['the network fails', (bench: ConformanceBench, client: ConformanceClient) => bench.cut(client)],
    [
      'the client violates the protocol',
      (_: ConformanceBench, client: ConformanceClient) => client.fate(packet(0xf0)),
    ],
    ['another connection takes over', (bench: ConformanceBench) => client311(bench, 'c')],
    [
      'the client ends its half of the connection',
      async (_: ConformanceBench, client: ConformanceClient) => {
        client.socket.end();
        await client.closed();
      },
    ],
    ['the broker ends it', (bench: ConformanceBench) => bench.broker.disconnect('c')],
  ])('[MQTT311-3.1.2-8] is published when %s', async (_name, end) => {
    const { bench, reader } = await watched();
    const client = await mortal(bench, CLEAN);
    expect(await reader.settled()).toEqual([]);
    await end(bench, client);
    expect(await reader.texts()).toEqual(['will gone 0']);
  });

  it('[MQTT311-3.1.2-8] of a session that lasts is published as well', async () => {
    const { bench, reader } = await watched();
    await bench.cut(await mortal(bench, 0));
    expect(await reader.texts()).toEqual(['will gone 0']);
  });

  it('[MQTT311-3.1.2-8] of a CONNECT that was refused is not published', async () => {
    const bench = await ConformanceBench.start({
      authenticate: ({ clientId }) => (clientId === 'c' ? { reasonCode: 0x87 } : { username: null }),
    });
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#');
    const client = await bench.open(4);
    expect(await client.fate(connect311(CLEAN | WILL, 'c', 'will', 'gone'))).toEqual(['connack 0x05']);
    expect(await reader.settled()).toEqual([]);
  });

  it.each([0, 1, 2])('[MQTT311-3.1.2-9] has the QoS of CONNECT: %i', async (qos) => {
    const { bench, reader } = await watched();
    await bench.cut(await mortal(bench, CLEAN | (qos << 3)));
    expect(await reader.texts()).toEqual([`will gone ${qos}`]);
  });

  it('[MQTT311-3.1.2-10] is published once', async () => {
    const { bench, reader } = await watched();
    await bench.cut(await mortal(bench, 0));
    expect(await reader.texts()).toEqual(['will gone 0']);
    await bench.cut(await client311(bench, 'c', { cleanStart: false }));
    expect(await reader.settled()).toEqual([]);
  });

  it('[MQTT311-3.1.2-10] [MQTT311-3.14.4-3] is gone after DISCONNECT, for good', async () => {
    const { bench, reader } = await watched();
    for (const [clientId, flags] of [
      ['short', CLEAN],
      ['lasting', 0],
    ] as const) {
      const client = await mortal(bench, flags, clientId);
      expect(await client.fate(DISCONNECT)).toEqual([]);
      expect(await reader.settled()).toEqual([]);
      await bench.cut(await client311(bench, clientId, { cleanStart: false }));
      expect(await reader.settled()).toEqual([]);
    }
  });

  it('[MQTT311-3.14.4-3] is gone after DISCONNECT also when the network is cut right behind it', async () => {
    const { bench, reader } = await watched();
    const client = await mortal(bench, CLEAN);
    client.socket.end(DISCONNECT);
    await client.closed();
    expect(await reader.settled()).toEqual([]);
  });

  it('[MQTT311-3.1.2-12] that was not asked for is not published', async () => {
    const { bench, reader } = await watched();
    await bench.cut(await mortal(bench, 0));
    expect(await reader.texts()).toEqual(['will gone 0']);
    await bench.cut(await client311(bench, 'c'));
    await bench.cut(await client311(bench, 'd'));
    expect(await reader.settled()).toEqual([]);
  });

  it.each([
    ['[MQTT311-3.1.2-16] without Will Retain leaves the topic as it was', 0, ['will before 0r']],
    ['[MQTT311-3.1.2-17] with Will Retain is the retained message of its topic', 0x20, ['will gone 0r']],
  ])('%s', async (_name, retain, kept) => {
    const { bench, reader } = await watched();
    await reader.publish('will', 'before', 0, { retain: true });
    expect(await reader.texts()).toEqual(['will before 0']);
    await bench.cut(await mortal(bench, CLEAN | retain));
    expect(await reader.texts()).toEqual(['will gone 0']);
    const late = await client311(bench, 'late');
    await late.subscribe('will');
    expect(await late.texts()).toEqual(kept);
  });
});

describe('keep-alive', () => {
  async function lively(bench: ConformanceBench): Promise<ConformanceClient> {
    const client = await bench.open(4);
    client.send(LIVELY);
    expect(await hexOf(client, 1)).toEqual(['20020000']);
    return client;
  }

  it('[MQTT311-3.1.2-24] one and a half times passed in silence ends the connection like a failed network', async () => {
    const { bench, reader } = await watched();
    const client = await lively(bench);
    bench.clock.advance(KEEP_ALIVE_MS * 1.5 - 1);
    expect(await reader.settled()).toEqual([]);
    expect(bench.broker.client('c')!.view.connected).toBe(true);
    bench.clock.advance(1_001);
    expect(await client.closed()).toEqual([]);
    expect(await reader.texts()).toEqual(['will gone 0']);
  });

  it.each([
    ['PINGREQ', packet(0xc0), packet(0xd0)],
    ['PUBLISH', packet(0x32, 'x', 0, 1), packet(0x40, 0, 1)],
    ['SUBSCRIBE', packet(0x82, 0, 1, 'x', 0), packet(0x90, 0, 1, 0)],
    ['UNSUBSCRIBE', packet(0xa2, 0, 1, 'x'), packet(0xb0, 0, 1)],
    ['PUBREL', packet(0x62, 0, 1), packet(0x70, 0, 1)],
  ])('[MQTT311-3.1.2-24] %s in time keeps the connection', async (_name, alive, answer) => {
    const bench = await ConformanceBench.start();
    const client = await lively(bench);
    for (let round = 0; round < 5; round++) {
      bench.clock.advance(KEEP_ALIVE_MS * 1.4);
      client.send(alive);
      expect(await hexOf(client, 1)).toEqual([answer.toString('hex')]);
    }
    bench.clock.advance(KEEP_ALIVE_MS * 1.5 + 1_000);
    expect(await client.closed()).toEqual([]);
  });

  it('[MQTT311-3.1.2-24] what the broker sends is no sign of life', async () => {
    const bench = await ConformanceBench.start();
    const client = await lively(bench);
    await client.subscribe('t');
    const writer = await client311(bench, 'w');
    for (let round = 0; round < 2; round++) {
      bench.clock.advance(KEEP_ALIVE_MS * 0.8);
      await writer.publish('t', 'x');
    }
    expect((await client.closed()).every(({ type }) => type === 'publish')).toBe(true);
    expect(bench.broker.client('c')).toBe(null);
  });

  it('[MQTT311-3.1.2-24] 0 waits for ever', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    bench.clock.advance(365 * 86_400_000);
    expect(await client.settled()).toEqual([]);
  });
});

describe('PINGREQ', () => {
  it('[MQTT311-3.12.4-1] is answered by PINGRESP, each one', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c');
    client.send(packet(0xc0), packet(0xc0), packet(0xc0));
    expect(await hexOf(client, 3)).toEqual(['d000', 'd000', 'd000']);
  });
});

describe('DISCONNECT', () => {
  it('[MQTT311-3.14.4-3] ends the connection, and nothing behind it is acted upon', async () => {
    const { bench, reader } = await watched();
    const client = await mortal(bench, CLEAN);
    expect(await client.fate(DISCONNECT, packet(0x30, 't', 0x78), packet(0xc0))).toEqual([]);
    expect(await reader.settled()).toEqual([]);
    expect(bench.broker.client('c')).toBe(null);
  });
});
