import type { KeyNode } from './key-tree.ts';
import type { Source } from './naming.ts';

/** Series numbers of one shape of payload, in the order of its values. -1: refused, the value is left out. */
export interface ShapePlan {
  deviceId: number;
  series: Int32Array;
}

/** A JSON payload with numbers at exactly these keys, in this order. */
export interface KeyShape extends ShapePlan {
  leaves: KeyNode[];
  /** Text of its unit key, null when it had none. */
  unitText: string | null;
}

/** What is known about one topic or CoAP resource, so that its next payload needs no look-up. */
export interface Plan {
  readonly source: Source;
  /** Where the plan is kept, told when the plan grows. */
  readonly home: PlanCache;
  /** Device that its last readings went to, null until there were some. */
  deviceId: number | null;
  /** Series of a plain number without a unit; undefined until the first one. */
  value: ShapePlan | undefined;
  /** Series of plain numbers with a unit, by unit code. */
  valueByUnit: Map<string, ShapePlan> | undefined;
  keys: KeyNode | undefined;
  keyCount: number;
  /** Newest first. */
  shapes: KeyShape[];
  /** By the names and units of a SenML pack. */
  packs: Map<string, ShapePlan> | undefined;
}

/**
 * Plans by topic, bounded by number and by remembered keys. Two generations: a full young one becomes the old one,
 * and what is used again moves back, so that a topic in use is never looked up anew and no list is kept in order.
 */
export class PlanCache {
  readonly #limits: { plannedTopics: number; plannedKeys: number };
  #young = new Map<string, Plan>();
  #old = new Map<string, Plan>();
  #youngKeys = 0;
  #oldKeys = 0;

  constructor(limits: { plannedTopics: number; plannedKeys: number }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get keys(): number {
    return this.#youngKeys + this.#oldKeys;
  }

  get(key: string): Plan | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old === undefined) return undefined;
    this.#old.delete(key);
    this.#oldKeys -= old.keyCount;
    this.#young.set(key, old);
    this.grown(old.keyCount);
    return old;
  }

  add(key: string, source: Source): Plan {
    const plan: Plan = {
      source,
      home: this,
      deviceId: null,
      value: undefined,
      valueByUnit: undefined,
      keys: undefined,
      keyCount: 0,
      shapes: [],
      packs: undefined,
    };
    this.#young.set(key, plan);
    this.grown(0);
    return plan;
  }

  /** The plans hold `keys` keys more than before. */
  grown(keys: number): void {
    this.#youngKeys += keys;
    const full = this.#young.size > this.#limits.plannedTopics || this.#youngKeys > this.#limits.plannedKeys;
    if (!full) return;
    this.#old = this.#young;
    this.#oldKeys = this.#youngKeys;
    this.#young = new Map();
    this.#youngKeys = 0;
  }
}
