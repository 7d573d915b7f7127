import type { Qos } from './types.ts';

/** One subscription as the client asked for it (v5 §3.8.3.1); below level 5 only filter and QoS mean something. */
export interface Subscription {
  /** With `$share/NAME/` in front when it is shared. */
  readonly filter: string;
  readonly qos: Qos;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 send at subscribe, 1 only when the subscription is new, 2 never. */
  readonly retainHandling: 0 | 1 | 2;
  /** 0 for none. */
  readonly subscriptionId: number;
}

/** What a client gets of a message by one subscription, or by all of its subscriptions that match it. */
export interface Grant {
  readonly qos: Qos;
  readonly retainAsPublished: boolean;
  /** Of every subscription that matched and has one (MQTT-3.3.4-3); null for none. */
  readonly ids: readonly number[] | null;
  /** Whether the client's own messages are another matter: they come by `own`, or not at all (MQTT-3.8.3-3). */
  readonly noLocal: boolean;
  readonly own: Grant | null;
}

/** A grant of several subscriptions, added to while they are found. */
interface Sum {
  qos: Qos;
  retainAsPublished: boolean;
  ids: number[] | null;
  noLocal: boolean;
  own: Grant | null;
}

/** Nearly all subscriptions have no id: their grants are these twelve objects. */
const COMMON = ([0, 1, 2] as const).flatMap((qos) =>
  [false, true].flatMap((retainAsPublished) =>
    [false, true].map((noLocal): Grant => ({ qos, retainAsPublished, ids: null, noLocal, own: null })),
  ),
);

export function grantOf(subscription: Subscription): Grant {
  const { qos, retainAsPublished, noLocal, subscriptionId } = subscription;
  if (subscriptionId === 0) return COMMON[qos * 4 + (retainAsPublished ? 2 : 0) + (noLocal ? 1 : 0)]!;
  return { qos, retainAsPublished, ids: [subscriptionId], noLocal, own: null };
}

/** Adds up what overlapping subscriptions of one client grant: one message, at the highest QoS (MQTT-3.3.4-2). */
export class GrantSums {
  readonly #sums = new Set<Grant>();

  /** `known` with `more`: a new grant, or `known` when it is one of the sums made here. */
  add(known: Grant, more: Grant): Grant {
    let sum = known as Sum;
    if (!this.#sums.has(known)) {
      const { qos, retainAsPublished, ids, noLocal, own } = known;
      sum = { qos, retainAsPublished, ids: ids === null ? null : [...ids], noLocal, own };
      this.#sums.add(sum);
    }
    // Before `sum` takes in what must not count for the client's own messages.
    if (sum.noLocal) {
      const own = more.noLocal ? more.own : more;
      if (own !== null) sum.own = sum.own === null ? own : this.add(sum.own, own);
    } else if (more.noLocal) {
      const { qos, retainAsPublished, ids } = sum;
      sum.own = { qos, retainAsPublished, ids: ids === null ? null : [...ids], noLocal: false, own: null };
      if (more.own !== null) sum.own = this.add(sum.own, more.own);
    }
    sum.noLocal ||= more.noLocal;
    if (more.qos > sum.qos) sum.qos = more.qos;
    sum.retainAsPublished ||= more.retainAsPublished;
    if (more.ids !== null) {
      sum.ids ??= [];
      // The same id may be there twice (v5 §3.3.4).
      for (const id of more.ids) sum.ids.push(id);
    }
    return sum;
  }

  /** The sums so far are final. */
  seal(): void {
    this.#sums.clear();
  }
}

export function sameGrant(one: Grant, other: Grant): boolean {
  if (one === other) return true;
  if (one.qos !== other.qos || one.retainAsPublished !== other.retainAsPublished) return false;
  if (one.noLocal !== other.noLocal || !sameIds(one.ids, other.ids)) return false;
  if (one.own === null || other.own === null) return one.own === other.own;
  return sameGrant(one.own, other.own);
}

function sameIds(one: readonly number[] | null, other: readonly number[] | null): boolean {
  if (one === null || other === null) return one === other;
  return one.length === other.length && one.every((id, index) => id === other[index]);
}
