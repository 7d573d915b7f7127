/** Real subscribers that stop reading: their process stands still while its connection stays open. */
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pass } from 'node:timers/promises';
import mqtt from 'mqtt';
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { encodePacket } from '../../core/mqtt/codec/encode.ts';
import type { ConnectPacket, PublishPacket } from '../../core/mqtt/codec/packet.ts';
import { missingPeers, startPeer, stopChild } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

let cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp = [];
});

const MIB = 1_048_576;
const PAYLOAD = Buffer.alloc(1_000, 'x');
const MESSAGES = 60_000;
/** What the memory may grow by with two frozen subscribers, of which neither takes 60 MB. */
const MORE_BYTES = 40 * MIB;

async function started(): Promise<StationProcess> {
  const data = temporaryFolder();
  cleanUp.push(() => data.remove());
  const station = await startStation(data.path);
  cleanUp.push(() => station.kill9());
  return station;
}

function residentBytes(station: StationProcess): number {
  const status = readFileSync(`/proc/${station.child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1_024;
}

/** A mosquitto_sub that has its subscription, and stands still from then on. */
async function frozen(station: StationProcess, clientId: string, ...words: string[]): Promise<void> {
  const port = String(station.port('mqtt'));
  const child = startPeer('mosquitto_sub', [
    '-h',
    '127.0.0.1',
    '-p',
    port,
    '-t',
    '#',
    '-i',
    clientId,
    ...words,
  ]);
  cleanUp.push(() => stopChild(child, 'SIGKILL'));
  const rpc = station.client();
  const topic = 'flood/a';
  for (;;) {
    const { subscribers } = await rpc.call('broker.subscribers', { topic });
    if (subscribers.some((one) => one.clientId === clientId)) break;
    await pass(10);
  }
  rpc.close();
  child.kill('SIGSTOP');
}

/** QoS 0 messages over a plain socket, at most some 20,000 a second. */
async function flood(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  cleanUp.push(() => socket.destroy());
  await once(socket, 'connect');
  const connectPacket: ConnectPacket = {
    ...{ type: 'connect', protocolLevel: 4, cleanStart: true, keepAliveSeconds: 0, clientId: 'flood' },
    ...{ will: null, username: null, password: null, properties: {} },
  };
  socket.write(encodePacket(connectPacket, 4));
  await once(socket, 'data');
  const message: PublishPacket = {
    ...{ type: 'publish', topic: 'flood/a', payload: PAYLOAD, qos: 0, retain: false, dup: false },
    ...{ packetId: 0, properties: {} },
  };
  const publish = encodePacket(message, 4);
  const hundred = Buffer.concat(Array.from({ length: 100 }, () => publish));
  for (let sent = 0; sent < MESSAGES; sent += 100) {
    if (!socket.write(hundred)) await once(socket, 'drain');
    await pass(5);
  }
  socket.end();
}

interface Seen {
  medianMs: number;
  /** The longest but one of a hundred. */
  p99Ms: number;
  highestBytes: number;
}

/** How the station serves another client under the flood, and what memory it takes. */
async function underFlood(station: StationProcess, probe: MqttClient): Promise<Seen> {
  let over = false;
  const flooded = flood(station.port('mqtt')).then(() => (over = true));
  const roundTripMs: number[] = [];
  let highestBytes = 0;
  while (!over) {
    const startedMs = performance.now();
    const echo = new Promise((resolve) => probe.once('message', resolve));
    await probe.publishAsync('probe', 'x', { qos: 1 });
    await echo;
    roundTripMs.push(performance.now() - startedMs);
    highestBytes = Math.max(highestBytes, residentBytes(station));
    await pass(5);
  }
  await flooded;
  roundTripMs.sort((one, other) => one - other);
  const at = (part: number): number => roundTripMs[Math.floor(roundTripMs.length * part)]!;
  return { medianMs: at(0.5), p99Ms: at(0.99), highestBytes };
}

const missing = missingPeers('mosquitto_sub');

describe.skipIf(missing.length > 0)('mosquitto_sub that stands still', () => {
  it(
    'delays nobody and takes no memory, at QoS 0 to # under a flood and at QoS 1 with a session',
    { timeout: 90_000 },
    async () => {
      const station = await started();
      const probe = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`, {
        ...{ protocolVersion: 5, clientId: 'probe', keepalive: 0, reconnectPeriod: 0 },
      });
      cleanUp.push(() => probe.endAsync(true));
      await probe.subscribeAsync('probe', { qos: 1 });
      await underFlood(station, probe); // the first is for the compiler and the memory's first growth
      const without = await underFlood(station, probe);
      await frozen(station, 'frozen0');
      await frozen(station, 'frozen1', '-q', '1', '-c');
      const beside = await underFlood(station, probe);
      const told = ({ medianMs, p99Ms, highestBytes }: Seen): string =>
        `${medianMs.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, ${(highestBytes / MIB).toFixed(0)} MiB`;
      process.stdout.write(`without: ${told(without)}; beside frozen ones: ${told(beside)}\n`);
      const rpc = station.client();
      const { limits } = await rpc.call('station.status', {});
      rpc.close();
      // Frozen ones stay so for the whole flood: whoever waited for them would wait for seconds.
      expect(beside.p99Ms).toBeLessThan(10 * without.p99Ms + 100);
      expect(beside.highestBytes - without.highestBytes).toBeLessThan(MORE_BYTES);
      expect(limits['mqtt.dropped_out']).toBeGreaterThan(MESSAGES);
      expect(limits['mqtt.stuck_clients'] ?? 0).toBe(0);
    },
  );
});
