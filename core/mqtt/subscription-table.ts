import type { Subscriber } from './route.ts';
import type { Session } from './session.ts';
import { SharedGroup } from './shared-groups.ts';
import { type Grant, grantOf, type Subscription } from './subscription.ts';
import { type SubscriptionLimits, SubscriptionTrie } from './subscription-trie.ts';
import { parseShared } from './topic.ts';
import type { Qos } from './types.ts';

/** A group stands in the tree for its members: each of them has a grant of its own. */
const GROUP_GRANT: Grant = { qos: 2, retainAsPublished: false, ids: null, noLocal: false, own: null };

/** One subscription that matches a topic. */
export interface TopicSubscription {
  session: Session;
  filter: string;
  qos: Qos;
}

/** All subscriptions: those of sessions, and those that sessions share (v5 §4.8.2), bounded together. */
export class SubscriptionTable {
  readonly #trie: SubscriptionTrie<Subscriber>;
  readonly #groups = new Map<string, SharedGroup>();
  readonly #maxSubscriptions: number;
  #members = 0;

  constructor(limits: SubscriptionLimits) {
    this.#maxSubscriptions = limits.maxSubscriptions;
    this.#trie = new SubscriptionTrie(limits);
  }

  get size(): number {
    return this.#trie.size - this.#groups.size + this.#members;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** Adds or replaces. False when a limit is in the way of a new one: nothing changes then. */
  set(session: Session, subscription: Subscription): boolean {
    const { filter } = subscription;
    if (!session.subscriptions.has(filter) && this.size >= this.#maxSubscriptions) return false;
    const shared = parseShared(filter);
    if (shared === null) return this.#trie.set(filter, session, grantOf(subscription));
    let group = this.#groups.get(filter);
    if (group === undefined) {
      group = new SharedGroup(filter, shared.filter);
      if (!this.#trie.set(shared.filter, group, GROUP_GRANT)) return false;
      this.#groups.set(filter, group);
    }
    if (group.set(session, subscription)) this.#members++;
    return true;
  }

  delete(session: Session, filter: string): void {
    const group = this.#groups.get(filter);
    if (group === undefined) {
      this.#trie.delete(filter, session);
      return;
    }
    if (!group.delete(session)) return;
    this.#members--;
    if (group.members.length > 0) return;
    this.#groups.delete(filter);
    this.#trie.delete(group.topicFilter, group);
  }

  /** Adds everyone that `topic` reaches, once, with all that matches. */
  match(topic: string, into: Map<Subscriber, Grant>): void {
    this.#trie.match(topic, into);
  }

  /** Every subscription that matches `topic`, at most `limit`. */
  subscribersOf(topic: string, limit: number): TopicSubscription[] {
    const found: TopicSubscription[] = [];
    for (const { filter, subscriber, grant } of this.#trie.matches(topic)) {
      const members =
        subscriber instanceof SharedGroup ? subscriber.members : [{ session: subscriber, grant }];
      const shown = subscriber instanceof SharedGroup ? subscriber.filter : filter;
      for (const { session, grant: own } of members) {
        if (found.length >= limit) return found;
        found.push({ session, filter: shown, qos: own.qos });
      }
    }
    return found;
  }
}
