/** A disk that fills up under QoS 1 and 2 and sessions: nothing is acknowledged that is not on it. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { DeliveryLedger } from '../support/delivery-ledger.ts';
import { ARRIVAL_MS, complaints, NumberStream, numberSubscriber } from '../support/durable-clients.ts';
import { fillDisk, smallDisk } from '../support/mounts.ts';
import { RawMqttClient } from '../support/raw-mqtt-client.ts';
import { startStation } from '../support/station-process.ts';
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

/** Resolves when the station says that its disk is full; fills the disk again should something make room. */
async function full(station: StationProcess, ballast: string): Promise<void> {
  const rpc = station.client();
  try {
    const deadlineMs = Date.now() + ARRIVAL_MS;
    let bytes = 0;
    for (;;) {
      bytes += fillDisk(ballast);
      const { recorder } = await rpc.call('station.status', {});
      if (recorder.fault?.code === 'disk_full') return;
      if (Date.now() > deadlineMs) throw new Error(`${bytes} bytes do not fill the disk`);
      await pass(20);
    }
  } finally {
    rpc.close();
  }
}

const probe = smallDisk(64);
probe?.unmount();

describe.skipIf(probe === null)('a disk that is full', () => {
  it(
    'holds acknowledgements back, loses nothing that was acknowledged, also through a kill -9, and is caught up with',
    { timeout: 90_000 },
    async () => {
      const disk = smallDisk(8_000)!;
      cleanUp.push(() => disk.unmount());
      const ballast = join(disk.path, 'ballast');
      let station = await started(disk.path);
      const port = station.port('mqtt');
      const ledger = new DeliveryLedger();
      const first = await numberSubscriber(port, ledger, true);
      const publisher = new RawMqttClient({ port, clientId: 'publisher', level: 4 });
      cleanUp.push(() => publisher.end());
      const stream = new NumberStream(publisher);
      await stream.more(20);

      await full(station, ballast);
      const held = stream.acknowledged.length;
      await pass(300);
      expect(stream.acknowledged.length).toBeLessThanOrEqual(held + 1);
      rmSync(ballast);
      await stream.more(20);

      first.end();
      await stream.more(5);
      await full(station, ballast);
      await station.kill9();
      rmSync(ballast);
      station = await started(disk.path, port);
      await stream.more(20);
      const back = await numberSubscriber(port, ledger, false);
      cleanUp.push(() => back.end());
      await stream.stop();
      expect(await complaints(ledger, stream.acknowledged)).toEqual([]);
      expect(publisher.sessionsLost).toBe(0);
      expect(await station.stop(), station.log()).toBe(0);
    },
  );
});
