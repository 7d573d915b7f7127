/** A subscriber and a publisher with sessions, for tests of what a station keeps through faults. */
import { setTimeout as pass } from 'node:timers/promises';
import type { DeliveryLedger } from './delivery-ledger.ts';
import { RawMqttClient } from './raw-mqtt-client.ts';

/** How long a test waits for what must come. */
export const ARRIVAL_MS = 20_000;
export const QOS1_TOPIC = 'kept/qos1';
export const QOS2_TOPIC = 'kept/qos2';

export async function until(what: string, happened: () => boolean): Promise<void> {
  const deadlineMs = Date.now() + ARRIVAL_MS;
  while (!happened()) {
    if (Date.now() > deadlineMs) throw new Error(`${what}: it never happened`);
    await pass(5);
  }
}

/** Numbers of all topics go into `ledger`. Subscribes to both topics at QoS 2 when it is new. */
export async function numberSubscriber(
  port: number,
  ledger: DeliveryLedger,
  isNew: boolean,
): Promise<RawMqttClient> {
  const client = new RawMqttClient({
    port,
    clientId: 'subscriber',
    level: 5,
    onMessage: ({ topic, payload }) => ledger.take(topic, Number(Buffer.from(payload).toString())),
  });
  await client.ready();
  if (isNew) await client.subscribe('kept/+', 2);
  return client;
}

/** Publishes 0, 1, 2, ... at QoS 1 and at QoS 2, each when the one before is acknowledged, until `stop`. */
export class NumberStream {
  /** PUBACK and PUBCOMP came. */
  readonly acknowledged: number[] = [];
  #stopped = false;
  readonly #end: Promise<void>;

  constructor(client: RawMqttClient) {
    this.#end = this.#run(client);
  }

  /** Resolves once so many more are acknowledged. */
  more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    return until(`${wanted} acknowledged`, () => this.acknowledged.length >= wanted);
  }

  stop(): Promise<void> {
    this.#stopped = true;
    return this.#end;
  }

  async #run(client: RawMqttClient): Promise<void> {
    for (let value = 0; !this.#stopped; value++) {
      const payload = Buffer.from(String(value));
      await Promise.all([client.publish(QOS1_TOPIC, payload, 1), client.publish(QOS2_TOPIC, payload, 2)]);
      this.acknowledged.push(value);
      await pass(5);
    }
  }
}

/** What is wrong with what the subscriber got of everything that was acknowledged; empty when nothing is. */
export async function complaints(ledger: DeliveryLedger, acknowledged: readonly number[]): Promise<string[]> {
  const found: string[] = [];
  for (const topic of [QOS1_TOPIC, QOS2_TOPIC]) {
    await ledger.until(topic, acknowledged, ARRIVAL_MS);
    const missing = ledger.missing(topic, acknowledged);
    if (missing.length > 0) found.push(`${topic} lost ${missing.join()}`);
    const outOfOrder = ledger.outOfOrder(topic);
    if (outOfOrder.length > 0) found.push(`${topic} out of order ${outOfOrder.join()}`);
  }
  const repeated = ledger.repeated(QOS2_TOPIC);
  if (repeated.length > 0) found.push(`${QOS2_TOPIC} twice ${repeated.join()}`);
  return found;
}
