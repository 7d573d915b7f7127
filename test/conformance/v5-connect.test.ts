import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  ConformanceBench,
  connectBytes,
  outcomes,
  packet,
  prefixed,
} from '../support/conformance-client.ts';

/* CONNECT: MQTT 5.0 §3.1. Wills and keep-alive have files of their own. */

const CLEAN = 0x02;
const WILL = 0x04;
const PASSWORD = 0x40;
const USER_NAME = 0x80;
const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

describe('the first packet', () => {
  it('[MQTT-3.1.0-1] is CONNECT, or the connection ends', async () => {
    const bench = await ConformanceBench.start();
    for (const other of [
      packet(0xc0),
      packet(0x30, 't', 0),
      packet(0x82, 0, 1, 0, 't', 0),
      packet(0xe0),
      packet(0xf0),
    ]) {
      const client = await bench.open();
      const before = await client.fate(other);
      expect(before.join()).not.toContain('disconnect');
      expect(before.join()).not.toContain('0x00');
    }
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT-3.1.0-2] comes once: a second CONNECT is a Protocol Error', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(connectBytes(CLEAN, 'c'))).toEqual(['disconnect 0x82']);
  });

  it('[MQTT-3.1.2-1] names the protocol MQTT', async () => {
    const bench = await ConformanceBench.start();
    for (const name of ['MQTt', 'mqtt', 'MQTTT', '', 'HTTP']) {
      const client = await bench.open();
      const before = await client.fate(packet(0x10, name, 5, CLEAN, 0, 0, 0, 'c'));
      expect(['', 'connack 0x84']).toContain(before.join());
    }
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT-3.1.2-2] [MQTT-3.2.2-8] of a version that is not spoken is refused with 0x84', async () => {
    const bench = await ConformanceBench.start();
    for (const version of [6, 7, 255]) {
      const client = await bench.open();
      expect(await client.fate(packet(0x10, 'MQTT', version, CLEAN, 0, 0, 0, 'c'))).toEqual(['connack 0x84']);
    }
  });

  it('[MQTT-3.1.2-3] [MQTT-3.1.4-1] has a reserved flag of 0', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open();
    expect(await client.fate(connectBytes(CLEAN | 1, 'c'))).toEqual(['connack 0x81']);
    expect(bench.broker.clients()).toEqual([]);
  });
});

describe('Clean Start', () => {
  const lasting = { properties: { sessionExpirySeconds: 1_000 } };

  it('[MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] 1 throws the old session away', async () => {
    const bench = await ConformanceBench.start();
    const before = await bench.client('c', lasting);
    await before.subscribe('t', 1);
    await bench.cut(before);
    await (await bench.client('w')).publish('t', 'for nobody', 1);
    const after = await bench.open();
    const connack = await after.login({ clientId: 'c', cleanStart: true, ...lasting });
    expect(connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
    await (await bench.client('w')).publish('t', 'nobody subscribes', 1);
    expect(await after.texts()).toEqual([]);
  });

  it('[MQTT-3.1.2-5] [MQTT-3.2.2-3] 0 goes on with the session that is there', async () => {
    const bench = await ConformanceBench.start();
    const before = await bench.client('c', lasting);
    await before.subscribe('t', 1);
    await bench.cut(before);
    await (await bench.client('w')).publish('t', 'meanwhile', 1);
    const after = await bench.open();
    const connack = await after.login({ clientId: 'c', cleanStart: false, ...lasting });
    expect(connack).toMatchObject({ sessionPresent: true, reasonCode: 0 });
    await (await bench.client('w')).publish('t', 'and now', 1);
    expect(await after.texts()).toEqual(['t meanwhile 1', 't and now 1']);
  });

  it('[MQTT-3.1.2-6] [MQTT-3.2.2-3] 0 makes a session where there is none', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open();
    const connack = await client.login({ clientId: 'c', cleanStart: false, ...lasting });
    expect(connack).toMatchObject({ sessionPresent: false, reasonCode: 0 });
    await client.subscribe('t', 1);
    await client.publish('t', 'x');
    expect(await client.texts()).toEqual(['t x 0']);
  });
});

