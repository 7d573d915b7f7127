/** A station that is killed or stopped again and again, with clients that do not notice more than a broken connection. */
import { setTimeout as pass } from 'node:timers/promises';
import mqtt from 'mqtt';
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { DeliveryLedger } from '../support/delivery-ledger.ts';
import { killRounds, randomSeed } from '../support/kill-rounds.ts';
import { RawMqttClient } from '../support/raw-mqtt-client.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

/** Messages that one publisher has under way on one topic. */
const WINDOW = 15;
/** Messages of one topic that may wait for a subscriber: with four topics less than its queue takes (1,000). */
const BEHIND = 150;
const LEVELS = [4, 5] as const;
type Level = (typeof LEVELS)[number];
const ARRIVAL_MS = 15_000;
/** One of so many ends is a SIGTERM under load instead of a kill -9. */
const STOP_ONE_OF = 4;

let cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp = [];
});

/** One client of the test, whatever it is made of. */
interface Peer {
  name: string;
  subscribe(filter: string): Promise<unknown>;
  /** Resolves with PUBACK or PUBCOMP, over any number of connections. */
  publish(topic: string, payload: string, qos: 1 | 2): Promise<unknown>;
  sessionsLost(): number;
}

type Kind = (port: number, name: string, level: Level, ledger: DeliveryLedger) => Promise<Peer>;

const rawPeer: Kind = async (port, name, level, ledger) => {
  const client = new RawMqttClient({
    port,
    clientId: name,
    level,
    window: 2 * WINDOW,
    onMessage: ({ topic, payload }) => ledger.take(topic, Number(Buffer.from(payload).toString())),
  });
  cleanUp.push(() => client.end());
  await client.ready();
  return {
    name,
    subscribe: (filter) => client.subscribe(filter, 2),
    publish: (topic, payload, qos) => client.publish(topic, Buffer.from(payload), qos),
    sessionsLost: () => client.sessionsLost,
  };
};

const mqttJsPeer: Kind = async (port, name, level, ledger) => {
  const client: MqttClient = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    clientId: name,
    clean: false,
    protocolVersion: level,
    reconnectPeriod: 20,
    connectTimeout: 5_000,
    keepalive: 0,
    resubscribe: false,
    ...(level === 5 ? { properties: { sessionExpiryInterval: 0xffff_ffff } } : {}),
  });
  client.on('error', () => undefined); // the kill is the test; connections are expected to break
  cleanUp.push(() => client.endAsync(true));
  let lost = 0;
  client.on('connect', ({ sessionPresent }) => (lost += sessionPresent ? 0 : 1));
  client.on('message', (topic, payload) => ledger.take(topic, Number(payload.toString())));
  return {
    name,
    subscribe: (filter) => client.subscribeAsync(filter, { qos: 2 }),
    publish: (topic, payload, qos) => client.publishAsync(topic, payload, { qos }),
    sessionsLost: () => lost,
  };
};

/** Publishes 0, 1, 2, ... with a window until it is told to stop; then waits for the last acknowledgement. */
class Stream {
  readonly topic: string;
  readonly qos: 1 | 2;
  sent = 0;
  readonly acknowledged = new Set<number>();
  #stopped = false;
  readonly #receivers: DeliveryLedger[];
  readonly #ends: Promise<void>[];

  constructor(peer: Peer, qos: 1 | 2, receivers: DeliveryLedger[]) {
    this.#receivers = receivers;
    this.topic = `kill/${peer.name}/qos${qos}`;
    this.qos = qos;
    this.#ends = Array.from({ length: WINDOW }, () => this.#run(peer));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#ends);
  }

  async #run(peer: Peer): Promise<void> {
    while (!this.#stopped) {
      if (this.#receivers.some((ledger) => this.acknowledged.size - ledger.count(this.topic) > BEHIND)) {
        await pass(5);
        continue;
      }
      const value = this.sent++;
      // MQTT.js gives up what was published while it sends again, should the connection break then, and says so.
      const done = await peer.publish(this.topic, String(value), this.qos).then(
        () => true,
        () => false,
      );
      if (done) this.acknowledged.add(value);
      await pass(1);
    }
  }
}

