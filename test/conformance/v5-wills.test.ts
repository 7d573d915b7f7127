import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import {
  bytes,
  ConformanceBench,
  type ConformanceClient,
  outcomes,
  packet,
} from '../support/conformance-client.ts';

/* Wills: MQTT 5.0 §3.1.2.5, §3.1.3.2, §3.14.4. */

const will = { topic: 'will', payload: Buffer.from('gone'), qos: 0 as const, retain: false };

async function withWatcher(): Promise<{ bench: ConformanceBench; watcher: ConformanceClient }> {
  const bench = await ConformanceBench.start();
  const watcher = await bench.client('watcher');
  await watcher.subscribe('will', 2, { retainAsPublished: true });
  return { bench, watcher };
}

describe('a will', () => {
  it('[MQTT-3.1.2-7] [MQTT-3.1.2-8] is kept, and published when the connection is lost', async () => {
    const { bench, watcher } = await withWatcher();
    const client = await bench.client('c', { will });
    expect(await watcher.texts()).toEqual([]);
    await bench.cut(client);
    expect(await watcher.texts()).toEqual(['will gone 0']);
  });

  it('[MQTT-3.1.2-8] is published when the client breaks the protocol, is silent, is taken over, or asks for it', async () => {
    const { bench, watcher } = await withWatcher();
    const rude = await bench.client('rude', { will });
    await rude.fate(packet(0xf1));
    expect(await watcher.texts()).toEqual(['will gone 0']);
    const silent = await bench.client('silent', { will, keepAliveSeconds: 10 });
    await silent.settled();
    bench.clock.advance(16_000);
    expect(outcomes(await silent.closed())).toEqual(['disconnect 0x8d']);
    expect(await watcher.texts()).toEqual(['will gone 0']);
    const old = await bench.client('twice', { will });
    await bench.client('twice');
    await old.closed();
    expect(await watcher.texts()).toEqual(['will gone 0']);
    const asking = await bench.client('asking', { will });
    await asking.fate(packet(0xe0, 4));
    expect(await watcher.texts()).toEqual(['will gone 0']);
  });

  it('[MQTT-3.1.2-8] [MQTT-3.1.2-10] waits for its delay, and comes once', async () => {
    const { bench, watcher } = await withWatcher();
    const delayed = { ...will, properties: { willDelaySeconds: 10 } };
    const client = await bench.client('c', { will: delayed, properties: { sessionExpirySeconds: 100 } });
    await bench.cut(client);
    bench.clock.advance(9_000);
    expect(await watcher.texts()).toEqual([]);
    bench.clock.advance(2_000);
    expect(await watcher.texts()).toEqual(['will gone 0']);
    bench.clock.advance(200_000);
    expect(await watcher.texts()).toEqual([]);
  });

  it('[MQTT-3.1.2-8] comes with the end of the session when that is before its delay is over', async () => {
    const { bench, watcher } = await withWatcher();
    const delayed = { ...will, properties: { willDelaySeconds: 1_000 } };
    const client = await bench.client('c', { will: delayed, properties: { sessionExpirySeconds: 10 } });
    await bench.cut(client);
    expect(await watcher.texts()).toEqual([]);
    bench.clock.advance(11_000);
    expect(await watcher.texts()).toEqual(['will gone 0']);
    const brief = await bench.client('brief', { will: delayed });
    await bench.cut(brief);
    expect(await watcher.texts()).toEqual(['will gone 0']);
    // Clean Start ends a session too.
    const clean = await bench.client('clean', { will: delayed, properties: { sessionExpirySeconds: 100 } });
    await bench.cut(clean);
    await bench.client('clean', { cleanStart: true });
    expect(await watcher.texts()).toEqual(['will gone 0']);
  });

  it('[MQTT-3.1.3-9] does not come when the client is back before its delay is over', async () => {
    const { bench, watcher } = await withWatcher();
    const delayed = { ...will, properties: { willDelaySeconds: 10 } };
    const properties = { sessionExpirySeconds: 100 };
    const client = await bench.client('c', { will: delayed, properties });
    await bench.cut(client);
    bench.clock.advance(9_000);
    const again = await bench.client('c', { cleanStart: false, properties });
    bench.clock.advance(50_000);
    await bench.cut(again);
    bench.clock.advance(200_000);
    expect(await watcher.texts()).toEqual([]);
  });

  it('[MQTT-3.14.4-3] [MQTT-3.1.2-10] is dropped with DISCONNECT 0x00', async () => {
    const { bench, watcher } = await withWatcher();
    const delayed = { ...will, properties: { willDelaySeconds: 10 } };
    for (const [clientId, leave] of [
      ['short', packet(0xe0)],
      ['long', packet(0xe0, 0, 0)],
    ] as const) {
      const client = await bench.client(clientId, {
        will: delayed,
        properties: { sessionExpirySeconds: 100 },
      });
      expect(await client.fate(leave)).toEqual([]);
    }
    bench.clock.advance(200_000);
    expect(await watcher.texts()).toEqual([]);
  });

  it('[MQTT-3.1.2-9] [MQTT-3.1.2-12] goes out at its own QoS', async () => {
    const { bench, watcher } = await withWatcher();
    for (const qos of [0, 1, 2] as const) {
      await bench.cut(await bench.client('c', { will: { ...will, qos } }));
      expect(await watcher.texts()).toEqual([`will gone ${qos}`]);
    }
  });

  it('[MQTT-3.1.2-14] without Will Retain is not retained', async () => {
    const { bench } = await withWatcher();
    await bench.cut(await bench.client('c', { will }));
    const late = await bench.client('late');
    await late.subscribe('will');
    expect(await late.texts()).toEqual([]);
  });

  it('[MQTT-3.1.2-15] with Will Retain is retained', async () => {
    const { bench, watcher } = await withWatcher();
    await bench.cut(await bench.client('c', { will: { ...will, retain: true } }));
    expect(await watcher.texts()).toEqual(['will gone 0r']);
    const late = await bench.client('late');
    await late.subscribe('will');
    expect(await late.texts()).toEqual(['will gone 0r']);
  });

  it('[MQTT-3.1.3-10] [MQTT-3.1.2-9] keeps its properties, and user properties their order', async () => {
    const { bench, watcher } = await withWatcher();
    const properties = bytes(
      ...[0x26, 'b', '1', 0x01, 1, 0x26, 'a', '2', 0x03, 'text/plain', 0x26, 'b', '0'],
      ...[0x08, 'answers', 0x09, 'id'],
    );
    const client = await bench.open();
    client.send(packet(0x10, 'MQTT', 5, 0x06, 0, 0, 0, 'c', properties.length, properties, 'will', 'gone'));
    expect(outcomes([await client.next()])).toEqual(['connack 0x00']);
    await bench.cut(client);
    const [message] = await watcher.messages();
    expect(message!.properties).toEqual({
      payloadFormat: 1,
      contentType: 'text/plain',
      responseTopic: 'answers',
      correlationData: Buffer.from('id'),
      userProperties: [
        ['b', '1'],
        ['a', '2'],
        ['b', '0'],
      ],
    });
  });
});
