/** The record is taken away under a station that runs: what the broker keeps is in the new one. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { DeliveryLedger } from '../support/delivery-ledger.ts';
import { ARRIVAL_MS, complaints, NumberStream, numberSubscriber, until } from '../support/durable-clients.ts';
import { RawMqttClient } from '../support/raw-mqtt-client.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

let cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp = [];
});

async function started(folder: string, port = 0): Promise<StationProcess> {
  const station = await startStation(folder, { mqtt: `127.0.0.1:${port}` });
  cleanUp.push(() => station.kill9());
  return station;
}

it(
  'sessions, what waits in them and retained messages outlive a record that is removed, and the kill after it [MQTT-4.1.0-1]',
  { timeout: 90_000 },
  async () => {
    const data = temporaryFolder();
    cleanUp.push(() => data.remove());
    const file = join(data.path, 'record.db');
    const station = await started(data.path);
    const port = station.port('mqtt');
    const ledger = new DeliveryLedger();
    const away = await numberSubscriber(port, ledger, true);
    cleanUp.push(() => away.end());
    const publisher = new RawMqttClient({ port, clientId: 'publisher', level: 4 });
    cleanUp.push(() => publisher.end());
    await publisher.publish('retained', Buffer.from('7'), 1, true);

    const stream = new NumberStream(publisher);
    await stream.more(20);
    for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
    await until('a new record', () => existsSync(file));
    await stream.more(5);
    // Everything from here on waits in the session.
    away.end();
    await stream.more(20);
    await station.kill9();
    await started(data.path, port);

    const back = await numberSubscriber(port, ledger, false);
    cleanUp.push(() => back.end());
    await stream.more(5);
    await stream.stop();
    expect(await complaints(ledger, stream.acknowledged)).toEqual([]);
    expect(publisher.sessionsLost).toBe(0);
    await back.subscribe('retained', 1);
    await ledger.until('retained', [7], ARRIVAL_MS);
    expect(ledger.missing('retained', [7])).toEqual([]);
  },
);
