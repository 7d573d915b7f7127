import { describe, expect, it } from 'vitest';
import { ConformanceBench, type ConformanceClient, packet } from '../support/conformance-client.ts';
import { client311, connect311 } from '../support/conformance-v311.ts';

/* Sessions: MQTT 3.1.1 §3.1.2.4, §3.2.2.2, §4.1. */

const LASTING = { cleanStart: false };
const YEAR_MS = 365 * 86_400_000;

/** Session Present of a new connection of the client, which stays open. */
async function comeBack(
  bench: ConformanceBench,
  clientId: string,
  cleanStart: boolean,
): Promise<{ client: ConformanceClient; sessionPresent: boolean }> {
  const client = await bench.open(4);
  const { sessionPresent, reasonCode } = await client.login({ clientId, cleanStart });
  expect(reasonCode).toBe(0);
  return { client, sessionPresent };
}

describe('Clean Session 0', () => {
  it.each([
    ['DISCONNECT', (_: ConformanceBench, client: ConformanceClient) => client.fate(packet(0xe0))],
    ['a lost connection', (bench: ConformanceBench, client: ConformanceClient) => bench.cut(client)],
    ['a protocol violation', (_: ConformanceBench, client: ConformanceClient) => client.fate(packet(0xf0))],
  ])(
    '[MQTT311-3.1.2-4] [MQTT311-3.1.4-3] [MQTT311-3.2.2-2] [MQTT311-4.1.0-1] resumes the session after %s',
    async (_name, end) => {
      const bench = await ConformanceBench.start();
      const before = await client311(bench, 'c', LASTING);
      await before.subscribe('t', 1);
      await end(bench, before);
      bench.clock.advance(YEAR_MS);
      const { client, sessionPresent } = await comeBack(bench, 'c', false);
      expect(sessionPresent).toBe(true);
      await client.publish('t', 'still subscribed', 1);
      expect(await client.texts()).toEqual(['t still subscribed 1']);
    },
  );

  it('[MQTT311-3.1.2-4] [MQTT311-3.2.2-2] resumes it also from a connection that it takes over', async () => {
    const bench = await ConformanceBench.start();
    const before = await client311(bench, 'c', LASTING);
    await before.subscribe('t', 1);
    const { client, sessionPresent } = await comeBack(bench, 'c', false);
    expect(sessionPresent).toBe(true);
    await client.publish('t', 'x', 1);
    expect(await client.texts()).toEqual(['t x 1']);
    expect(await before.closed()).toEqual([]);
  });

  it('[MQTT311-3.1.2-4] [MQTT311-3.2.2-3] makes a session where there is none, which is kept', async () => {
    const bench = await ConformanceBench.start();
    const first = await comeBack(bench, 'c', false);
    expect(first.sessionPresent).toBe(false);
    await first.client.subscribe('t');
    await first.client.publish('t', 'x');
    expect(await first.client.texts()).toEqual(['t x 0']);
    await bench.cut(first.client);
    expect((await comeBack(bench, 'c', false)).sessionPresent).toBe(true);
  });

  it('[MQTT311-3.1.2-5] [MQTT311-4.1.0-1] collects QoS 1 and 2 messages while the client is away', async () => {
    const bench = await ConformanceBench.start();
    const before = await client311(bench, 'c', LASTING);
    await before.subscribe('one/#', 1);
    await before.subscribe('two/+', 2);
    await before.subscribe('zero', 0);
    await bench.cut(before);
    const writer = await client311(bench, 'w');
    await writer.publish('one/a', '1', 1);
    await writer.publish('two/b', '2', 2);
    await writer.publish('one/c', '3', 2);
    await writer.publish('other', '4', 2);
    await writer.publish('two/d', '5', 1);
    const { client } = await comeBack(bench, 'c', false);
    expect(await client.texts()).toEqual(['one/a 1 1', 'two/b 2 2', 'one/c 3 1', 'two/d 5 1']);
  });

  it('[MQTT311-3.1.3-2] is of one client identifier and of no other', async () => {
    const bench = await ConformanceBench.start();
    for (const id of ['one', 'two']) {
      const client = await client311(bench, id, LASTING);
      await client.subscribe(id, 1);
      await bench.cut(client);
    }
    const writer = await client311(bench, 'w');
    await writer.publish('one', '1', 1);
    await writer.publish('two', '2', 1);
    expect(await (await comeBack(bench, 'two', false)).client.texts()).toEqual(['two 2 1']);
    expect(await (await comeBack(bench, 'one', false)).client.texts()).toEqual(['one 1 1']);
    for (const id of ['One', 'onE', 'one ', 'on'])
      expect((await comeBack(bench, id, false)).sessionPresent).toBe(false);
  });
});

