import { type Grant, GrantSums } from './subscription.ts';
import { isReserved } from './topic.ts';

interface Level<T> {
  readonly parent: Level<T> | null;
  /** The level's text, `+` or `#`. */
  readonly text: string;
  children: Map<string, Level<T>> | null;
  plus: Level<T> | null;
  hash: Level<T> | null;
  subscribers: Map<T, Grant> | null;
}

/** Of all subscriptions together. */
export interface SubscriptionLimits {
  maxSubscriptions: number;
  maxLevels: number;
  /** UTF-16 units of their filters. */
  maxCharacters: number;
}

/**
 * Who subscribed to what: one tree level per topic level, with `+` and `#` beside the named children, so that
 * matching visits only what can match. Topics that begin with `$` have a root of their own: wildcards on the first
 * level do not reach them (MQTT-4.7.2-1).
 */
export class SubscriptionTrie<T> {
  readonly #root = createLevel<T>(null, '');
  readonly #reservedRoot = createLevel<T>(null, '');
  readonly #limits: SubscriptionLimits;
  readonly #sums = new GrantSums();
  #size = 0;
  #levels = 0;
  #characters = 0;

  constructor(limits: SubscriptionLimits) {
    this.#limits = limits;
  }

  /** Subscriptions in the tree. */
  get size(): number {
    return this.#size;
  }

  /** Adds or replaces; `filter` is valid. False when a limit is in the way of a new one: nothing changes then. */
  set(filter: string, subscriber: T, grant: Grant): boolean {
    const texts = filter.split('/');
    let level = this.#rootOf(filter);
    let depth = 0;
    for (let child; depth < texts.length; depth++, level = child) {
      child = childOf(level, texts[depth]!);
      if (child === null) break;
    }
    const missing = texts.length - depth;
    if (missing > 0 || level.subscribers?.has(subscriber) !== true) {
      if (!this.#hasRoom(missing, filter.length)) return false;
      this.#size++;
      this.#levels += missing;
      this.#characters += filter.length;
    }
    for (; depth < texts.length; depth++) level = addChild(level, texts[depth]!);
    (level.subscribers ??= new Map()).set(subscriber, grant);
    return true;
  }

  /** Removes the subscription and every level that only it needed. False when there was none. */
  delete(filter: string, subscriber: T): boolean {
    let level: Level<T> | null = this.#rootOf(filter);
    for (const text of filter.split('/')) {
      level = childOf(level, text);
      if (level === null) return false;
    }
    if (level.subscribers?.delete(subscriber) !== true) return false;
    if (level.subscribers.size === 0) level.subscribers = null;
    this.#size--;
    this.#characters -= filter.length;
    while (level.parent !== null && isEmpty(level)) {
      remove(level.parent, level.text);
      this.#levels--;
      level = level.parent;
    }
    return true;
  }

  /** Adds to `into` every subscriber that `topic` reaches, once, with what its matching filters grant together. */
  match(topic: string, into: Map<T, Grant>): void {
    for (const level of this.#reached(topic)) {
      for (const [subscriber, grant] of level.subscribers!) {
        const known = into.get(subscriber);
        into.set(subscriber, known === undefined ? grant : this.#sums.add(known, grant));
      }
    }
    this.#sums.seal();
  }

  /** Every subscription that matches `topic` with its filter, also several of one subscriber. */
  *matches(topic: string): Iterable<{ filter: string; subscriber: T; grant: Grant }> {
    for (const level of this.#reached(topic)) {
      const filter = filterOf(level);
      for (const [subscriber, grant] of level.subscribers!) yield { filter, subscriber, grant };
    }
  }

  /** The levels with subscribers that match. Depth is the publisher's choice: not recursive. */
  #reached(topic: string): Level<T>[] {
    const found: Level<T>[] = [];
    let reached: Level<T>[] = [this.#rootOf(topic)];
    for (const text of topic.split('/')) {
      const next: Level<T>[] = [];
      for (const level of reached) {
        if (level.hash !== null) found.push(level.hash);
        const child = level.children?.get(text);
        if (child !== undefined) next.push(child);
        if (level.plus !== null) next.push(level.plus);
      }
      if (next.length === 0) return found;
      reached = next;
    }
    for (const level of reached) {
      if (level.subscribers !== null) found.push(level);
      // `sport/#` matches `sport` too (§4.7.1.2).
      if (level.hash !== null) found.push(level.hash);
    }
    return found;
  }

  #hasRoom(levels: number, characters: number): boolean {
    const { maxSubscriptions, maxLevels, maxCharacters } = this.#limits;
    return (
      this.#size < maxSubscriptions &&
      this.#levels + levels <= maxLevels &&
      this.#characters + characters <= maxCharacters
    );
  }

  #rootOf(topic: string): Level<T> {
    return isReserved(topic) ? this.#reservedRoot : this.#root;
  }
}

function createLevel<T>(parent: Level<T> | null, text: string): Level<T> {
  return { parent, text, children: null, plus: null, hash: null, subscribers: null };
}

function childOf<T>(level: Level<T>, text: string): Level<T> | null {
  if (text === '+') return level.plus;
  if (text === '#') return level.hash;
  return level.children?.get(text) ?? null;
}

function addChild<T>(level: Level<T>, text: string): Level<T> {
  const made = createLevel(level, text);
  if (text === '+') level.plus = made;
  else if (text === '#') level.hash = made;
  else (level.children ??= new Map()).set(text, made);
  return made;
}

function remove<T>(parent: Level<T>, text: string): void {
  if (text === '+') parent.plus = null;
  else if (text === '#') parent.hash = null;
  else {
    parent.children!.delete(text);
    if (parent.children!.size === 0) parent.children = null;
  }
}

function isEmpty<T>(level: Level<T>): boolean {
  return level.children === null && level.plus === null && level.hash === null && level.subscribers === null;
}

function filterOf<T>(level: Level<T>): string {
  const texts: string[] = [];
  for (let at = level; at.parent !== null; at = at.parent) texts.push(at.text);
  return texts.reverse().join('/');
}
