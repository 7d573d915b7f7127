import type { Buffer } from 'node:buffer';
import type { PublishFrame } from './publish-frame.ts';
import { type Route, RouteTable } from './route.ts';
import type { Session } from './session.ts';
import { type SubscriptionLimits, SubscriptionTrie } from './subscription-trie.ts';
import type { TopicEntry } from './topic-cache.ts';
import type { BrokerCounters, Qos } from './types.ts';

/**
 * From a message to its receivers. QoS 0 packets that stand side by side in one read and go to the same
 * receivers are handed on as one run of bytes: an outgoing QoS 0 packet is the incoming one, bit for bit.
 */
export class Router {
  readonly #subscriptions: SubscriptionTrie<Session>;
  readonly #routes = new RouteTable();
  readonly #counters: BrokerCounters;
  readonly #matched = new Map<Session, Qos>();
  #generation = 0;

  #runRoute: Route | null = null;
  #runBytes: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;
  #runMessages = 0;

  constructor(counters: BrokerCounters, limits: SubscriptionLimits) {
    this.#counters = counters;
    this.#subscriptions = new SubscriptionTrie(limits);
  }

  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  /** False when there are too many subscriptions. */
  subscribe(session: Session, filter: string, qos: Qos): boolean {
    this.#changed();
    if (!this.#subscriptions.set(filter, session, qos)) return false;
    session.subscriptions.set(filter, qos);
    return true;
  }

  unsubscribe(session: Session, filter: string): void {
    if (!session.subscriptions.delete(filter)) return;
    this.#changed();
    this.#subscriptions.delete(filter, session);
  }

  unsubscribeAll(session: Session): void {
    if (session.subscriptions.size === 0) return;
    this.#changed();
    for (const filter of session.subscriptions.keys()) this.#subscriptions.delete(filter, session);
    session.subscriptions.clear();
  }

  /** Routes the QoS 0 packet `bytes[start..end)` without RETAIN, latest at the next `endRun`. */
  addToRun(entry: TopicEntry, bytes: Buffer, start: number, end: number): void {
    const route = this.#routeOf(entry);
    if (route === this.#runRoute && start === this.#runEnd && bytes === this.#runBytes) {
      this.#runEnd = end;
      this.#runMessages++;
      return;
    }
    this.endRun();
    if (route.sessions.length === 0) return;
    this.#runRoute = route;
    this.#runBytes = bytes;
    this.#runStart = start;
    this.#runEnd = end;
    this.#runMessages = 1;
  }

  /** Sends what `addToRun` gathered. Everything else that goes to a receiver calls this first, to keep the order. */
  endRun(): void {
    const route = this.#runRoute;
    if (route === null) return;
    this.#runRoute = null;
    for (const session of route.sessions) {
      const { connection } = session;
      if (connection === null) continue;
      if (connection.makeRoom())
        connection.sendRun(this.#runBytes!, this.#runStart, this.#runEnd, this.#runMessages);
      else this.#counters.droppedOut += this.#runMessages;
    }
    this.#runBytes = null;
  }

  /** Gives one message to each of its receivers, at the lower of its QoS and the granted one. */
  deliver(entry: TopicEntry, frame: PublishFrame): void {
    this.endRun();
    const { sessions, granted } = this.#routeOf(entry);
    for (let index = 0; index < sessions.length; index++) {
      const qos = granted[index]!;
      sessions[index]!.deliver(frame, qos < frame.qos ? qos : frame.qos);
    }
  }

  #routeOf(entry: TopicEntry): Route {
    if (entry.generation === this.#generation) return entry.route!;
    this.#matched.clear();
    this.#subscriptions.match(entry.topic, this.#matched);
    entry.route = this.#routes.of(this.#matched);
    entry.generation = this.#generation;
    this.#matched.clear();
    return entry.route;
  }

  #changed(): void {
    this.endRun();
    this.#generation++;
    this.#routes.clear();
  }
}