describe('Clean Session 1', () => {
  it('[MQTT311-3.1.2-6] [MQTT311-3.1.4-3] [MQTT311-3.2.2-1] discards subscriptions, queue and what is owed', async () => {
    const bench = await ConformanceBench.start();
    const before = await client311(bench, 'c', LASTING);
    await before.subscribe('t', 2);
    await before.publish('t', 'owed', 2);
    expect(await before.texts()).toEqual(['t owed 2']);
    // Also what it said itself and did not release: PUBREC came for packet identifier 5.
    await before.ask(packet(0x34, 'u', 0, 5, 0x78));
    await bench.cut(before);
    const writer = await client311(bench, 'w');
    await writer.publish('t', 'queued', 2);
    const { client, sessionPresent } = await comeBack(bench, 'c', true);
    expect(sessionPresent).toBe(false);
    await writer.publish('t', 'nobody subscribes', 2);
    expect(await client.texts()).toEqual([]);
    // The identifier of the discarded session is free: this is a new message.
    await client.subscribe('u', 0);
    client.send(packet(0x34, 'u', 0, 5, 0x79));
    expect((await client.settled()).map(({ type }) => type).sort()).toEqual(['publish', 'pubrec']);
  });

  it('[MQTT311-3.1.2-6] [MQTT311-3.2.2-3] leaves nothing to a later session', async () => {
    const bench = await ConformanceBench.start();
    for (const end of ['cut', 'disconnect']) {
      const before = await client311(bench, 'c', { cleanStart: true });
      await before.subscribe('t', 1);
      if (end === 'cut') await bench.cut(before);
      else await before.fate(packet(0xe0));
      const { client, sessionPresent } = await comeBack(bench, 'c', false);
      expect([end, sessionPresent]).toEqual([end, false]);
      await client.publish('t', 'x', 1);
      expect(await client.texts()).toEqual([]);
    }
  });

  it('[MQTT311-3.2.2-1] has Session Present 0 in every byte', async () => {
    const bench = await ConformanceBench.start();
    await bench.cut(await client311(bench, 'c', LASTING));
    const client = await bench.open(4);
    client.send(connect311(0x02, 'c'));
    expect((await client.nextBytes()).toString('hex')).toBe('20020000');
  });

  it('[MQTT311-3.1.2-7] leaves retained messages where they are', async () => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'w', { cleanStart: true });
    await writer.publish('t', 'retained', 1, { retain: true });
    await writer.fate(packet(0xe0));
    await comeBack(bench, 'w', true);
    bench.clock.advance(YEAR_MS);
    const reader = await client311(bench, 'r');
    await reader.subscribe('t', 1);
    expect(await reader.texts()).toEqual(['t retained 1r']);
  });

  it('[MQTT311-4.1.0-2] lasts as long as the connection', async () => {
    const bench = await ConformanceBench.start();
    const client = await client311(bench, 'c', { cleanStart: true });
    await client.subscribe('t', 1);
    bench.clock.advance(YEAR_MS);
    await client.publish('t', 'a year later', 1);
    expect(await client.texts()).toEqual(['t a year later 1']);
  });
});
