/**
 * The `$SYS` tree under the names that Mosquitto gives it (mosquitto.8, "Broker status"), so that dashboards made for
 * it go on working. Values are text; they are published as retained messages of QoS 0, and only when they changed.
 */
import type { Clock, Timer } from '../base/clock.ts';
import { LoadAverages } from './load-averages.ts';

export const SYS_INTERVAL_MS = 10_000;

/** What the tree is made of. Counters only ever grow; the others are as of now. */
export interface SysNumbers {
  connected: number;
  /** Sessions whose client is away. */
  disconnected: number;
  /** Counter of sessions that reached their expiry. */
  expired: number;
  /** Counters of packets of every kind. */
  packetsIn: number;
  packetsOut: number;
  /** Counters of PUBLISH packets, and of those given up. */
  publishesIn: number;
  publishesOut: number;
  publishesDropped: number;
  publishBytesIn: number;
  publishBytesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Counter of network connections. */
  sockets: number;
  /** Counter of CONNECT packets. */
  connects: number;
  /** Messages held: retained, queued and in flight, with their payload bytes. */
  stored: number;
  storedBytes: number;
  retained: number;
  subscriptions: number;
  sharedSubscriptions: number;
  heapBytes: number;
}

export interface SysValue {
  topic: string;
  value: string;
}

export interface SysTreeParts {
  clock: Clock;
  /** Without the name: `1.2.3`. */
  version: string;
  read: () => SysNumbers;
  /** Publishes as the station itself, retained, QoS 0. */
  publish: (topic: string, value: string) => void;
  intervalMs?: number;
}

export class SysTree {
  readonly #parts: SysTreeParts;
  readonly #intervalMs: number;
  readonly #loads: LoadAverages;
  /** What was published last. */
  readonly #told = new Map<string, string>();
  #startedMs = 0;
  #mostClients = 0;
  #mostHeapBytes = 0;
  #timer: Timer | undefined;

  constructor(parts: SysTreeParts) {
    this.#parts = parts;
    this.#intervalMs = parts.intervalMs ?? SYS_INTERVAL_MS;
    this.#loads = new LoadAverages();
    this.#startedMs = parts.clock.monotonic();
  }

  /** Publishes everything at once, and then what changes. */
  start(): void {
    if (this.#timer !== undefined) return;
    this.#startedMs = this.#parts.clock.monotonic();
    this.#tick();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** As of now, sorted by topic; the load averages are those of the last round. */
  values(): SysValue[] {
    return [...this.#valuesOf(this.#parts.read())]
      .map(([topic, value]) => ({ topic, value }))
      .sort((one, other) => (one.topic < other.topic ? -1 : 1));
  }

  #tick(): void {
    const { clock, read, publish } = this.#parts;
    const numbers = read();
    this.#loads.sample(clock.monotonic(), {
      'messages/received': numbers.packetsIn,
      'messages/sent': numbers.packetsOut,
      'publish/received': numbers.publishesIn,
      'publish/sent': numbers.publishesOut,
      'publish/dropped': numbers.publishesDropped,
      'bytes/received': numbers.bytesIn,
      'bytes/sent': numbers.bytesOut,
      sockets: numbers.sockets,
      connections: numbers.connects,
    });
    this.#timer = clock.after(this.#intervalMs, () => this.#tick());
    for (const [topic, value] of this.#valuesOf(numbers)) {
      if (this.#told.get(topic) === value) continue;
      this.#told.set(topic, value);
      publish(topic, value);
    }
  }

  #valuesOf(numbers: SysNumbers): Map<string, string> {
    const total = numbers.connected + numbers.disconnected;
    this.#mostClients = Math.max(this.#mostClients, total);
    this.#mostHeapBytes = Math.max(this.#mostHeapBytes, numbers.heapBytes);
    const uptimeSeconds = Math.floor((this.#parts.clock.monotonic() - this.#startedMs) / 1_000);
    const values = new Map<string, string>();
    const put = (name: string, value: number | string) => values.set(`$SYS/broker/${name}`, String(value));
    put('version', `fieldstation version ${this.#parts.version}`);
    put('uptime', `${uptimeSeconds} seconds`);
    put('clients/total', total);
    put('clients/connected', numbers.connected);
    put('clients/disconnected', numbers.disconnected);
    // Older names of the two above, which Mosquitto still publishes.
    put('clients/active', numbers.connected);
    put('clients/inactive', numbers.disconnected);
    put('clients/maximum', this.#mostClients);
    put('clients/expired', numbers.expired);
    put('messages/received', numbers.packetsIn);
    put('messages/sent', numbers.packetsOut);
    // An older name of store/messages/count.
    put('messages/stored', numbers.stored);
    put('store/messages/count', numbers.stored);
    put('store/messages/bytes', numbers.storedBytes);
    put('publish/messages/received', numbers.publishesIn);
    put('publish/messages/sent', numbers.publishesOut);
    put('publish/messages/dropped', numbers.publishesDropped);
    put('publish/bytes/received', numbers.publishBytesIn);
    put('publish/bytes/sent', numbers.publishBytesOut);
    put('bytes/received', numbers.bytesIn);
    put('bytes/sent', numbers.bytesOut);
    put('subscriptions/count', numbers.subscriptions);
    put('shared_subscriptions/count', numbers.sharedSubscriptions);
    put('retained messages/count', numbers.retained);
    put('heap/current', numbers.heapBytes);
    put('heap/maximum', this.#mostHeapBytes);
    for (const { name, minutes, perMinute } of this.#loads.averages()) {
      put(`load/${name}/${minutes}min`, perMinute.toFixed(2));
    }
    return values;
  }
}
