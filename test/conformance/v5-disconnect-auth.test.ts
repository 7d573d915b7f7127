import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { AuthExchange, AuthStep } from '../../core/mqtt/options.ts';
import {
  ConformanceBench,
  type ConformanceClient,
  connectBytes,
  outcomes,
  packet,
} from '../support/conformance-client.ts';

/* PINGREQ, DISCONNECT, AUTH: MQTT 5.0 §3.12, §3.14, §3.15, §4.12. */

const CLEAN = 0x02;
const LONG = 'a reason that has far too many words for a client that asked to be spared of them';

describe('PINGREQ', () => {
  it('[MQTT-3.12.4-1] is answered by PINGRESP', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    for (let round = 0; round < 3; round++) {
      client.send(packet(0xc0));
      expect(await client.nextBytes()).toEqual(Buffer.from([0xd0, 0]));
    }
  });
});

describe('DISCONNECT of the server', () => {
  it('[MQTT-3.14.0-1] never comes before a CONNACK that accepts', async () => {
    const bench = await ConformanceBench.start({
      beginAuth: () => ({ step: () => ({ kind: 'continue', data: Buffer.from('more') }) }),
    });
    const withMethod = packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 8, 0x15, 'plain', 'c');
    for (const packets of [
      [packet(0xe1)],
      [packet(0xc0)],
      [connectBytes(CLEAN | 1, 'c')],
      [withMethod, packet(0x30, 't', 0)],
      [withMethod, packet(0xf1)],
      [withMethod, packet(0xf0, 0x18, 6, 0x15, 'oth')],
    ]) {
      const client = await bench.open();
      expect((await client.fate(...packets)).join()).not.toContain('disconnect');
    }
    const waiting = await bench.open();
    expect(await waiting.ask(withMethod)).toMatchObject({ type: 'auth' });
    bench.clock.advance(1_000_000);
    expect(outcomes(await waiting.closed()).join()).not.toContain('disconnect');
  });

  it('[MQTT-3.14.2-1] [MQTT-3.14.2-2] [MQTT-3.14.4-1] [MQTT-3.14.4-2] has a code of its own, no Session Expiry Interval, and is the last', async () => {
    const legal = [
      0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97,
      0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
    ];
    const bench = await ConformanceBench.start({ clientLimits: { maxPacketBytes: 300 } });
    const PINGREQ = packet(0xc0);
    for (const bad of [
      packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 0, 'c'),
      packet(0x30, 'a/#', 0),
      packet(0x30, 't', 3, 0x23, 1, 0),
      packet(0x30, 't', 0, Buffer.alloc(300)),
      packet(0x82, 0, 1, 0, 'a#', 0),
      packet(0x20, 0, 0, 0),
      packet(0xd0),
      packet(0xf0, 0),
    ]) {
      const client = await bench.client('c', { properties: { sessionExpirySeconds: 100 } });
      client.send(bad, PINGREQ, packet(0x32, 't', 0, 1, 0));
      const packets = await client.closed();
      expect(packets.map(({ type }) => type)).toEqual(['disconnect']);
      const [last] = packets;
      if (last?.type !== 'disconnect') throw new Error(last?.type);
      expect(legal).toContain(last.reasonCode);
      expect(last.properties).not.toHaveProperty('sessionExpirySeconds');
    }
  });

  it('[MQTT-3.14.2-3] [MQTT-3.14.2-4] has no words for which the client has no room', async () => {
    const bench = await ConformanceBench.start();
    const tight = await bench.client('tight', { properties: { maximumPacketBytes: 10 } });
    const roomy = await bench.client('roomy');
    for (const clientId of ['tight', 'roomy']) bench.broker.disconnect(clientId, 0x98, LONG);
    expect(await tight.nextBytes()).toEqual(Buffer.from([0xe0, 1, 0x98]));
    expect(await roomy.closed()).toMatchObject([{ reasonCode: 0x98, properties: { reasonString: LONG } }]);
  });
});