async function restarted(folder: string, port: number): Promise<StationProcess> {
  const station = await startStation(folder, { mqtt: `127.0.0.1:${port}` });
  cleanUp.push(() => station.kill9());
  expect(station.port('mqtt')).toBe(port || station.port('mqtt'));
  return station;
}

/**
 * Messages that the station gave up at full queues since it started: were there any, the test would look for messages
 * that it is allowed to lose (docs/limits.md), so there must be none. The last moment before the kill is not seen, but a
 * queue that is full then is full after it as well.
 */
async function droppedBy(station: StationProcess): Promise<number> {
  const rpc = station.client();
  try {
    return (await rpc.call('station.status', {})).limits['mqtt.dropped_out'] ?? 0;
  } finally {
    rpc.close();
  }
}

async function progressOf(streams: Stream[], more: number): Promise<void> {
  const targets = streams.map(({ acknowledged }) => acknowledged.size + more);
  const deadlineMs = Date.now() + ARRIVAL_MS;
  while (streams.some(({ acknowledged }, i) => acknowledged.size < targets[i]!)) {
    const numbers = streams
      .map(({ topic, sent, acknowledged }) => `${topic} ${acknowledged.size}/${sent}`)
      .join();
    if (Date.now() > deadlineMs) throw new Error(`no acknowledgements come any more: ${numbers}`);
    await pass(5);
  }
}

async function killAgainAndAgain(kind: Kind, random: (below: number) => number): Promise<void> {
  const data = temporaryFolder();
  cleanUp.push(() => data.remove());
  let station = await restarted(data.path, 0);
  const port = station.port('mqtt');

  const ledgers: { name: string; ledger: DeliveryLedger }[] = [];
  const peers: Peer[] = [];
  for (const level of LEVELS) {
    const ledger = new DeliveryLedger();
    const subscriber = await kind(port, `subscriber${level}`, level, ledger);
    await subscriber.subscribe('kill/+/+');
    ledgers.push({ name: subscriber.name, ledger });
    peers.push(subscriber);
  }
  const streams: Stream[] = [];
  for (const level of LEVELS) {
    const publisher = await kind(port, `publisher${level}`, level, new DeliveryLedger());
    peers.push(publisher);
    const receivers = ledgers.map(({ ledger }) => ledger);
    streams.push(new Stream(publisher, 1, receivers), new Stream(publisher, 2, receivers));
  }

  for (let round = killRounds(4); round > 0; round--) {
    await progressOf(streams, 1 + random(60));
    expect(await droppedBy(station), 'given up at a full queue').toBe(0);
    await pass(random(30));
    if (round % STOP_ONE_OF === 0) expect(await station.stop(), station.log()).toBe(0);
    else await station.kill9();
    station = await restarted(data.path, port);
  }
  await progressOf(streams, 20);
  await Promise.all(streams.map((stream) => stream.stop()));
  expect(await droppedBy(station), 'given up at a full queue').toBe(0);

  for (const { name, ledger } of ledgers) {
    for (const { topic, qos, acknowledged } of streams) {
      await ledger.until(topic, acknowledged, ARRIVAL_MS);
      const what = `${topic} at ${name}, ${acknowledged.size} messages`;
      expect(ledger.missing(topic, acknowledged), `lost of ${what}`).toEqual([]);
      expect(ledger.outOfOrder(topic), `out of order of ${what}`).toEqual([]);
      if (qos === 2) expect(ledger.repeated(topic), `repeated of ${what}`).toEqual([]);
    }
  }
  expect(peers.map((peer) => peer.sessionsLost())).toEqual(peers.map(() => 0));
}

describe('kill -9 and SIGTERM at random moments under QoS 1 and 2, 3.1.1 and 5.0, sessions on both sides [MQTT-4.1.0-2] [MQTT-4.3.3-13] [MQTT-4.4.0-1] [MQTT-4.6.0-5]', () => {
  it.each([
    ['clients of our own', rawPeer],
    ['MQTT.js', mqttJsPeer],
  ] as const)(
    '%s: nothing acknowledged is lost, QoS 2 comes once, topics keep their order',
    { timeout: 1_200_000 },
    async (what, kind) => {
      await killAgainAndAgain(kind, seededRandom(randomSeed(what)));
    },
  );
});
