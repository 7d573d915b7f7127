import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ConformanceBench, packet, prefixed } from '../support/conformance-client.ts';
import {
  CLEAN,
  client311,
  CONNACK,
  connect311,
  hexOf,
  PASSWORD,
  USER_NAME,
  WILL,
} from '../support/conformance-v311.ts';

/* CONNECT and CONNACK: MQTT 3.1.1 §3.1, §3.2. Sessions and wills have files of their own. */

const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** The reason code that an authenticator gives, and the return code of 3.1.1 that says the same. */
const REFUSALS = [
  [0x85, 2],
  [0x88, 3],
  [0x86, 4],
  [0x87, 5],
] as const;

describe('the first packet', () => {
  it('[MQTT311-3.1.0-1] is CONNECT, or the connection ends in silence', async () => {
    const bench = await ConformanceBench.start();
    for (const other of [
      packet(0xc0),
      packet(0x30, 't'),
      packet(0x82, 0, 1, 't', 0),
      packet(0xe0),
      packet(0x20, 0, 0),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    ]) {
      const client = await bench.open(4);
      expect(await client.fate(other)).toEqual([]);
    }
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT311-3.1.0-2] comes once: a second CONNECT ends the connection', async () => {
    const bench = await ConformanceBench.start();
    for (const second of [connect311(CLEAN, 'c'), connect311(CLEAN, 'other'), connect311(0, 'c')]) {
      const client = await client311(bench, 'c');
      expect(await client.fate(second)).toEqual([]);
    }
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT311-3.1.2-1] with another protocol name is not taken for MQTT', async () => {
    const bench = await ConformanceBench.start();
    for (const name of ['MQTt', 'mqtt', 'MQTTT', 'MQT', '', 'HTTP']) {
      const client = await bench.open(4);
      expect(await client.fate(packet(0x10, name, 4, CLEAN, 0, 0, 'c'))).toEqual([]);
    }
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT311-3.1.2-2] [MQTT311-3.2.2-5] with a level that is not spoken gets return code 1', async () => {
    const bench = await ConformanceBench.start();
    // 0x83 and 0x84 come from bridges of Mosquitto, which try again without the highest bit when they are told 1.
    for (const level of [0, 1, 2, 3, 0x83, 0x84]) {
      const client = await bench.open(4);
      client.send(packet(0x10, 'MQTT', level, CLEAN, 0, 0, 'c'));
      expect(await hexOf(client, 1)).toEqual([CONNACK(1)]);
      expect(await client.closed()).toEqual([]);
    }
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT311-3.1.2-3] with its reserved flag ends the connection', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open(4);
    expect(await client.fate(connect311(CLEAN | 1, 'c'))).toEqual([]);
    expect(bench.broker.clients()).toEqual([]);
  });
});

