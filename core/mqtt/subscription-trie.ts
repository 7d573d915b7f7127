import { isReserved } from './topic.ts';
import type { Qos } from './types.ts';

interface Level<T> {
  readonly parent: Level<T> | null;
  /** The level's text, `+` or `#`. */
  readonly text: string;
  children: Map<string, Level<T>> | null;
  plus: Level<T> | null;
  hash: Level<T> | null;
  subscribers: Map<T, Qos> | null;
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
  set(filter: string, subscriber: T, qos: Qos): boolean {
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
    (level.subscribers ??= new Map()).set(subscriber, qos);
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

  /**
   * Adds to `into` every subscriber that `topic` reaches, once, with the highest QoS of its matching filters
   * (MQTT-3.3.5-1). Level by level, not recursive: depth is the publisher's choice.
   */
  match(topic: string, into: Map<T, Qos>): void {
    let reached: Level<T>[] = [this.#rootOf(topic)];
    for (const text of topic.split('/')) {
      const next: Level<T>[] = [];
      for (const level of reached) {
        if (level.hash !== null) collect(level.hash, into);
        const child = level.children?.get(text);
        if (child !== undefined) next.push(child);
        if (level.plus !== null) next.push(level.plus);
      }
      if (next.length === 0) return;
      reached = next;
    }
    for (const level of reached) {
      collect(level, into);
      // `sport/#` matches `sport` too (§4.7.1.2).
      if (level.hash !== null) collect(level.hash, into);
    }
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

function collect<T>(level: Level<T>, into: Map<T, Qos>): void {
  if (level.subscribers === null) return;
  for (const [subscriber, qos] of level.subscribers) {
    const known = into.get(subscriber);
    if (known === undefined || known < qos) into.set(subscriber, qos);
  }
}
