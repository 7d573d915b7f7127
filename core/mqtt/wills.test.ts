import { describe, expect, it } from 'vitest';
import { BrokerBench, type ConnectOptions } from '../../test/support/mqtt-broker.ts';

const will = { topic: 'gone', payload: Buffer.from('x'), qos: 1 as const, retain: false };
const delayed = (seconds: number) => ({ ...will, properties: { willDelaySeconds: seconds } });

/** A watcher of wills, and how many came since the last look. */
function watch(): { bench: BrokerBench; seen: () => number; client: BrokerBench['client'] } {
  const bench = new BrokerBench();
  const watcher = bench.client('watcher');
  watcher.subscribe('gone');
  return {
    bench,
    seen: () => watcher.messages().length,
    client: (id: string, options: ConnectOptions = {}) => bench.client(id, { protocolLevel: 5, ...options }),
  };
}
const keeps = (seconds: number) => ({ properties: { sessionExpirySeconds: seconds } });

describe('a will', () => {
  it('goes with DISCONNECT 0x00 [MQTT-3.14.4-3], and is published with 0x04 and every other code [MQTT-3.1.2-8]', () => {
    const { client, seen } = watch();
    client('c', { will }).send({ type: 'disconnect', reasonCode: 0 });
    expect(seen()).toBe(0);
    client('c', { will }).send({ type: 'disconnect', reasonCode: 4 });
    expect(seen()).toBe(1);
    client('c', { will }).send({ type: 'disconnect', reasonCode: 0x80 });
    expect(seen()).toBe(1);
  });

  it('waits for its delay, and is dropped when the client is back in time [MQTT-3.1.3-9]', () => {
    const { bench, client, seen } = watch();
    const options = { ...keeps(100), will: delayed(10), cleanStart: false };
    client('c', options).lose();
    bench.clock.advance(9_000);
    expect(seen()).toBe(0);
    const back = client('c', options);
    bench.clock.advance(20_000);
    expect(seen()).toBe(0);
    back.lose();
    bench.clock.advance(10_500);
    expect(seen()).toBe(1);
    bench.clock.advance(200_000);
    expect([seen(), bench.broker.sessionCounts.expired]).toEqual([0, 1]);
  });

  it('is published at the end of the session when that is earlier than its delay', () => {
    const { bench, client, seen } = watch();
    client('c', { ...keeps(5), will: delayed(100) }).lose();
    bench.clock.advance(4_500);
    expect(seen()).toBe(0);
    bench.clock.advance(1_000);
    expect(seen()).toBe(1);
    // Without a lasting session that is at once.
    client('d', { will: delayed(100) }).lose();
    expect(seen()).toBe(1);
  });

  it('is published when a Clean Start or the operator ends the session before its delay', () => {
    const { bench, client, seen } = watch();
    client('c', { ...keeps(100), will: delayed(50) }).lose();
    client('c');
    expect(seen()).toBe(1);
    client('d', { ...keeps(100), will: delayed(50) }).lose();
    expect(bench.broker.removeSession('d')).toBe(true);
    expect([seen(), bench.broker.removeSession('d')]).toEqual([1, false]);
  });

  it('is published at a take-over without delay, and not with one', () => {
    const { client, seen } = watch();
    const lasting = { ...keeps(100), cleanStart: false };
    client('c', { ...lasting, will });
    client('c', { ...lasting, will: delayed(5) });
    expect(seen()).toBe(1);
    client('c', lasting);
    expect(seen()).toBe(0);
  });

  it('carries its properties, and expires from its publication on [MQTT-3.1.2-8]', () => {
    const bench = new BrokerBench();
    const watcher = bench.client('watcher', { protocolLevel: 5 });
    watcher.subscribe('gone');
    const properties = {
      ...{ contentType: 'text/plain', messageExpirySeconds: 30, payloadFormat: 1 as const },
      ...{ willDelaySeconds: 2, userProperties: [['why', 'lost']] as [string, string][] },
    };
    bench.client('c', { protocolLevel: 5, ...keeps(100), will: { ...will, properties } }).lose();
    bench.clock.advance(2_200);
    expect(watcher.messages()[0]!.properties).toEqual({
      ...{ contentType: 'text/plain', messageExpirySeconds: 30, payloadFormat: 1 },
      userProperties: [['why', 'lost']],
    });
  });
});

describe('the expiry of a session', () => {
  it('ends it that long after its connection [MQTT-3.1.2-23], counted, and not while its client is there', () => {
    const { bench, client } = watch();
    const there = client('c', keeps(10));
    there.subscribe('a', 1);
    bench.clock.advance(60_000);
    there.lose();
    expect(bench.broker.sessionCounts).toEqual({ connected: 1, absent: 1, expired: 0 });
    bench.clock.advance(9_500);
    expect(bench.broker.sessionCounts.absent).toBe(1);
    bench.clock.advance(1_000);
    expect(bench.broker.sessionCounts).toEqual({ connected: 1, absent: 0, expired: 1 });
    expect(bench.broker.subscriptionCount).toBe(1);
  });

  it('can be changed by DISCONNECT, but not given to a session that had none [MQTT-3.14.2-2]', () => {
    const { bench, client } = watch();
    client('short', keeps(100)).send({ type: 'disconnect', properties: { sessionExpirySeconds: 0 } });
    expect(bench.broker.client('short')).toBeNull();
    client('long', keeps(1)).send({ type: 'disconnect', properties: { sessionExpirySeconds: 500 } });
    bench.clock.advance(400_000);
    expect(bench.broker.client('long')).toMatchObject({ view: { sessionExpirySeconds: 500 } });
    const none = client('none');
    expect(none.send({ type: 'disconnect', properties: { sessionExpirySeconds: 5 } })).toMatchObject([
      { type: 'disconnect', reasonCode: 0x82 },
    ]);
  });

  it('of 0xFFFFFFFF is never, and of old clients without Clean Session as long as the limit says', () => {
    const bench = new BrokerBench({ clientLimits: { maxSessionExpirySeconds: 1_000 } });
    bench.client('old', { cleanStart: false }).lose();
    const forever = new BrokerBench();
    forever.client('new', { protocolLevel: 5, ...keeps(0xffff_ffff) }).lose();
    for (const { clock } of [bench, forever]) clock.advance(2_000_000);
    expect([bench.broker.clients().length, forever.broker.clients().length]).toEqual([0, 1]);
  });
});
