import { describe, expect, it } from 'vitest';
import { ConformanceBench, outcomes, packet } from '../support/conformance-client.ts';

/* Keep-alive, storing and ending of sessions: MQTT 5.0 §3.1.2.10, §3.1.2.11.2, §4.1, §4.5. */

const lasting = (sessionExpirySeconds: number) => ({ properties: { sessionExpirySeconds } });

describe('keep-alive', () => {
  it('[MQTT-3.1.2-22] [MQTT-3.2.2-22] closes after one and a half times the client’s own time', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.open();
    const { properties } = await client.login({ clientId: 'c', keepAliveSeconds: 10 });
    expect(properties).not.toHaveProperty('serverKeepAliveSeconds');
    bench.clock.advance(14_000);
    expect(await client.settled()).toEqual([]);
    // Any packet counts, and only silence since the last one.
    bench.clock.advance(14_000);
    client.send(packet(0x30, 't', 0));
    expect(await client.settled()).toEqual([]);
    bench.clock.advance(14_000);
    expect(bench.broker.client('c')!.view.connected).toBe(true);
    bench.clock.advance(2_500);
    expect(outcomes(await client.closed())).toEqual(['disconnect 0x8d']);
  });

  it('[MQTT-3.1.2-22] 0 means that silence is allowed', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', { keepAliveSeconds: 0 });
    bench.clock.advance(100_000_000);
    expect(await client.settled()).toEqual([]);
  });

  it('[MQTT-3.1.2-22] is the server’s where the server says so', async () => {
    const bench = await ConformanceBench.start({ clientLimits: { serverKeepAliveSeconds: 20 } });
    const client = await bench.open();
    const connack = await client.login({ clientId: 'c', keepAliveSeconds: 1_000 });
    expect(connack).toMatchObject({ properties: { serverKeepAliveSeconds: 20 } });
    bench.clock.advance(29_000);
    expect(bench.broker.client('c')!.view.connected).toBe(true);
    bench.clock.advance(2_500);
    expect(outcomes(await client.closed())).toEqual(['disconnect 0x8d']);
  });
});

describe('session state', () => {
  it('[MQTT-3.1.2-23] [MQTT-4.5.0-1] stays while its expiry has not passed', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', lasting(100));
    await client.subscribe('t/+', 2);
    await bench.cut(client);
    const writer = await bench.client('w');
    await writer.publish('t/1', 'one', 1);
    bench.clock.advance(99_000);
    await writer.publish('t/2', 'two', 2);
    await writer.publish('t/0', 'zero', 0);
    const again = await bench.open();
    expect(await again.login({ clientId: 'c', cleanStart: false, ...lasting(100) })).toMatchObject({
      sessionPresent: true,
    });
    expect((await again.texts()).slice(0, 2)).toEqual(['t/1 one 1', 't/2 two 2']);
  });

  it('[MQTT-4.1.0-2] goes when its expiry has passed', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', lasting(100));
    await client.subscribe('t', 1);
    await bench.cut(client);
    bench.clock.advance(101_000);
    expect(bench.broker.client('c')).toBeNull();
    const again = await bench.open();
    expect(await again.login({ clientId: 'c', cleanStart: false })).toMatchObject({ sessionPresent: false });
  });

  it('[MQTT-4.1.0-2] [MQTT-3.1.2-23] goes with the connection when there is no expiry, or 0', async () => {
    const bench = await ConformanceBench.start();
    for (const options of [{}, lasting(0)]) {
      const client = await bench.client('c', options);
      await client.subscribe('t', 1);
      await bench.cut(client);
      const again = await bench.open();
      expect(await again.login({ clientId: 'c', cleanStart: false })).toMatchObject({
        sessionPresent: false,
      });
    }
  });

  it('[MQTT-4.1.0-1] does not go while the client is connected, however long', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', lasting(5));
    await client.subscribe('t', 1);
    bench.clock.advance(1_000_000);
    await (await bench.client('w')).publish('t', 'still', 1);
    expect(await client.texts()).toEqual(['t still 1']);
  });

  it('[MQTT-4.1.0-1] does not go either when the client came back before its end', async () => {
    const bench = await ConformanceBench.start();
    await bench.cut(await bench.client('c', lasting(10)));
    bench.clock.advance(5_000);
    const again = await bench.client('c', { cleanStart: false, ...lasting(10) });
    await again.subscribe('t', 1);
    bench.clock.advance(100_000);
    await (await bench.client('w')).publish('t', 'still', 1);
    expect(await again.texts()).toEqual(['t still 1']);
    // And its time begins anew with the end of this connection.
    await bench.cut(again);
    bench.clock.advance(8_000);
    const last = await bench.open();
    expect(await last.login({ clientId: 'c', cleanStart: false })).toMatchObject({ sessionPresent: true });
  });

  it('[MQTT-4.1.0-2] 0xFFFFFFFF never ends', async () => {
    const bench = await ConformanceBench.start();
    await bench.cut(await bench.client('c', lasting(0xffff_ffff)));
    bench.clock.advance(10 * 365 * 86_400_000);
    const again = await bench.open();
    expect(await again.login({ clientId: 'c', cleanStart: false })).toMatchObject({ sessionPresent: true });
  });

  it('[MQTT-4.1.0-2] DISCONNECT can change the expiry, but not from nothing', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', lasting(1_000));
    expect(await client.fate(packet(0xe0, 0, 5, 0x11, 0, 0, 0, 10))).toEqual([]);
    bench.clock.advance(11_000);
    expect(bench.broker.client('c')).toBeNull();
    const brief = await bench.client('brief');
    expect(await brief.fate(packet(0xe0, 0, 5, 0x11, 0, 0, 0, 10))).toEqual(['disconnect 0x82']);
  });

  it('[MQTT-4.5.0-1] a message is added for every client with a matching subscription', async () => {
    const bench = await ConformanceBench.start();
    const filters = ['a/b', 'a/+', '#', '+/b'];
    for (const filter of filters) {
      const client = await bench.client(filter, lasting(100));
      await client.subscribe(filter, 1);
      if (filter !== '#') await bench.cut(client);
    }
    await (await bench.client('w')).publish('a/b', 'x', 1);
    for (const filter of filters) {
      const client = await bench.client(filter, { cleanStart: false, ...lasting(100) });
      const texts = await client.texts();
      expect([filter, texts]).toEqual([filter, [filter === '#' ? 'a/b x 1d' : 'a/b x 1']]);
    }
  });
});