describe('flags and payload', () => {
  it.each([
    ['[MQTT-3.1.2-9] a will without topic and payload', CLEAN | WILL, ['c']],
    ['[MQTT-3.1.2-9] a will without its properties', CLEAN | WILL, ['c', 'topic', 'payload']],
    ['[MQTT-3.1.2-11] Will QoS 1 without a will', CLEAN | 0x08, ['c']],
    ['[MQTT-3.1.2-11] Will QoS 2 without a will', CLEAN | 0x10, ['c']],
    ['[MQTT-3.1.2-12] Will QoS 3', CLEAN | WILL | 0x18, ['c', 0, 'topic', 'payload']],
    ['[MQTT-3.1.2-13] Will Retain without a will', CLEAN | 0x20, ['c']],
    ['[MQTT-3.1.2-16] a user name without its flag', CLEAN, ['c', 'ann']],
    ['[MQTT-3.1.2-17] a user name flag without a name', CLEAN | USER_NAME, ['c']],
    ['[MQTT-3.1.2-18] a password without its flag', CLEAN | USER_NAME, ['c', 'ann', 'secret']],
    ['[MQTT-3.1.2-19] a password flag without a password', CLEAN | USER_NAME | PASSWORD, ['c', 'ann']],
    ['[MQTT-3.1.3-3] no client id', CLEAN, []],
    ['[MQTT-3.1.3-4] a client id that is no text', CLEAN, [prefixed([0xff])]],
    ['[MQTT-3.1.3-11] a will topic that is no text', CLEAN | WILL, ['c', 0, prefixed([0xff]), 'payload']],
    ['[MQTT-3.1.3-12] a user name that is no text', CLEAN | USER_NAME, ['c', prefixed([0xff])]],
  ])('[MQTT-3.1.4-1] %s is malformed', async (_name, flags, payload) => {
    const bench = await ConformanceBench.start();
    const client = await bench.open();
    expect(await client.fate(connectBytes(flags, ...payload))).toEqual(['connack 0x81']);
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT-3.1.3-1] [MQTT-3.1.2-17] [MQTT-3.1.2-19] are read in their order', async () => {
    const seen: unknown[] = [];
    const bench = await ConformanceBench.start({
      authenticate: ({ clientId, username, password }) => {
        seen.push(clientId, username, Buffer.from(password!).toString());
        return { username };
      },
    });
    const client = await bench.open();
    const flags = CLEAN | WILL | USER_NAME | PASSWORD;
    client.send(connectBytes(flags, 'c', 0, 'last/words', 'farewell', 'ann', 'secret'));
    expect(outcomes([await client.next()])).toEqual(['connack 0x00']);
    expect(seen).toEqual(['c', 'ann', 'secret']);
    expect(bench.broker.client('c')!.will).toMatchObject({ topic: 'last/words', bytes: 8 });
  });

  it('[MQTT-3.1.2-18] [MQTT-3.1.2-16] a password may come without a user name in MQTT 5', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open();
    client.send(connectBytes(CLEAN | PASSWORD, 'c', 'secret'));
    expect(outcomes([await client.next()])).toEqual(['connack 0x00']);
  });

  it('[MQTT-3.1.4-1] a property twice, or with a value that it cannot have, is a Protocol Error', async () => {
    const bench = await ConformanceBench.start();
    for (const properties of [
      bytes(0x21, 0, 0),
      bytes(0x27, 0, 0, 0, 0),
      bytes(0x17, 2),
      bytes(0x19, 2),
      bytes(0x21, 0, 1, 0x21, 0, 1),
      bytes(0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1),
      bytes(0x16, 'data without a method'),
    ]) {
      const client = await bench.open();
      const connect = packet(0x10, 'MQTT', 5, CLEAN, 0, 0, properties.length, properties, 'c');
      expect(await client.fate(connect)).toEqual(['connack 0x82']);
    }
    const foreign = await bench.open();
    expect(await foreign.fate(packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 3, 0x23, 0, 1, 'c'))).toEqual([
      'connack 0x81',
    ]);
  });
});

