import type { Buffer } from 'node:buffer';
import { bodyStart } from './codec/frame.ts';
import type { Connection } from './connection.ts';
import { createView, type Layout, type PublishFrame } from './publish-frame.ts';
import { NO_ROUTE, type Route, RouteTable, type Subscriber } from './route.ts';
import { RETAIN_FLAG, type Session } from './session.ts';
import { type Grant, grantOf, sameGrant, type Subscription } from './subscription.ts';
import { SubscriptionTable, type TopicSubscription } from './subscription-table.ts';
import type { SubscriptionLimits } from './subscription-trie.ts';
import type { TopicEntry } from './topic-cache.ts';
import type { BrokerCounters } from './types.ts';

/** Receivers in all different routes together, of 16 bytes each; beyond, routes are looked up anew. */
const MAX_RECEIVERS = 4_000_000;
const LARGE_ROUTE = 64;
const MAX_LARGE_ENTRIES = 100_000;
/**
 * From a message to its receivers. QoS 0 packets that stand side by side in one read and go to the same
 * receivers are handed on as one run of bytes: to a receiver of the same protocol version without subscription
 * identifiers or topic aliases an outgoing QoS 0 packet is the incoming one, bit for bit.
 */
export class Router {
  readonly #subscriptions: SubscriptionTable;
  readonly #routes = new RouteTable();
  readonly #counters: BrokerCounters;
  readonly #matched = new Map<Subscriber, Grant>();
  #generation = 0;
  /** Entries with large routes: they live longer than a generation. */
  #largeEntries: TopicEntry[] = [];

  #runRoute: Route | null = null;
  #runBytes: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;
  #runMessages = 0;
  #runLargest = 0;
  #runLayout: Layout = 4;
  #runPublisher = '';
  readonly #runEntries: TopicEntry[] = [];
  readonly #view = createView();

