/** Real MQTT clients of the scenarios. Nothing comes back by itself: a lost connection is what a scenario looks at. */
import mqtt from 'mqtt';
import type { IClientOptions, IConnackPacket, IDisconnectPacket, IPublishPacket, MqttClient } from 'mqtt';
import type { Locator, Page } from '@playwright/test';
import type { Desk } from './launchers.ts';

const open = new Set<MqttClient>();

/**
 * MQTT 5 on loopback, without reconnecting, and the CONNACK. `onMessage` hears also what follows it at once. Fails with
 * what the broker answers when it does not let the client in.
 */
export async function join(
  port: number,
  options: IClientOptions = {},
  onMessage?: (topic: string, packet: IPublishPacket) => void,
): Promise<{ client: MqttClient; connack: IConnackPacket }> {
  const client = mqtt.connect(`${options.protocol ?? 'mqtt'}://127.0.0.1:${port}`, {
    protocolVersion: 5,
    reconnectPeriod: 0,
    connectTimeout: 10_000,
    ...options,
  });
  open.add(client);
  client.on('message', (topic, _payload, packet) => onMessage?.(topic, packet));
  const connack = await new Promise<IConnackPacket>((resolve, reject) => {
    client.once('connect', resolve);
    // Stays: a broker that is killed later is a scenario.
    client.on('error', reject);
    client.once('close', () => reject(new Error('the connection was closed')));
  });
  return { client, connack };
}

export async function connect(port: number, options: IClientOptions = {}): Promise<MqttClient> {
  return (await join(port, options)).client;
}

/** For `test.afterEach`. What a client still waited for is nobody's any more. */
export async function endClients(): Promise<void> {
  await Promise.allSettled([...open].map((client) => client.endAsync(true)));
  open.clear();
}

/** The code that a connection is refused with; fails when it is let in. */
export async function refusalOf(port: number, options: IClientOptions): Promise<number | string> {
  try {
    await connect(port, options);
  } catch (error) {
    return (error as { code: number | string }).code;
  }
  throw new Error('the broker let the client in');
}

/** Retained messages that a new subscriber gets for `filters`, up to the one on `last`, by topic. */
export async function retainedFor(
  desk: Desk,
  filters: string[],
  last: string,
): Promise<Map<string, IPublishPacket>> {
  const client = await connect(desk.port('mqtt'));
  const got = new Map<string, IPublishPacket>();
  const done = new Promise<void>((resolve) => {
    client.on('message', (topic, _payload, packet) => {
      got.set(topic, packet);
      if (topic === last) resolve();
    });
  });
  // One after the other: what a filter gives comes before what the next one gives.
  for (const filter of [...filters, last]) await client.subscribeAsync(filter, { qos: 1 });
  await done;
  await client.endAsync();
  return got;
}

/** The next packet of a subscriber; ask before it is sent. */
export function nextMessage(client: MqttClient): Promise<IPublishPacket> {
  return new Promise((resolve) => client.once('message', (_topic, _payload, packet) => resolve(packet)));
}

/** DISCONNECT of the broker; ask before it is sent. */
export function disconnected(client: MqttClient): Promise<IDisconnectPacket> {
  return new Promise((resolve) => client.once('disconnect', resolve));
}

export function closed(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', resolve));
}

export async function goto(page: Page, hash: string): Promise<void> {
  await page.goto(new URL(hash, page.url()).href);
}

/** The value of a line `name: value` in a list of facts. */
export function fact(scope: Locator, name: string): Locator {
  return scope
    .locator('dl > div')
    .filter({ has: scope.page().locator(`dt:text-is("${name}")`) })
    .locator('dd');
}
