import { CodedError } from '../base/errors.ts';
import type { ChangedClients } from './client-changes.ts';
import type { Properties } from './codec/packet.ts';
import { encodeProperties } from './codec/properties.ts';
import { ADMINISTRATIVE_ACTION, SERVER_SHUTTING_DOWN } from './codec/reason-codes.ts';
import { Connection } from './connection.ts';
import { BrokerContext } from './context.ts';
import { type HostSubscription, subscribeHost } from './host-subscriber.ts';
import type { BrokerState } from './journal.ts';
import type { BrokerOptions } from './options.ts';
import { type ConnectionOrigin, HOST_PROFILE, LOCAL_PROFILE } from './origin.ts';
import { publishOwn } from './publishing-own.ts';
import { restore, stateOf } from './restoring.ts';
import type { RetainedStore } from './retained.ts';
import { detailOf, viewOf } from './session-view.ts';
import type { Sink } from './sink.ts';
import { dropForbidden } from './subscribing.ts';
import type { BrokerCounters, ClientDetail, ClientView, InboundPublish, Qos } from './types.ts';

const LOCAL: ConnectionOrigin = { profile: LOCAL_PROFILE, certificate: null };

export interface OwnMessage {
  topic: string;
  payload: Uint8Array;
  qos?: Qos;
  retain?: boolean;
  /** Those that go with a message, and Message Expiry Interval. */
  properties?: Properties;
  /** Neither counted nor shown to the intake: `$SYS`. */
  silent?: boolean;
}

export interface TopicSubscribers {
  subscribers: { clientId: string; connected: boolean; filter: string; qos: Qos }[];
  /** Also beyond the limit. */
  total: number;
}

