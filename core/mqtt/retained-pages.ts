import type { PublishFrame } from './publish-frame.ts';
import type { RetainedTree } from './retained-tree.ts';
import { isServerOnly } from './topic.ts';

export interface RetainedPageRequest {
  /** Part of the topic, in any case; empty for all. `$SYS` comes only where it is asked for. */
  search: string;
  /** The last topic of the page before; empty for the first page. */
  after: string;
  /** At least 1. */
  limit: number;
}

export interface RetainedPage {
  frames: PublishFrame[];
  /** All that fit the search. */
  total: number;
  /** Give it as `after` for the next page; null at the end. */
  next: string | null;
}

/** With more topics new or gone since the last look than this, all of them are sorted anew. */
const MAX_CHANGES = 20_000;

/**
 * Topics in order, made when somebody looks: what came since the last look is sorted alone and merged, and what fits
 * a search is remembered for its next page.
 */
export class RetainedPages {
  #sorted: string[] | null = null;
  /** Not in `#sorted` yet, and still in it. */
  readonly #new = new Set<string>();
  readonly #gone = new Set<string>();
  #search: string | null = null;
  #fitting: string[] = [];

  added(topic: string): void {
    if (this.#sorted === null || this.#gone.delete(topic)) return;
    this.#new.add(topic);
    this.#bound();
  }

  removed(topic: string): void {
    if (this.#sorted === null || this.#new.delete(topic)) return;
    this.#gone.add(topic);
    this.#bound();
  }

  page(tree: RetainedTree, request: RetainedPageRequest, nowMs: number): RetainedPage {
    const { search, after, limit } = request;
    const topics = this.#fittingTopics(tree, search.toLowerCase());
    const frames: PublishFrame[] = [];
    let at = after === '' ? 0 : firstBehind(topics, after);
    for (; at < topics.length && frames.length < limit; at++) {
      const frame = tree.get(topics[at]!)?.frame ?? null;
      if (frame !== null && !frame.expired(nowMs)) frames.push(frame);
    }
    return { frames, total: topics.length, next: at < topics.length ? topics[at - 1]! : null };
  }

  #fittingTopics(tree: RetainedTree, search: string): string[] {
    const topics = this.#topics(tree);
    if (this.#search !== search) {
      const fits = (topic: string): boolean =>
        (search === '' || topic.toLowerCase().includes(search)) &&
        (search.includes('$') || !isServerOnly(topic));
      this.#fitting = topics.filter(fits);
      this.#search = search;
    }
    return this.#fitting;
  }

  #topics(tree: RetainedTree): string[] {
    if (this.#sorted === null) {
      this.#sorted = tree.below('').map(({ topic }) => topic);
      this.#sorted.sort(byText);
    } else if (this.#new.size > 0 || this.#gone.size > 0) this.#sorted = this.#merged(this.#sorted);
    else return this.#sorted;
    this.#new.clear();
    this.#gone.clear();
    this.#search = null;
    return this.#sorted;
  }

  #merged(old: readonly string[]): string[] {
    const merged: string[] = [];
    let from = 0;
    const take = (to: number): void => {
      for (; from < to; from++)
        if (this.#gone.size === 0 || !this.#gone.has(old[from]!)) merged.push(old[from]!);
    };
    for (const topic of [...this.#new].sort(byText)) {
      take(firstBehind(old, topic));
      merged.push(topic);
    }
    take(old.length);
    return merged;
  }

  #bound(): void {
    if (this.#new.size + this.#gone.size <= MAX_CHANGES) return;
    this.#sorted = null;
    this.#new.clear();
    this.#gone.clear();
    this.#search = null;
    this.#fitting = [];
  }
}

/** By UTF-16 units: fast, and the same everywhere. */
function byText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Index of the first topic above `topic`. */
function firstBehind(topics: readonly string[], topic: string): number {
  let low = 0;
  let high = topics.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (topics[middle]! <= topic) low = middle + 1;
    else high = middle;
  }
  return low;
}