describe('flags and payload', () => {
  it.each([
    ['[MQTT311-3.1.2-9] a will without topic and message', CLEAN | WILL, ['c']],
    ['[MQTT311-3.1.2-9] a will without a message', CLEAN | WILL, ['c', 'topic']],
    ['[MQTT311-3.1.2-11] topic and message of a will without its flag', CLEAN, ['c', 'topic', 'message']],
    ['[MQTT311-3.1.2-11] [MQTT311-3.1.2-13] Will QoS 1 without a will', CLEAN | 0x08, ['c']],
    ['[MQTT311-3.1.2-11] [MQTT311-3.1.2-13] Will QoS 2 without a will', CLEAN | 0x10, ['c']],
    ['[MQTT311-3.1.2-14] Will QoS 3', CLEAN | WILL | 0x18, ['c', 'topic', 'message']],
    ['[MQTT311-3.1.2-11] [MQTT311-3.1.2-15] Will Retain without a will', CLEAN | 0x20, ['c']],
    ['[MQTT311-3.1.2-18] a user name without its flag', CLEAN, ['c', 'ann']],
    ['[MQTT311-3.1.2-19] a user name flag without a name', CLEAN | USER_NAME, ['c']],
    ['[MQTT311-3.1.2-20] a password without its flag', CLEAN | USER_NAME, ['c', 'ann', 'secret']],
    ['[MQTT311-3.1.2-21] a password flag without a password', CLEAN | USER_NAME | PASSWORD, ['c', 'ann']],
    ['[MQTT311-3.1.2-22] a password flag without the user name flag', CLEAN | PASSWORD, ['c', 'secret']],
    ['[MQTT311-3.1.3-3] no client identifier', CLEAN, []],
    ['[MQTT311-3.1.3-3] a client identifier that is cut off', CLEAN, [0, 5, 0x63]],
    ['[MQTT311-3.1.3-4] a client identifier that is no text', CLEAN, [prefixed([0xff])]],
    ['[MQTT311-3.1.3-10] a will topic that is no text', CLEAN | WILL, ['c', prefixed([0xff]), 'message']],
    ['[MQTT311-3.1.3-11] a user name that is no text', CLEAN | USER_NAME, ['c', prefixed([0xff])]],
  ])('[MQTT311-3.1.4-1] %s: no CONNACK, and the end', async (_name, flags, payload) => {
    const bench = await ConformanceBench.start();
    const client = await bench.open(4);
    expect(await client.fate(connect311(flags, ...payload))).toEqual([]);
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT311-3.1.4-1] a CONNECT that stops short: no CONNACK, and the end', async () => {
    const bench = await ConformanceBench.start();
    const whole = connect311(CLEAN, 'c').subarray(2);
    for (let length = 0; length < whole.length; length++) {
      const client = await bench.open(4);
      expect([length, await client.fate(packet(0x10, whole.subarray(0, length)))]).toEqual([length, []]);
    }
  });

  it('[MQTT311-3.1.3-1] [MQTT311-3.1.2-9] [MQTT311-3.1.2-19] [MQTT311-3.1.2-21] are read in their order', async () => {
    const seen: unknown[] = [];
    const bench = await ConformanceBench.start({
      authenticate: ({ clientId, username, password }) => {
        seen.push(clientId, username, Buffer.from(password!).toString());
        return { username };
      },
    });
    const client = await bench.open(4);
    const flags = CLEAN | WILL | 0x30 | USER_NAME | PASSWORD;
    client.send(connect311(flags, 'c', 'last/words', 'farewell', 'ann', 'secret'));
    expect(await hexOf(client, 1)).toEqual([CONNACK(0)]);
    expect(seen).toEqual(['c', 'ann', 'secret']);
    const will = { topic: 'last/words', bytes: 8, qos: 2, retain: true };
    expect(bench.broker.client('c')!.will).toMatchObject(will);
  });

  it('[MQTT311-3.1.2-18] [MQTT311-3.1.2-20] are taken for absent without their flags', async () => {
    const seen: unknown[] = [];
    const bench = await ConformanceBench.start({
      authenticate: ({ username, password }) => {
        seen.push([username, password]);
        return { username };
      },
    });
    await client311(bench, 'c');
    const named = await bench.open(4);
    named.send(connect311(CLEAN | USER_NAME, 'd', 'ann'));
    expect(await hexOf(named, 1)).toEqual([CONNACK(0)]);
    expect(seen).toEqual([
      [null, null],
      ['ann', null],
    ]);
  });
});

describe('the client identifier', () => {
  it('[MQTT311-3.1.3-5] [MQTT311-3.1.4-4] may have 1 to 23 digits and letters', async () => {
    const bench = await ConformanceBench.start();
    const ids = [...LETTERS, LETTERS.slice(0, 23), LETTERS.slice(23, 46), LETTERS.slice(39)];
    for (const id of ids) {
      const client = await bench.open(4);
      client.send(connect311(CLEAN, id));
      expect(await hexOf(client, 1)).toEqual([CONNACK(0)]);
    }
    expect(new Set(bench.broker.clients().map(({ clientId }) => clientId))).toEqual(new Set(ids));
  });

  it('[MQTT311-3.1.3-6] [MQTT311-3.1.3-7] is made up for a clean session that has none, and is nobody else’s', async () => {
    const bench = await ConformanceBench.start();
    const clients = [];
    for (let round = 0; round < 3; round++) {
      const client = await bench.open(4);
      client.send(connect311(CLEAN, ''));
      expect(await hexOf(client, 1)).toEqual([CONNACK(0)]);
      await client.subscribe(`to/${round}`);
      clients.push(client);
    }
    const ids = bench.broker.clients().map(({ clientId }) => clientId);
    expect([new Set(ids).size, ids.includes('')]).toEqual([3, false]);
    for (const [round, client] of clients.entries()) {
      await clients[0]!.publish(`to/${round}`, 'x');
      expect(await client.texts()).toEqual([`to/${round} x 0`]);
    }
  });

  it('[MQTT311-3.1.3-7] [MQTT311-3.1.3-8] [MQTT311-3.2.2-5] has to be there for a session that lasts', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open(4);
    client.send(connect311(0, ''));
    expect(await hexOf(client, 1)).toEqual([CONNACK(2)]);
    expect(await client.closed()).toEqual([]);
    expect(bench.broker.clients()).toEqual([]);
  });
});

