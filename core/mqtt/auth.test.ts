import { describe, expect, it } from 'vitest';
import { BrokerBench, type MemoryClient } from '../../test/support/mqtt-broker.ts';
import type { AuthStep, BrokerOptions } from './options.ts';

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

/** `ECHO`: the client says who it is, and then the word that it is asked for. */
const beginAuth: BrokerOptions['beginAuth'] = (method) => {
  if (method !== 'ECHO' && method !== 'SLOW') return null;
  let username = '';
  const step = (data: Uint8Array): AuthStep => {
    if (username === '') {
      username = text(data);
      return { kind: 'continue', data: Buffer.from('word?') };
    }
    if (text(data) !== 'word') return { reasonCode: 0x87, reason: 'not the word' };
    return { kind: 'done', data: Buffer.from('welcome'), admission: { username } };
  };
  return { step: (data) => (method === 'ECHO' ? step(data) : Promise.resolve().then(() => step(data))) };
};

const connect = (client: MemoryClient, authMethod = 'ECHO') =>
  client.connect({
    ...{ protocolLevel: 5, clientId: 'c' },
    properties: { authMethod, authData: Buffer.from('ann') },
  });
const auth = (client: MemoryClient, word: string, reasonCode = 0x18, authMethod = 'ECHO') =>
  client.send({ type: 'auth', reasonCode, properties: { authMethod, authData: Buffer.from(word) } });
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('AUTH', () => {
  it('goes back and forth until CONNACK, which carries the method and the last words [MQTT-4.12.0-2, MQTT-4.12.0-3]', () => {
    const bench = new BrokerBench({ beginAuth });
    const client = bench.unconnected();
    expect(connect(client)).toMatchObject([
      { type: 'auth', reasonCode: 0x18, properties: { authMethod: 'ECHO' } },
    ]);
    const [connack] = auth(client, 'word');
    expect(connack).toMatchObject({ type: 'connack', reasonCode: 0, properties: { authMethod: 'ECHO' } });
    expect(text((connack as { properties: { authData: Uint8Array } }).properties.authData)).toBe('welcome');
    expect(bench.broker.clients()).toMatchObject([{ username: 'ann' }]);
  });

  it('may think between its steps; what comes meanwhile waits', async () => {
    const bench = new BrokerBench({ beginAuth });
    const client = bench.unconnected();
    expect(connect(client, 'SLOW')).toEqual([]);
    await settled();
    expect(client.look()).toMatchObject([{ type: 'auth' }]);
    auth(client, 'word', 0x18, 'SLOW');
    client.tell({ type: 'pingreq' });
    await settled();
    expect(client.look()).toMatchObject([{ type: 'connack', reasonCode: 0 }, { type: 'pingresp' }]);
  });

  it('ends with the code of the refusal in CONNACK', () => {
    const bench = new BrokerBench({ beginAuth });
    const client = bench.unconnected();
    connect(client);
    expect(auth(client, 'wrong')).toMatchObject([
      { type: 'connack', reasonCode: 0x87, properties: { reasonString: 'not the word' } },
    ]);
    expect([client.closed, bench.broker.counters.badCredentials]).toEqual([true, 1]);
  });

  it('is refused with 0x8C for a method that is not spoken here [MQTT-4.12.0-1]', () => {
    const bench = new BrokerBench({ beginAuth });
    const client = bench.unconnected();
    expect(connect(client, 'KERBEROS')).toMatchObject([{ type: 'connack', reasonCode: 0x8c }]);
    expect(
      new BrokerBench().unconnected().connect({ protocolLevel: 5, properties: { authMethod: 'X' } }),
    ).toMatchObject([{ reasonCode: 0x8c }]);
  });

  it('allows nothing but AUTH and DISCONNECT before CONNACK [MQTT-3.1.2-30], no other method [MQTT-4.12.0-5]', () => {
    for (const wrong of [
      (client: MemoryClient) => client.send({ type: 'pingreq' }),
      (client: MemoryClient) => client.publish('a', 'x'),
      (client: MemoryClient) => auth(client, 'word', 0x18, 'SLOW'),
      (client: MemoryClient) => auth(client, 'word', 0x19),
    ]) {
      const client = new BrokerBench({ beginAuth }).unconnected();
      connect(client);
      expect(wrong(client)).toMatchObject([{ type: 'connack', reasonCode: 0x82 }]);
      expect(client.closed).toBe(true);
    }
  });

  it('must be done in the time for CONNECT', () => {
    const bench = new BrokerBench({ beginAuth });
    const client = bench.unconnected();
    connect(client);
    bench.clock.advance(10_200);
    expect(client.closed).toBe(true);
  });

  it('is a Protocol Error when CONNECT named no method [MQTT-4.12.0-7]', () => {
    const bench = new BrokerBench({ beginAuth });
    const client = bench.client('c', { protocolLevel: 5 });
    expect(auth(client, 'word', 0x19)).toMatchObject([{ type: 'disconnect', reasonCode: 0x82 }]);
  });

  it('happens again when the client wants it, while everything else goes on [MQTT-4.12.1-1]', () => {
    const bench = new BrokerBench({ beginAuth });
    const client = bench.unconnected();
    connect(client);
    auth(client, 'word');
    expect(auth(client, 'ann', 0x19)).toMatchObject([{ type: 'auth', reasonCode: 0x18 }]);
    expect(client.send({ type: 'pingreq' })).toMatchObject([{ type: 'pingresp' }]);
    expect(auth(client, 'word')).toMatchObject([
      { type: 'auth', reasonCode: 0, properties: { authMethod: 'ECHO' } },
    ]);
    auth(client, 'ann', 0x19);
    expect(auth(client, 'wrong')).toMatchObject([{ type: 'disconnect', reasonCode: 0x87 }]);
    expect(client.closed).toBe(true);
  });

  it('does not let a client become somebody else', () => {
    const client = new BrokerBench({ beginAuth }).unconnected();
    connect(client);
    auth(client, 'word');
    auth(client, 'bob', 0x19);
    expect(auth(client, 'word')).toMatchObject([{ type: 'disconnect', reasonCode: 0x87 }]);
  });
});