describe('DISCONNECT of the client', () => {
  it('[MQTT-3.14.1-1] with reserved bits is answered with 0x81', async () => {
    const bench = await ConformanceBench.start();
    for (const header of [0xe1, 0xe2, 0xe4, 0xe8]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(header))).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-3.14.2-1] with a code that it cannot have is an error', async () => {
    const bench = await ConformanceBench.start();
    for (const code of [0x01, 0x10, 0x85, 0x8b, 0x8d, 0x8e, 0x9d, 0xff]) {
      const client = await bench.client('c');
      expect((await client.fate(packet(0xe0, code))).join()).toMatch(/^disconnect 0x8[12]$/);
    }
    for (const code of [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(0xe0, code))).toEqual([]);
    }
  });

  it('[MQTT-3.14.4-1] [MQTT-3.14.4-2] is the end: the server closes too, and acts on nothing behind it', async () => {
    const bench = await ConformanceBench.start();
    const reader = await bench.client('r');
    await reader.subscribe('#');
    const client = await bench.client('c');
    expect(await client.fate(packet(0xe0), packet(0x30, 't', 0), packet(0xc0))).toEqual([]);
    expect(await reader.settled()).toEqual([]);
  });
});

/** An exchange that asks its questions one by one; the answer to `n` is `n!`, and to `no` there is none. */
function questions(...asked: string[]): AuthExchange {
  let at = 0;
  return {
    step(data): AuthStep {
      const text = Buffer.from(data).toString();
      if (at > 0 && text !== `${asked[at - 1]}!`) return { reasonCode: 0x87, reason: LONG };
      const next = asked[at++];
      if (next === undefined)
        return { kind: 'done', data: Buffer.from('welcome'), admission: { username: 'ann' } };
      return { kind: 'continue', data: Buffer.from(next) };
    },
  };
}

const CONNECT = packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 8, 0x15, 'plain', 'c');
const auth = (code: number, data: string, method = 'plain') =>
  packet(0xf0, code, 6 + method.length + data.length, 0x15, method, 0x16, data);

