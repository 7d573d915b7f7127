/** The record is taken away under a station that runs: what the broker keeps is in the new one. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { DeliveryLedger } from '../support/delivery-ledger.ts';
import { RawMqttClient } from '../support/raw-mqtt-client.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

let cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp = [];
});

const ARRIVAL_MS = 15_000;

async function started(folder: string, port = 0): Promise<StationProcess> {
  const station = await startStation(folder, { mqtt: `127.0.0.1:${port}` });
  cleanUp.push(() => station.kill9());
  return station;
}

function subscriber(port: number, ledger: DeliveryLedger): RawMqttClient {
  const client = new RawMqttClient({
    port,
    clientId: 'subscriber',
    level: 5,
    onMessage: ({ topic, payload }) => ledger.take(topic, Number(Buffer.from(payload).toString())),
  });
  cleanUp.push(() => client.end());
  return client;
}

/** Publishes 0, 1, 2, ... at QoS 1 and 2 until `stop`; `acknowledged` are those whose exchange is over. */
function stream(client: RawMqttClient): { acknowledged: number[]; stop(): Promise<void> } {
  const acknowledged: number[] = [];
  let stopped = false;
  const run = async (): Promise<void> => {
    for (let value = 0; !stopped; value++) {
      await Promise.all([
        client.publish('lost/qos1', Buffer.from(String(value)), 1),
        client.publish('lost/qos2', Buffer.from(String(value)), 2),
      ]);
      acknowledged.push(value);
      await pass(10);
    }
  };
  const end = run();
  return {
    acknowledged,
    stop: () => {
      stopped = true;
      return end;
    },
  };
}

async function until(what: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + ARRIVAL_MS;
  while (!what()) {
    if (Date.now() > deadlineMs) throw new Error(`it never happened: ${what.toString()}`);
    await pass(5);
  }
}

it(
  'sessions, what waits in them and retained messages outlive a record that is removed, and the kill after it [MQTT-4.1.0-1]',
  { timeout: 60_000 },
  async () => {
    const data = temporaryFolder();
    cleanUp.push(() => data.remove());
    const file = join(data.path, 'record.db');
    const station = await started(data.path);
    const port = station.port('mqtt');
    const ledger = new DeliveryLedger();
    const away = subscriber(port, ledger);
    await away.ready();
    await away.subscribe('lost/+', 2);
    const publisher = new RawMqttClient({ port, clientId: 'publisher', level: 4 });
    cleanUp.push(() => publisher.end());
    await publisher.publish('kept', Buffer.from('7'), 1, true);

    const { acknowledged, stop } = stream(publisher);
    await until(() => acknowledged.length > 20);
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    await until(() => existsSync(file));
    const before = acknowledged.length;
    await until(() => acknowledged.length > before + 5);
    // Everything from here on waits in the session.
    away.end();
    await until(() => acknowledged.length > before + 25);
    await station.kill9();
    await started(data.path, port);

    const back = subscriber(port, ledger);
    await back.ready();
    await until(() => acknowledged.length > before + 30);
    await stop();
    for (const topic of ['lost/qos1', 'lost/qos2']) {
      await ledger.until(topic, acknowledged, ARRIVAL_MS);
      expect(ledger.missing(topic, acknowledged), topic).toEqual([]);
      expect(ledger.outOfOrder(topic), topic).toEqual([]);
    }
    expect(ledger.repeated('lost/qos2')).toEqual([]);
    expect(publisher.sessionsLost).toBe(0);
    await back.subscribe('kept', 1);
    await ledger.until('kept', [7], ARRIVAL_MS);
    expect(ledger.missing('kept', [7])).toEqual([]);
  },
);