/**
 * An MQTT 3.1, 3.1.1 and 5.0 broker without a network: transports bring connections with `open`. Single-threaded;
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
    return this.#context.connections.size - (this.#context.perListener.get(HOST_PROFILE.id) ?? 0);
  }

  /** Sessions whose client is there, whose client is away, and how many have expired so far. */
  get sessionCounts(): { connected: number; absent: number; expired: number } {
    const { sessions, counters, perListener } = this.#context;
    const connected = sessions.all.size - sessions.absent - (perListener.get(HOST_PROFILE.id) ?? 0);
    return { connected, absent: sessions.absent, expired: counters.expiredSessions };
  }

  /** The retained messages, to be read; changes go through `publish`. */
  get retained(): RetainedStore {
    return this.#context.retained;
  }

  get retainedCount(): number {
    return this.#context.retained.count;
  }

  get subscriptionCount(): number {
    return this.#context.router.subscriptionCount;
  }

  get sharedGroupCount(): number {
    return this.#context.router.sharedGroupCount;
  }

  /** Packets that wait for `release`. */
  get pendingAcks(): number {
    return this.#context.acks.size;
  }

  /** Connections that came through a listener. */
  connectionsOf(listener: string): number {
    return this.#context.perListener.get(listener) ?? 0;
  }

  /** Puts back what an earlier run kept. Before the first `start`, and once. */
  restore(state: BrokerState): void {
    if (this.#running) throw new CodedError('mqtt.running', 'Only a broker that is not started can restore.');
    restore(this.#context, state);
  }

  /** Everything that is to be kept, for a journal that begins anew. */
  state(): BrokerState {
    return stateOf(this.#context);
  }

  /** Accepts connections from here on. Wills and sessions of an earlier run that are due go now. */
  start(): void {
    this.#running = true;
    this.#context.sessions.start();
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
      connection.close('the station stops', SERVER_SHUTTING_DOWN);
    }
    flusher.stop();
    wheel.stop();
  }

  /** A new network connection. Above the limits of connections it is closed at once, and counted. */
  open(sink: Sink, origin: ConnectionOrigin = LOCAL): Connection {
    const context = this.#context;
    const { connections, limits, counters, perListener } = context;
    const connection = new Connection(context, sink, origin);
    const { id } = origin.profile;
    const here = perListener.get(id) ?? 0;
    if (
      !this.#running ||
      connections.size >= limits.maxConnections ||
      here >= context.limitsOf(origin.profile).maxConnections
    ) {
      counters.connectionsRefused++;
      connection.destroy('no more connections');
      return connection;
    }
    connections.add(connection);
    perListener.set(id, here + 1);
    return connection;
  }

  /**
   * Publishes for the station, in order with what clients publish. `taken` is false when the intake did not take it.
   * Throws a CodedError: `mqtt.topic_name` and the like, or `mqtt.not_encodable`.
   */
  publish(message: OwnMessage): { taken: boolean; receivers: number } {
    if (!this.#running)
      throw new CodedError('mqtt.stopped', 'The broker is stopped, so nothing can be published.');
    const { topic, payload, qos = 0, retain = false, properties = {}, silent = false } = message;
    const { messageExpirySeconds = null, ...forwarded } = properties;
    const receivers = publishOwn(this.#context, {
      ...{ topic, payload, qos, retain, silent },
      ...{ clientId: null, username: null },
      properties: encodeProperties(forwarded),
      expirySeconds: messageExpirySeconds,
    });
    return { taken: receivers >= 0, receivers: Math.max(0, receivers) };
  }

  /** A subscriber inside the station: gets what a client would, in that order. Returns how to unsubscribe. */
  subscribe(subscription: HostSubscription, onMessage: (publish: InboundPublish) => void): () => void {
    const { clock } = this.#context;
    const failed = (error: unknown): void => this.#context.warn('a subscriber of the station failed', error);
    return subscribeHost(this, subscription, onMessage, () => clock.now(), failed);
  }

  /** Everything up to `sequence` is committed: sends what waited for it. */
  release(sequence: number): void {
    this.#context.acks.release(sequence);
  }

  /** Every session, also those whose client is away. */
  clients(): ClientView[] {
    const views: ClientView[] = [];
    for (const session of this.#context.sessions.all.values())
      if (!session.hidden) views.push(viewOf(session));
    return views;
  }

  client(clientId: string): ClientDetail | null {
    const session = this.#context.sessions.get(clientId);
    return session === undefined || session.hidden ? null : detailOf(session);
  }

  /** What changed since the look that returned `stamp`; 0: everything. See `ClientChanges`. */
  changedClients(stamp: number): ChangedClients {
    return this.#context.changes.since(stamp, this.#context.sessions.all);
  }

  /** Closes the client's connection; its session stays as after any loss of connection. False: not connected. */
  disconnect(
    clientId: string,
    reasonCode: number = ADMINISTRATIVE_ACTION,
    reason = 'disconnected by the operator',
  ): boolean {
    const connection = this.#context.sessions.get(clientId)?.connection ?? null;
    connection?.close(reason, reasonCode);
    return connection !== null;
  }

  /** Disconnects the client and forgets its session with all that waits in it. False: no such session. */
  removeSession(clientId: string): boolean {
    const { sessions } = this.#context;
    if (sessions.get(clientId) === undefined) return false;
    this.disconnect(clientId, ADMINISTRATIVE_ACTION, 'the session was removed by the operator');
    const session = sessions.get(clientId);
    if (session !== undefined) sessions.remove(session);
    return true;
  }

  /** Disconnects every client of a user. Returns how many there were. */
  disconnectUser(username: string, reasonCode: number = ADMINISTRATIVE_ACTION, reason = ''): number {
    const theirs = [...this.#context.connections].filter((connection) => connection.username === username);
    for (const connection of theirs) connection.close(reason, reasonCode);
    return theirs.length;
  }

  /** Who gets messages of `topic`; at most `limit` of them are listed. */
  subscribersOf(topic: string, limit: number): TopicSubscribers {
    const found = this.#context.router.subscribersOf(topic).filter(({ session }) => !session.hidden);
    const subscribers = found.slice(0, limit).map(({ session, filter, qos }) => ({
      clientId: session.clientId,
      connected: session.connection !== null,
      filter,
      qos,
    }));
    return { subscribers, total: found.length };
  }

  /** The rules of access changed: verdicts are asked for anew, subscriptions that are not allowed any more go. */
  accessChanged(): void {
    const context = this.#context;
    context.accessGeneration++;
    for (const session of context.sessions.all.values()) dropForbidden(context, session);
  }

  /** Writes now what would be written at the end of this turn. */
  flush(): void {
    this.#context.flusher.flush();
  }
}
