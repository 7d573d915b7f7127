import mqtt from 'mqtt';
import { afterEach, expect, it } from 'vitest';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const MESSAGES = 1_000;
let cleanUp: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp = [];
});

async function start(folder: string): Promise<StationProcess> {
  const station = await startStation(folder);
  cleanUp.push(() => station.kill9());
  return station;
}

/** Publishes counter values at `qos` until the connection dies; answers with the values that were acknowledged. */
async function publishUntilKilled(
  station: StationProcess,
  qos: 1 | 2,
  killAfterAcks: number,
): Promise<Set<number>> {
  const acknowledged = new Set<number>();
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`, { reconnectPeriod: 0 });
  client.on('error', () => {}); // the kill is the test; the connection is expected to break
  const broken = new Promise<void>((resolve) => client.once('close', () => resolve()));
  for (let value = 0; value < MESSAGES; value++) {
    client.publish(`plant/killed/value/qos${qos}`, String(value), { qos }, (error) => {
      if (error) return;
      acknowledged.add(value);
      if (acknowledged.size === killAfterAcks) void station.kill9();
    });
  }
  await broken;
  await client.endAsync(true);
  return acknowledged;
}

it.each([
  [1, 1],
  [1, 137],
  [1, 700],
  [2, 400],
] as const)(
  'kill -9 during QoS %i after %i acknowledgements: every acknowledged reading is there',
  async (qos, acks) => {
    const folder = temporaryFolder();
    cleanUp.push(() => folder.remove());
    const acknowledged = await publishUntilKilled(await start(folder.path), qos, acks);
    expect(acknowledged.size).toBeGreaterThanOrEqual(acks);

    const again = await start(folder.path);
    const client = again.client();
    cleanUp.push(() => client.close());
    const { series } = await client.call('readings.query', {
      series: `plant/killed/value/qos${qos}/value`,
      from: 0,
      to: Date.now() + 60_000,
      maxPoints: 100_000,
    });
    const stored = new Set(series[0]!.v);
    const lost = [...acknowledged].filter((value) => !stored.has(value));
    expect(lost).toEqual([]);
    expect(await again.stop()).toBe(0);
  },
);
