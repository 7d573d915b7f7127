import { CodedError } from '../base/errors.ts';
import { Connection } from './connection.ts';
import { BrokerContext } from './context.ts';
import type { BrokerOptions } from './options.ts';
import { publishOwn } from './publishing.ts';
import type { Sink } from './sink.ts';
import type { BrokerCounters, ClientView, Qos } from './types.ts';

export interface OwnMessage {
  topic: string;
  payload: Uint8Array;
  qos?: Qos;
  retain?: boolean;
}

/**
 * An MQTT 3.1 and 3.1.1 broker without a network: transports bring connections with `open`. Single-threaded;
 * everything happens inside the calls to it and, for writing, once per turn of the event loop.
 */
export class Broker {
  readonly #context: BrokerContext;
  #running = false;

  constructor(options: BrokerOptions) {
    this.#context = new BrokerContext(options);
  }

  /** Live numbers: the same object for the broker's whole life. */
  get counters(): Readonly<BrokerCounters> {
    return this.#context.counters;
  }

  /** Network connections, also those that have not sent CONNECT yet. */
  get connectionCount(): number {
    return this.#context.connections.size;
  }

  get retainedCount(): number {
    return this.#context.retained.count;
  }

  get subscriptionCount(): number {
    return this.#context.router.subscriptionCount;
  }

  /** Acknowledgements that wait for `release`. */
  get pendingAcks(): number {
    return this.#context.acks.size;
  }

  /** Accepts connections from here on. */
  start(): void {
    this.#running = true;
  }

  /**
   * Closes every connection after what waits for it has been written. Wills are not published: the clients did
   * not go, the station did. Sessions and retained messages stay for the next `start`.
   */
  stop(): void {
    if (!this.#running) return;
    this.#running = false;
    const { connections, flusher, wheel } = this.#context;
    flusher.flush();
    for (const connection of [...connections]) {
      connection.dropWill();
      connection.close('the station stops');
    }
    flusher.stop();
    wheel.stop();
  }

  /** A new network connection. Above the limit of connections it is closed at once, and counted. */
  open(sink: Sink): Connection {
    const { connections, limits, counters } = this.#context;
    const connection = new Connection(this.#context, sink);
    if (!this.#running || connections.size >= limits.maxConnections) {
      counters.connectionsRefused++;
      connection.destroy('no more connections');
      return connection;
    }
    connections.add(connection);
    return connection;
  }

  /**
   * Publishes for the station, in order with what clients publish. False when the intake did not take it. Throws
   * a CodedError: `mqtt.topic_name` and the like, or `mqtt.not_encodable`.
   */
  publish(message: OwnMessage): boolean {
    if (!this.#running)
      throw new CodedError('mqtt.stopped', 'The broker is stopped, so nothing can be published.');
    const { topic, payload, qos = 0, retain = false } = message;
    return publishOwn(this.#context, null, topic, payload, qos, retain);
  }

  /** Everything up to `sequence` is committed: sends the acknowledgements that waited for it. */
  release(sequence: number): void {
    this.#context.acks.release(sequence);
  }

  /** Every session, also those whose client is away. */
  clients(): ClientView[] {
    return Array.from(this.#context.sessions.values(), (session) => session.view());
  }

  /** Closes the client's connection; its session stays as after any loss of connection. False: no such client. */
  kick(clientId: string): boolean {
    const connection = this.#context.sessions.get(clientId)?.connection ?? null;
    connection?.close('disconnected by the operator');
    return connection !== null;
  }

  /** Writes now what would be written at the end of this turn. */
  flush(): void {
    this.#context.flusher.flush();
  }
}
