/** The broker over real TCP with real clients: Debian's mosquitto_pub and mosquitto_sub, and MQTT.js. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { Broker } from '../../core/mqtt/broker.ts';
import { encodePacket } from '../../core/mqtt/codec/encode.ts';
import type { BrokerOptions } from '../../core/mqtt/options.ts';
import { listenTcp } from '../../core/mqtt/transports/tcp.ts';
import type { TransportListener } from '../../core/mqtt/transports/transport-listener.ts';
import { bytesOf, connectPacket, publishPacket } from '../support/mqtt-broker.ts';
import { describeMqtt } from './mqtt-behaviour.ts';
import { missingPeers, startPeer, stopChild } from '../support/peers.ts';

const noMosquitto = missingPeers('mosquitto_pub', 'mosquitto_sub').length > 0;

describeMqtt('tcp');

describe('TCP in particular', () => {
  let broker: Broker;
  let listener: TransportListener;
  let port: number;
  const cleanUp: (() => unknown)[] = [];

  async function start(options: Partial<BrokerOptions> = {}): Promise<void> {
    broker = new Broker({ clock: systemClock, log: silentLog, ...options });
    broker.start();
    listener = await listenTcp(broker, { host: '127.0.0.1', port: 0, log: silentLog });
    port = listener.address.port;
  }

  async function stop(): Promise<void> {
    for (const undo of cleanUp.splice(0).reverse()) await undo();
    broker.stop();
    await listener.close();
  }

  beforeEach(() => start());
  afterEach(stop);

  async function client(options: IClientOptions = {}): Promise<MqttClient> {
    const made = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 4,
      reconnectPeriod: 0,
      ...options,
    });
    cleanUp.push(() => made.endAsync(true));
    return made;
  }

  /** Collects messages as `topic payload qos` and `r` for RETAIN; `until` waits for a number of them. */
  function collect(from: MqttClient): { seen: string[]; until(count: number): Promise<string[]> } {
    const seen: string[] = [];
    let wake: () => void = () => undefined;
    from.on('message', (topic, payload, packet) => {
      seen.push(`${topic} ${payload.toString()} ${packet.qos}${packet.retain ? 'r' : ''}`);
      wake();
    });
    return {
      seen,
      async until(count) {
        while (seen.length < count) await new Promise<void>((resolve) => (wake = resolve));
        return seen;
      },
    };
  }

  /** A socket that the broker resets reports an error first: only the end counts here. */
  function closed(socket: Socket): Promise<void> {
    return new Promise((resolve) => socket.once('close', () => resolve()));
  }

  async function rawClient(clientId: string, keepAliveSeconds = 0): Promise<Socket> {
    const socket = connectTcp(port, '127.0.0.1');
    cleanUp.push(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.write(encodePacket(connectPacket({ clientId, keepAliveSeconds }), 4));
    await once(socket, 'data');
    return socket;
  }

  describe.skipIf(noMosquitto)('mosquitto_pub and mosquitto_sub', () => {
    const options = () => ['-h', '127.0.0.1', '-p', String(port)];

    it('lose no message of 2,000 at QoS 2', async () => {
      const subscriber = startPeer('mosquitto_sub', [
        ...options(),
        '-t',
        'many',
        '-q',
        '2',
        '-C',
        '2000',
        '-W',
        '15',
      ]);
      cleanUp.push(() => stopChild(subscriber));
      const output: Buffer[] = [];
      subscriber.stdout!.on('data', (bytes: Buffer) => output.push(bytes));
      const ended = once(subscriber, 'exit');
      while (broker.subscriptionCount === 0) await new Promise(setImmediate);
      const lines = Array.from({ length: 2_000 }, (_, i) => String(i)).join('\n');
      const publisher = startPeer('mosquitto_pub', [...options(), '-t', 'many', '-q', '2', '-l']);
      cleanUp.push(() => stopChild(publisher));
      publisher.stdin!.end(`${lines}\n`);
      await ended;
      expect(Buffer.concat(output).toString().trim()).toBe(lines);
    });
  });

  describe('MQTT.js', () => {
    it('gets a message of 900 KB and a topic of 65,535 bytes whole', async () => {
      const reader = await client();
      const inbox = new Promise<[string, Buffer]>((resolve) =>
        reader.on('message', (topic, payload) => resolve([topic, payload])),
      );
      await reader.subscribeAsync('#', { qos: 1 });
      const payload = Buffer.alloc(900_000, 'abc');
      const topic = 'x'.repeat(65_535);
      await (await client()).publishAsync(topic, payload, { qos: 1 });
      const [seenTopic, seenPayload] = await inbox;
      expect([seenTopic === topic, seenPayload.equals(payload)]).toEqual([true, true]);
    });

    it('waits for its acknowledgement until the intake has committed', async () => {
      await stop();
      let sequence = 0;
      await start({ intake: { take: () => ++sequence } });
      const writer = await client();
      let acknowledged = false;
      const done = writer.publishAsync('a', '1', { qos: 1 }).then(() => (acknowledged = true));
      while (broker.pendingAcks === 0) await new Promise(setImmediate);
      // The answer to a later packet proves that the acknowledgement was not sent before it.
      await writer.subscribeAsync('b');
      expect(acknowledged).toBe(false);
      broker.release(sequence);
      await done;
    });
  });

  describe('the TCP listener', () => {
    it('closes a client that breaks its keep-alive promise, by the real clock', async () => {
      const silent = await rawClient('silent', 1);
      const startedMs = performance.now();
      await closed(silent);
      expect(performance.now() - startedMs).toBeGreaterThan(1_400);
      expect(broker.counters.keepAliveTimeouts).toBe(1);
    });

    it('does not let a frozen subscriber delay another', async () => {
      const frozen = await rawClient('frozen');
      frozen.write(bytesOf(4, { type: 'subscribe', packetId: 1, filters: [{ filter: 'a', qos: 0 }] }));
      await once(frozen, 'data');
      frozen.pause();
      const reader = await client();
      const inbox = collect(reader);
      await reader.subscribeAsync('a');
      const writer = await client();
      const payload = 'x'.repeat(100_000);
      // Far more than sockets and high water hold: the frozen client loses QoS 0, the other one nothing.
      for (let count = 1; count <= 200; count++) {
        await writer.publishAsync('a', payload);
        await inbox.until(count);
      }
      expect(broker.counters.droppedOut).toBeGreaterThan(0);
      expect(frozen.destroyed).toBe(false);
    });

    it('closes the connection of a 10 MB packet and of rubbish, and only those', async () => {
      const reader = await client();
      const big = await rawClient('big');
      big.write(encodePacket(publishPacket('big', 'x'.repeat(10_000_000)), 4));
      await closed(big);
      const rubbish = connectTcp(port, '127.0.0.1')
        .on('error', () => undefined)
        .resume();
      rubbish.end('GET / HTTP/1.1\r\nHost: plant\r\n\r\n');
      await closed(rubbish);
      expect(broker.counters.malformedPackets).toBe(2);
      expect(reader.connected).toBe(true);
    });

    it('says who is in the way when its port is taken, and can be closed twice', async () => {
      await expect(listenTcp(broker, { host: '127.0.0.1', port, log: silentLog })).rejects.toMatchObject({
        code: 'listen.port_taken',
        detail: { host: '127.0.0.1', port },
      });
      await Promise.all([listener.close(), listener.close()]);
      await expect(rawClient('late')).rejects.toThrow();
    });

    it('ends every connection when the broker stops', async () => {
      const one = await rawClient('one');
      const ended = closed(one);
      broker.stop();
      await ended;
      while (broker.connectionCount > 0) await new Promise(setImmediate); // hears of it a moment later
    });
  });
});