describe('the client identifier', () => {
  it('[MQTT-3.1.3-2] finds the state of its client and of no other', async () => {
    const bench = await ConformanceBench.start();
    const lasting = { properties: { sessionExpirySeconds: 1_000 } };
    for (const id of ['one', 'two']) {
      const client = await bench.client(id, lasting);
      await client.subscribe(id, 1);
      await bench.cut(client);
    }
    const writer = await bench.client('w');
    await writer.publish('one', '1', 1);
    await writer.publish('two', '2', 1);
    const two = await bench.client('two', { cleanStart: false, ...lasting });
    expect(await two.texts()).toEqual(['two 2 1']);
    const other = await bench.open();
    expect(await other.login({ clientId: 'One', cleanStart: false })).toMatchObject({
      sessionPresent: false,
    });
  });

  it('[MQTT-3.1.3-5] may have 1 to 23 digits and letters', async () => {
    const bench = await ConformanceBench.start();
    const ids = [...LETTERS, LETTERS.slice(0, 23), LETTERS.slice(23, 46), LETTERS.slice(39)];
    for (const id of ids) await bench.client(id);
    expect(new Set(bench.broker.clients().map(({ clientId }) => clientId))).toEqual(new Set(ids));
  });

  it('[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] is given when there is none, and is nobody else’s', async () => {
    const bench = await ConformanceBench.start();
    const ids = new Set<string>();
    for (let round = 0; round < 5; round++) {
      const client = await bench.open();
      const { properties, reasonCode } = await client.login({
        clientId: '',
        properties: { sessionExpirySeconds: 100 },
      });
      expect(reasonCode).toBe(0);
      ids.add(properties.assignedClientId!);
      if (round > 0) continue;
      // It is the name of a session like any other: the client can come back under it.
      await client.subscribe('t', 1);
      await bench.cut(client);
      const again = await bench.open();
      const lasting = { clientId: properties.assignedClientId!, cleanStart: false };
      expect(await again.login(lasting)).toMatchObject({ sessionPresent: true });
    }
    expect(ids.size).toBe(5);
    expect(ids.has('')).toBe(false);
  });

  it('[MQTT-3.1.3-8] that is refused ends the connection', async () => {
    const bench = await ConformanceBench.start({ authenticate: () => ({ reasonCode: 0x85 }) });
    const client = await bench.open();
    expect(await client.fate(connectBytes(CLEAN, 'c'))).toEqual(['connack 0x85']);
  });
});

describe('what CONNECT does', () => {
  it('[MQTT-3.1.4-2] a failed check ends the connection', async () => {
    const bench = await ConformanceBench.start({}, { anonymous: false });
    const client = await bench.open();
    expect(await client.fate(connectBytes(CLEAN, 'c'))).toEqual(['connack 0x87']);
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT-3.1.4-3] takes the client over: 0x8E for the connection before', async () => {
    const bench = await ConformanceBench.start();
    const before = await bench.client('c');
    const after = await bench.client('c');
    expect(outcomes(await before.closed())).toEqual(['disconnect 0x8e']);
    expect(await after.settled()).toEqual([]);
  });

  it('[MQTT-3.1.4-5] [MQTT-3.2.0-1] [MQTT-3.2.0-2] is answered by one CONNACK, before everything else', async () => {
    const bench = await ConformanceBench.start();
    const lasting = { properties: { sessionExpirySeconds: 1_000 } };
    const before = await bench.client('c', lasting);
    await before.subscribe('t', 1);
    await bench.cut(before);
    await (await bench.client('w')).publish('t', 'waits', 1);
    const after = await bench.open();
    after.send(connectBytes(0, 'c'), packet(0x82, 0, 1, 0, 'u', 0), packet(0xc0));
    const types = [await after.next(), await after.next(), await after.next(), await after.next()];
    expect(types.map(({ type }) => type).slice(0, 1)).toEqual(['connack']);
    expect(types.map(({ type }) => type).sort()).toEqual(['connack', 'pingresp', 'publish', 'suback']);
    expect(types[0]).toMatchObject({ reasonCode: 0 });
    expect(await after.settled()).toEqual([]);
  });

  it('[MQTT-3.1.4-6] refused: nothing behind it is acted on', async () => {
    const bench = await ConformanceBench.start({
      authenticate: ({ clientId }) => (clientId === 'bad' ? { reasonCode: 0x87 } : { username: null }),
    });
    const reader = await bench.client('r');
    await reader.subscribe('#');
    const bad = await bench.open();
    const behind = packet(0x31, 't', 0, 0x78);
    expect(await bad.fate(connectBytes(CLEAN, 'bad'), behind, packet(0x82, 0, 1, 0, 't', 0))).toEqual([
      'connack 0x87',
    ]);
    expect(await reader.settled()).toEqual([]);
    expect(bench.broker.retainedCount).toBe(0);
  });
});
