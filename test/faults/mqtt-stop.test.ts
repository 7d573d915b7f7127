/** What clients notice of a station that is stopped, and of storms of their own making. */
import mqtt from 'mqtt';
import type { IClientOptions, IDisconnectPacket, MqttClient } from 'mqtt';
import { setTimeout as pass } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { DeliveryLedger } from '../support/delivery-ledger.ts';
import { complaints, NumberStream, numberSubscriber } from '../support/durable-clients.ts';
import { RawMqttClient } from '../support/raw-mqtt-client.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

let cleanUp: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of cleanUp.reverse()) await step();
  cleanUp = [];
});

const SERVER_SHUTTING_DOWN = 0x8b;

async function started(folder: string, port = 0): Promise<StationProcess> {
  const station = await startStation(folder, { mqtt: `127.0.0.1:${port}` });
  cleanUp.push(() => station.kill9());
  return station;
}

async function client(port: number, clientId: string, willDelayInterval?: number): Promise<MqttClient> {
  const options: IClientOptions = {
    ...{ clientId, protocolVersion: 5, clean: false, reconnectPeriod: 0, keepalive: 0 },
    properties: { sessionExpiryInterval: 600 },
  };
  if (willDelayInterval !== undefined) {
    const topic = `will/${clientId}`;
    options.will = {
      topic,
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
      properties: { willDelayInterval },
    };
  }
  const made = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options);
  made.on('error', () => undefined); // its connection ends with the station
  cleanUp.push(() => made.endAsync(true));
  return made;
}

it('a stop says 0x8B to v5 clients, publishes no will, now or after the start, and ends with exit code 0 [MQTT-3.14.2-1]', async () => {
  const data = temporaryFolder();
  cleanUp.push(() => data.remove());
  const station = await started(data.path);
  const port = station.port('mqtt');
  const watcher = await client(port, 'watcher');
  await watcher.subscribeAsync('will/#', { qos: 1 });
  const clients = [watcher, await client(port, 'at-once', 0), await client(port, 'later', 1)];
  const farewells = clients.map(
    (one) =>
      new Promise<number | undefined>((resolve) => {
        one.once('disconnect', ({ reasonCode }: IDisconnectPacket) => resolve(reasonCode));
        one.once('close', () => resolve(undefined));
      }),
  );
  expect(await station.stop(), station.log()).toBe(0);
  expect(await Promise.all(farewells)).toEqual(clients.map(() => SERVER_SHUTTING_DOWN));

  await started(data.path, port);
  const wills: string[] = [];
  const back = await client(port, 'watcher');
  back.on('message', (topic) => wills.push(topic));
  // Longer than the delay of the one, so that both would have been published by now.
  await pass(1_500);
  await back.subscribeAsync('will/+', { qos: 1 });
  await back.publishAsync('will/marker', 'x', { qos: 1 });
  while (!wills.includes('will/marker')) await pass(5);
  expect(wills).toEqual(['will/marker']);
});

it(
  'a storm of take-overs and lost connections under QoS 1 and 2 in both directions loses, repeats and reorders nothing [MQTT-3.1.4-3] [MQTT-4.4.0-1] [MQTT-4.3.3-10]',
  { timeout: 60_000 },
  async () => {
    const data = temporaryFolder();
    cleanUp.push(() => data.remove());
    const station = await started(data.path);
    const port = station.port('mqtt');
    const ledger = new DeliveryLedger();
    const subscriber = await numberSubscriber(port, ledger, true);
    const publisher = new RawMqttClient({ port, clientId: 'publisher', level: 5 });
    cleanUp.push(
      () => subscriber.end(),
      () => publisher.end(),
    );
    const stream = new NumberStream(publisher);
    for (let round = 0; round < 150; round++) {
      const victim = round % 2 === 0 ? subscriber : publisher;
      if (round % 3 === 0) victim.drop();
      else for (let times = round % 4; times >= 0; times--) victim.takeOver();
      await pass(round % 17);
    }
    await stream.more(20);
    await stream.stop();
    expect(await complaints(ledger, stream.acknowledged)).toEqual([]);
    expect([subscriber.sessionsLost, publisher.sessionsLost]).toEqual([0, 0]);
    const rpc = station.client();
    const { limits } = await rpc.call('station.status', {});
    rpc.close();
    expect(limits['mqtt.malformed_packets'] ?? 0).toBe(0);
    expect(limits['mqtt.dropped_out'] ?? 0).toBe(0);
  },
);