describe('AUTH', () => {
  const start = () =>
    ConformanceBench.start({
      beginAuth: (method) => (method === 'plain' ? questions('one', 'two') : null),
    });

  async function admitted(bench: ConformanceBench): Promise<ConformanceClient> {
    const client = await bench.open();
    for (const packetBytes of [CONNECT, auth(0x18, 'one!')])
      expect((await client.ask(packetBytes)).type).toBe('auth');
    expect(outcomes([await client.ask(auth(0x18, 'two!'))])).toEqual(['connack 0x00']);
    return client;
  }

  it('[MQTT-4.12.0-1] a method that is not offered is refused with 0x8C', async () => {
    const bench = await start();
    for (const options of [bench, await ConformanceBench.start()]) {
      const client = await options.open();
      const connect = packet(0x10, 'MQTT', 5, CLEAN, 0, 0, 8, 0x15, 'other', 'c');
      expect(await client.fate(connect)).toEqual(['connack 0x8c']);
    }
  });

  it('[MQTT-4.12.0-2] [MQTT-4.12.0-5] [MQTT-3.15.2-1] [MQTT-3.2.0-1] asks with 0x18 and the method of CONNECT, which is in CONNACK too', async () => {
    const bench = await start();
    const client = await bench.open();
    client.send(CONNECT);
    expect(await client.nextBytes()).toEqual(packet(0xf0, 0x18, 14, 0x15, 'plain', 0x16, 'one'));
    client.send(auth(0x18, 'one!'));
    expect(await client.nextBytes()).toEqual(packet(0xf0, 0x18, 14, 0x15, 'plain', 0x16, 'two'));
    expect(await client.ask(auth(0x18, 'two!'))).toMatchObject({
      type: 'connack',
      reasonCode: 0,
      properties: { authMethod: 'plain', authData: Buffer.from('welcome') },
    });
    expect(await client.settled()).toEqual([]);
  });

  it('[MQTT-4.12.0-3] wants 0x18 in answer', async () => {
    const bench = await start();
    for (const code of [0x00, 0x19]) {
      const client = await bench.open();
      await client.ask(CONNECT);
      expect(await client.fate(auth(code, 'one!'))).toEqual(['connack 0x82']);
    }
  });

  it('[MQTT-4.12.0-4] may refuse at every step', async () => {
    const bench = await start();
    for (const right of [[], [auth(0x18, 'one!')]]) {
      const client = await bench.open();
      await client.ask(CONNECT);
      for (const answer of right) await client.ask(answer);
      expect(await client.fate(auth(0x18, 'wrong'))).toEqual(['connack 0x87']);
    }
    expect(bench.broker.clients()).toEqual([]);
  });

  it('[MQTT-4.12.0-5] with another method than CONNECT is an error', async () => {
    const bench = await start();
    const client = await bench.open();
    await client.ask(CONNECT);
    expect(await client.fate(auth(0x18, 'one!', 'other'))).toEqual(['connack 0x82']);
  });

  it('[MQTT-4.12.0-6] is not used, nor a method named, when CONNECT names none', async () => {
    const bench = await start();
    const client = await bench.open();
    const connack = await client.ask(connectBytes(CLEAN, 'c'));
    expect(connack).toMatchObject({ type: 'connack', reasonCode: 0 });
    expect('properties' in connack && connack.properties).not.toHaveProperty('authMethod');
    expect(await client.settled()).toEqual([]);
  });

  it('[MQTT-4.12.0-7] of a client whose CONNECT named no method is a Protocol Error', async () => {
    const bench = await start();
    for (const code of [0x18, 0x19]) {
      const client = await bench.client('c');
      expect(await client.fate(auth(code, 'x'))).toEqual(['disconnect 0x82']);
    }
  });

  it('[MQTT-3.1.2-30] and DISCONNECT are all that comes before CONNACK', async () => {
    const bench = await start();
    for (const other of [packet(0x30, 't', 0), packet(0xc0), packet(0x82, 0, 1, 0, 't', 0), CONNECT]) {
      const client = await bench.open();
      await client.ask(CONNECT);
      expect(await client.fate(other)).toEqual(['connack 0x82']);
    }
    const leaving = await bench.open();
    await leaving.ask(CONNECT);
    expect(await leaving.fate(packet(0xe0))).toEqual([]);
  });

  it('[MQTT-3.15.1-1] with reserved bits is malformed', async () => {
    const bench = await start();
    for (const header of [0xf1, 0xf2, 0xf4, 0xf8]) {
      const client = await admitted(bench);
      expect(await client.fate(packet(header, 0x19, 8, 0x15, 'plain'))).toEqual(['disconnect 0x81']);
    }
  });

  it('[MQTT-3.15.2-1] with another code is an error', async () => {
    const bench = await start();
    for (const code of [0x01, 0x17, 0x1a, 0x80, 0x87]) {
      const client = await admitted(bench);
      expect((await client.fate(auth(code, 'x'))).join()).toMatch(/^disconnect 0x8[12]$/);
    }
  });

  it('[MQTT-3.15.2-2] [MQTT-3.15.2-3] never has words', async () => {
    const bench = await start();
    const client = await bench.open();
    const first = await client.ask(CONNECT);
    expect('properties' in first && Object.keys(first.properties).sort()).toEqual(['authData', 'authMethod']);
  });

  it('[MQTT-4.12.1-1] 0x19 begins anew, with the method of CONNECT, and ends in 0x00', async () => {
    const bench = await start();
    const client = await admitted(bench);
    expect(await client.ask(auth(0x19, ''))).toMatchObject({ type: 'auth', reasonCode: 0x18 });
    // The connection goes on meanwhile.
    client.send(packet(0x32, 't', 0, 1, 0));
    expect((await client.settled()).map(({ type }) => type)).toEqual(['puback']);
    expect(await client.ask(auth(0x18, 'one!'))).toMatchObject({ type: 'auth', reasonCode: 0x18 });
    const last = await client.ask(auth(0x18, 'two!'));
    expect(last).toMatchObject({ type: 'auth', reasonCode: 0, properties: { authMethod: 'plain' } });
    expect(await client.fate(auth(0x19, '', 'other'))).toEqual(['disconnect 0x82']);
  });

  it('[MQTT-4.12.1-2] a re-authentication that fails ends the connection', async () => {
    const bench = await start();
    const client = await admitted(bench);
    await client.ask(auth(0x19, ''));
    expect(await client.fate(auth(0x18, 'wrong'))).toEqual(['disconnect 0x87']);
  });
});
