import type { Clock, Timer } from '../../base/clock.ts';
import type { CoapServer } from '../../coap/server/coap-server.ts';
import { pathKey } from '../../coap/server/routes.ts';
import type { DevicesDelta, DevicesSnapshot } from '../../contract/devices.ts';
import type { DeviceFeed } from '../../devices/feed.ts';
import type { DeviceRegistry } from '../../devices/registry.ts';
import type { Broker } from '../../mqtt/broker.ts';

/** How often observers are told at most, however fast readings come. */
const LOOK_MS = 200;
const MAX_TOPICS = 1_000;

/**
 * Tells the CoAP server which of its resources changed: devices and readings by looking at what is new every 200 ms,
 * topics by subscribing to each that is observed. Nothing runs while nobody observes.
 */
export class ServerChanges {
  readonly #parts: {
    server: Pick<CoapServer, 'changed' | 'isObserved' | 'observers'>;
    registry: DeviceRegistry;
    broker: Pick<Broker, 'subscribe'>;
    clock: Clock;
  };
  #feed: DeviceFeed<DevicesSnapshot, DevicesDelta> | undefined;
  #timer: Timer | undefined;
  // In order of use: the topic that was asked for longest ago is the first.
  readonly #topics = new Map<string, () => void>();

  constructor(parts: {
    server: Pick<CoapServer, 'changed' | 'isObserved' | 'observers'>;
    registry: DeviceRegistry;
    broker: Pick<Broker, 'subscribe'>;
    clock: Clock;
  }) {
    this.#parts = parts;
  }

  /** Somebody is about to observe. */
  observed(): void {
    if (this.#timer !== undefined) return;
    this.#feed = this.#parts.registry.openFeed(() => undefined, { columns: true });
    this.#feed.snapshot();
    this.#timer = this.#parts.clock.after(LOOK_MS, () => this.#look());
  }

  /** Somebody is about to observe this topic. False where it cannot be followed, as too many are already. */
  follow(topic: string): boolean {
    this.observed();
    const known = this.#topics.get(topic);
    if (known !== undefined) {
      this.#topics.delete(topic);
      this.#topics.set(topic, known);
      return true;
    }
    // No filter names such a topic alone, and `$share/` would take messages away from a group of subscribers.
    if (/[+#]/.test(topic) || topic.startsWith('$share/')) return false;
    if (this.#topics.size >= MAX_TOPICS && !this.#dropUnobserved()) return false;
    const { broker, server } = this.#parts;
    const filter = { filter: topic, clientId: 'coap-server' };
    const path = pathOf(topic);
    this.#topics.set(
      topic,
      broker.subscribe(filter, () => server.changed(path)),
    );
    return true;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#feed?.close();
    this.#feed = undefined;
    for (const unsubscribe of this.#topics.values()) unsubscribe();
    this.#topics.clear();
  }

  #look(): void {
    const { server, clock } = this.#parts;
    if (server.observers === 0) {
      this.stop();
      return;
    }
    const delta = this.#feed?.drain() ?? null;
    if (delta !== null) this.#tell(delta);
    this.#timer = clock.after(LOOK_MS, () => this.#look());
  }

  #tell({ upsert, values }: DevicesDelta): void {
    const { server } = this.#parts;
    if (upsert.length > 0) server.changed('devices');
    for (const { id, series } of upsert) {
      server.changed(`devices/${id}`);
      for (const one of series) this.#seriesChanged(one.id);
    }
    if (values === undefined) return;
    for (const id of values.device) server.changed(`devices/${id}`);
    for (const id of values.series) this.#seriesChanged(id);
  }

  #seriesChanged(id: number): void {
    const { server, registry } = this.#parts;
    server.changed(`readings/${id}`);
    const series = registry.seriesInfo(id);
    if (series === undefined) return;
    const name = `${registry.keyOf(series.deviceId)}/${series.name}`;
    server.changed(pathKey(['readings', ...name.split('/')]));
  }

  /** Ends following the first topic that nobody observes any more; false when all are observed. */
  #dropUnobserved(): boolean {
    for (const [topic, unsubscribe] of this.#topics) {
      if (this.#parts.server.isObserved(pathOf(topic))) continue;
      unsubscribe();
      this.#topics.delete(topic);
      return true;
    }
    return false;
  }
}

function pathOf(topic: string): string {
  return pathKey(['topics', ...topic.split('/')]);
}
