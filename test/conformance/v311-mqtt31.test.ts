import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ConformanceBench, type ConformanceClient, packet } from '../support/conformance-client.ts';
import { CLEAN, client311, CONNACK, hexOf, PASSWORD, USER_NAME, WILL } from '../support/conformance-v311.ts';

/* What is different in MQTT 3.1 (2010), whose statements have no numbers. */

function connect31(flags: number, ...payload: (number | string | Uint8Array)[]): Buffer {
  return packet(0x10, 'MQIsdp', 3, flags, 0, 0, ...payload);
}

/** Its CONNECT and the answer to it in hex. */
async function login31(
  bench: ConformanceBench,
  flags: number,
  ...payload: (number | string | Uint8Array)[]
): Promise<{ client: ConformanceClient; connack: string }> {
  const client = await bench.open(3);
  client.send(connect31(flags, ...payload));
  return { client, connack: (await hexOf(client, 1))[0]! };
}

describe('MQTT 3.1: CONNECT', () => {
  it('is MQIsdp with level 3, and nothing between that and 3.1.1', async () => {
    const bench = await ConformanceBench.start();
    expect((await login31(bench, CLEAN, 'c')).connack).toBe(CONNACK(0));
    for (const [name, level] of [
      ['MQIsdp', 2],
      ['MQIsdp', 4],
      ['MQTT', 3],
    ] as const) {
      const client = await bench.open(3);
      client.send(packet(0x10, name, level, CLEAN, 0, 0, 'd'));
      expect(await hexOf(client, 1)).toEqual([CONNACK(1)]);
      expect(await client.closed()).toEqual([]);
    }
  });

  it('has to name the client, with Clean Session 0 or 1', async () => {
    const bench = await ConformanceBench.start();
    for (const flags of [0, CLEAN]) {
      const { client, connack } = await login31(bench, flags, '');
      expect(connack).toBe(CONNACK(2));
      expect(await client.closed()).toEqual([]);
    }
  });

  it('may name it with more than 23 characters', async () => {
    const bench = await ConformanceBench.start();
    const { client, connack } = await login31(bench, CLEAN, 'a-client-identifier-of-more-than-23-characters');
    expect(connack).toBe(CONNACK(0));
    expect(await client.settled()).toEqual([]);
  });

  it('may announce a user name and a password that it does not send', async () => {
    const seen: unknown[] = [];
    const bench = await ConformanceBench.start({
      authenticate: ({ username, password }) => {
        seen.push([username, password && Buffer.from(password).toString()]);
        return { username };
      },
    });
    const flags = CLEAN | USER_NAME | PASSWORD;
    for (const payload of [['c'], ['c', 'ann'], ['c', 'ann', 'secret']])
      expect((await login31(bench, flags, ...payload)).connack).toBe(CONNACK(0));
    expect(seen).toEqual([
      [null, null],
      ['ann', null],
      ['ann', 'secret'],
    ]);
    // But not one that is cut off, and no password alone.
    for (const broken of [connect31(flags, 'c', 0, 9, 0x61), connect31(CLEAN | PASSWORD, 'c', 'secret')]) {
      const client = await bench.open(3);
      expect(await client.fate(broken)).toEqual([]);
    }
  });

  it('is answered without Session Present, whatever there is', async () => {
    const bench = await ConformanceBench.start();
    const before = await login31(bench, 0, 'c');
    await before.client.subscribe('t', 1);
    await bench.cut(before.client);
    await (await client311(bench, 'w')).publish('t', 'meanwhile', 1);
    const after = await login31(bench, 0, 'c');
    expect([before.connack, after.connack]).toEqual([CONNACK(0), CONNACK(0)]);
    expect(await after.client.texts()).toEqual(['t meanwhile 1']);
  });

  it('has the return codes of 3.1.1', async () => {
    let reasonCode = 0;
    const bench = await ConformanceBench.start({ authenticate: () => ({ reasonCode }) });
    for (const [v5, returnCode] of [
      [0x85, 2],
      [0x88, 3],
      [0x86, 4],
      [0x87, 5],
    ] as const) {
      reasonCode = v5;
      const { client, connack } = await login31(bench, CLEAN, 'c');
      expect(connack).toBe(CONNACK(returnCode));
      expect(await client.closed()).toEqual([]);
    }
  });
});

describe('MQTT 3.1: everything else', () => {
  it('may repeat PUBREL, SUBSCRIBE and UNSUBSCRIBE with DUP', async () => {
    const bench = await ConformanceBench.start();
    const { client } = await login31(bench, CLEAN, 'c');
    client.send(packet(0x82, 0, 1, 't', 1), packet(0x8a, 0, 1, 't', 1));
    expect(await hexOf(client, 2)).toEqual(['9003000101', '9003000101']);
    client.send(packet(0xa2, 0, 2, 't'), packet(0xaa, 0, 2, 't'));
    expect(await hexOf(client, 2)).toEqual(['b0020002', 'b0020002']);
    client.send(packet(0x34, 'u', 0, 3), packet(0x62, 0, 3), packet(0x6a, 0, 3));
    expect(await hexOf(client, 3)).toEqual(['50020003', '70020003', '70020003']);
  });

  it('may not set any other flag', async () => {
    const bench = await ConformanceBench.start();
    for (const broken of [
      packet(0x83, 0, 1, 't', 1),
      packet(0x60, 0, 1),
      packet(0xae, 0, 1, 't'),
      packet(0xc8),
    ]) {
      const { client } = await login31(bench, CLEAN, 'c');
      expect(await client.fate(broken)).toEqual([]);
    }
  });

  it('is told 0x80 for a subscription that is not allowed', async () => {
    const bench = await ConformanceBench.start({ authorize: ({ topic }) => topic !== 'forbidden' });
    const { client } = await login31(bench, CLEAN, 'c');
    client.send(packet(0x82, 0, 1, 'forbidden', 1, 'allowed', 2));
    expect(await hexOf(client, 1)).toEqual(['900400018002']);
  });

  it('sends and gets messages, retained ones and wills like 3.1.1', async () => {
    const bench = await ConformanceBench.start();
    const newer = await client311(bench, 'newer');
    await newer.subscribe('#', 2);
    const { client } = await login31(bench, CLEAN | WILL | 0x28, 'c', 'will', 'gone');
    await client.subscribe('down/+', 2);
    for (const qos of [0, 1, 2] as const) {
      await client.publish('up', `${qos}`, qos, { retain: qos === 1 });
      await newer.publish('down/x', `${qos}`, qos);
    }
    expect(await client.texts()).toEqual(['down/x 0 0', 'down/x 1 1', 'down/x 2 2']);
    await bench.cut(client);
    const texts = await newer.texts();
    expect(texts.filter((text) => !text.startsWith('down'))).toEqual([
      'up 0 0',
      'up 1 1',
      'up 2 2',
      'will gone 1',
    ]);
    const late = await login31(bench, CLEAN, 'late');
    await late.client.subscribe('+', 2);
    expect((await late.client.texts()).sort()).toEqual(['up 1 1r', 'will gone 1r']);
  });
});