describe('a CONNECT that is refused', () => {
  it('[MQTT311-3.1.3-9] [MQTT311-3.2.2-4] [MQTT311-3.2.2-5] gets its return code without Session Present, then the end', async () => {
    let refusal: number | null = null;
    const bench = await ConformanceBench.start({
      authenticate: () => (refusal === null ? { username: null } : { reasonCode: refusal }),
    });
    // A session is there: Session Present would be 1 if the client were let in.
    await bench.cut(await client311(bench, 'c', { cleanStart: false }));
    for (const [reasonCode, returnCode] of REFUSALS) {
      refusal = reasonCode;
      const client = await bench.open(4);
      client.send(connect311(0, 'c'));
      expect(await hexOf(client, 1)).toEqual([CONNACK(returnCode)]);
      expect(await client.closed()).toEqual([]);
    }
    refusal = null;
    const back = await bench.open(4);
    expect(await back.login({ clientId: 'c', cleanStart: false })).toMatchObject({ sessionPresent: true });
  });

  it('[MQTT311-3.2.2-6] for a reason without a return code: the end, without CONNACK', async () => {
    let reasonCode = 0;
    const bench = await ConformanceBench.start({ authenticate: () => ({ reasonCode }) });
    for (reasonCode of [0x80, 0x83, 0x99]) {
      const client = await bench.open(4);
      expect([reasonCode, await client.fate(connect311(CLEAN, 'c'))]).toEqual([reasonCode, []]);
    }
  });

  it('[MQTT311-3.1.4-5] takes everything behind it along', async () => {
    const bench = await ConformanceBench.start({
      authenticate: async ({ clientId }) => {
        await Promise.resolve();
        return clientId === 'bad' ? { reasonCode: 0x87 } : { username: null };
      },
    });
    const reader = await client311(bench, 'reader');
    await reader.subscribe('#');
    const bad = await bench.open(4);
    bad.send(connect311(CLEAN, 'bad'), packet(0x31, 't', 0x78), packet(0x82, 0, 1, 't', 0), packet(0xc0));
    expect(await hexOf(bad, 1)).toEqual([CONNACK(5)]);
    expect(await bad.closed()).toEqual([]);
    expect(await reader.settled()).toEqual([]);
    expect(bench.broker.retainedCount).toBe(0);
  });
});

describe('a CONNECT that is accepted', () => {
  it('[MQTT311-3.1.4-2] ends the connection that the client had before', async () => {
    const bench = await ConformanceBench.start();
    for (const cleanStart of [true, false]) {
      const before = await client311(bench, 'c', { cleanStart });
      const other = await client311(bench, 'C', { cleanStart });
      const after = await client311(bench, 'c', { cleanStart });
      expect(await before.closed()).toEqual([]);
      expect([await after.settled(), await other.settled()]).toEqual([[], []]);
    }
  });

  it('[MQTT311-3.1.4-4] [MQTT311-3.2.0-1] is answered by one CONNACK, before everything else', async () => {
    const bench = await ConformanceBench.start();
    const before = await client311(bench, 'c', { cleanStart: false });
    await before.subscribe('t', 1);
    await bench.cut(before);
    await (await client311(bench, 'w')).publish('t', 'waits', 1);
    const after = await bench.open(4);
    after.send(connect311(0, 'c'), packet(0x82, 0, 1, 'u', 0), packet(0xc0));
    const [first, ...others] = await hexOf(after, 4);
    expect(first).toBe('20020100');
    expect(others.map((hex) => hex.slice(0, 2)).sort()).toEqual(['32', '90', 'd0']);
    expect(await after.settled()).toEqual([]);
  });
});