  constructor(counters: BrokerCounters, limits: SubscriptionLimits) {
    this.#counters = counters;
    this.#subscriptions = new SubscriptionTable(limits);
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  get sharedGroupCount(): number {
    return this.#subscriptions.groupCount;
  }

  /** Adds or replaces. False when there are too many subscriptions: nothing changes then. */
  subscribe(session: Session, subscription: Subscription): boolean {
    const known = session.subscriptions.get(subscription.filter);
    // Clients that come back subscribe to what they have: no reason to look up every route anew.
    if (known !== undefined && sameGrant(grantOf(known), grantOf(subscription))) {
      session.subscriptions.set(subscription.filter, subscription);
      return true;
    }
    this.#changed();
    if (!this.#subscriptions.set(session, subscription)) return false;
    session.subscriptions.set(subscription.filter, subscription);
    return true;
  }

  /** False when there was no such subscription. */
  unsubscribe(session: Session, filter: string): boolean {
    if (!session.subscriptions.delete(filter)) return false;
    this.#changed();
    this.#subscriptions.delete(session, filter);
    return true;
  }

  unsubscribeAll(session: Session): void {
    if (session.subscriptions.size === 0) return;
    this.#changed();
    for (const filter of session.subscriptions.keys()) this.#subscriptions.delete(session, filter);
    session.subscriptions.clear();
  }

  /** Who gets messages of `topic`, by which filter and at most at which QoS; at most `limit` of them. */
  subscribersOf(topic: string, limit = Infinity): TopicSubscription[] {
    return this.#subscriptions.subscribersOf(topic, limit);
  }

  /**
   * Routes the QoS 0 packet `bytes[start..end)` without RETAIN and without properties, latest at the next `endRun`.
   * All packets of one run are `publisher`'s: a run ends with the read that it came in.
   */
  addToRun(
    entry: TopicEntry,
    bytes: Buffer,
    start: number,
    end: number,
    layout: Layout,
    publisher: string,
  ): void {
    const route = this.#routeOf(entry);
    if (route === this.#runRoute && start === this.#runEnd && bytes === this.#runBytes) {
      this.#runEnd = end;
      if (end - start > this.#runLargest) this.#runLargest = end - start;
      this.#runEntries[this.#runMessages++] = entry;
      return;
    }
    this.endRun();
    if (route === NO_ROUTE) return;
    this.#runRoute = route;
    this.#runBytes = bytes;
    this.#runStart = start;
    this.#runEnd = end;
    this.#runLargest = end - start;
    this.#runLayout = layout;
    this.#runPublisher = publisher;
    this.#runEntries[0] = entry;
    this.#runMessages = 1;
  }

  /** Sends what `addToRun` gathered. Everything else that goes to a receiver calls this first, to keep the order. */
  endRun(): void {
    const route = this.#runRoute;
    if (route === null) return;
    this.#runRoute = null;
    const { sessions, grants, groups } = route;
    let singly = groups.length > 0;
    for (let index = 0; index < sessions.length; index++) {
      const session = sessions[index]!;
      const { connection } = session;
      if (connection === null) continue;
      let grant: Grant | null = grants[index]!;
      if (grant.noLocal && session.clientId === this.#runPublisher) grant = grant.own;
      if (grant === null) continue;
      if (!this.#takesRun(connection, grant)) singly = true;
      else if (connection.makeRoom())
        connection.sendRun(this.#runBytes!, this.#runStart, this.#runEnd, this.#runMessages);
      else this.#drop(session);
    }
    if (singly) this.#deliverSingly(route);
    this.#runBytes = null;
  }

  /**
   * Gives one message to each of its receivers, at the lower of its QoS and the granted one. Returns how many
   * receivers there are, present or not; a group counts as one.
   */
  deliver(entry: TopicEntry, frame: PublishFrame, retain: boolean): number {
    this.endRun();
    const { sessions, grants, groups } = this.#routeOf(entry);
    let receivers = 0;
    for (let index = 0; index < sessions.length; index++) {
      const session = sessions[index]!;
      let grant: Grant | null = grants[index]!;
      if (grant.noLocal && session.clientId === frame.publisher) grant = grant.own;
      if (grant === null) continue;
      const flags = retain && grant.retainAsPublished ? RETAIN_FLAG : 0;
      session.deliver(frame, grant.qos < frame.qos ? grant.qos : frame.qos, flags, grant.ids);
      receivers++;
    }
    for (const group of groups) if (group.deliver(frame, retain)) receivers++;
    return receivers;
  }

  #drop(session: Session): void {
    this.#counters.droppedOut += this.#runMessages;
    session.record.dropped += this.#runMessages;
    session.touch();
  }

  #takesRun(connection: Connection, grant: Grant): boolean {
    return (
      (connection.protocolLevel === 5) === (this.#runLayout === 5) &&
      grant.ids === null &&
      connection.aliases === null &&
      this.#runLargest <= connection.maximumPacketBytes
    );
  }

  /** The messages of the run one after the other to those receivers whose packets differ from the publisher's. */
  #deliverSingly({ sessions, grants, groups }: Route): void {
    const bytes = this.#runBytes!;
    const view = this.#view;
    let start = this.#runStart;
    for (let message = 0; message < this.#runMessages; message++) {
      const { topic } = this.#runEntries[message]!;
      const body = bodyStart(bytes, start);
      const topicStart = body + 2;
      const topicEnd = topicStart + ((bytes[body]! << 8) | bytes[body + 1]!);
      const remaining = remainingLength(bytes, start);
      const payloadStart = this.#runLayout === 5 ? topicEnd + 1 : topicEnd;
      view.point(
        bytes,
        start,
        payloadStart,
        body + remaining,
        topic,
        topicStart,
        topicEnd,
        this.#runLayout,
        0,
      );
      view.publisher = this.#runPublisher;
      for (let index = 0; index < sessions.length; index++) {
        const session = sessions[index]!;
        const { connection } = session;
        if (connection === null) continue;
        let grant: Grant | null = grants[index]!;
        if (grant.noLocal && session.clientId === this.#runPublisher) grant = grant.own;
        if (grant !== null && !this.#takesRun(connection, grant)) session.deliver(view, 0, 0, grant.ids);
      }
      for (const group of groups) group.deliver(view, false);
      start = body + remaining;
    }
  }

  #routeOf(entry: TopicEntry): Route {
    if (entry.generation === this.#generation) return entry.route!;
    this.#matched.clear();
    this.#subscriptions.match(entry.topic, this.#matched);
    const route = this.#routes.of(this.#matched);
    entry.route = route;
    entry.generation = this.#generation;
    if (this.#matched.size > LARGE_ROUTE) this.#remember(entry);
    this.#matched.clear();
    return route;
  }

  /** Bounds what routes take: one list of ten thousand receivers for each of as many topics would be gigabytes. */
  #remember(entry: TopicEntry): void {
    const tooMany = this.#routes.receivers > MAX_RECEIVERS || this.#largeEntries.length > MAX_LARGE_ENTRIES;
    if (tooMany) this.#forget();
    else this.#largeEntries.push(entry);
  }

  #forget(): void {
    for (const entry of this.#largeEntries) {
      entry.route = null;
      entry.generation = -1;
    }
    this.#largeEntries = [];
    this.#routes.clear();
  }

  #changed(): void {
    this.endRun();
    this.#generation++;
    this.#forget();
  }
}

function remainingLength(bytes: Buffer, start: number): number {
  let remaining = 0;
  for (let at = start + 1, shift = 0; ; at++, shift += 7) {
    remaining |= (bytes[at]! & 127) << shift;
    if (bytes[at]! < 128) return remaining;
  }
}
