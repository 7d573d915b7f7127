import type { PublishFrame } from './publish-frame.ts';
import type { RetainedTree } from './retained-tree.ts';

export interface RetainedPageRequest {
  /** Part of the topic, in any case; empty for all. */
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

/** With more topics new since the last look than this, all of them are sorted anew. */
const MAX_NEW = 20_000;

/**
 * Topics in order, made when somebody looks: what came since the last look is sorted alone and merged, and what fits
 * a search is remembered for its next page.
 */
export class RetainedPages {
  #sorted: string[] | null = null;
  readonly #new = new Set<string>();
  #removed = 0;
  #search: string | null = null;
  #fitting: string[] = [];

  added(topic: string): void {
    if (this.#sorted === null) return;
    this.#new.add(topic);
    if (this.#new.size + this.#removed > MAX_NEW) this.#forget();
  }

  removed(topic: string): void {
    if (this.#sorted === null) return;
    // One that came since the last look is not in the list, unless it had been there before.
    this.#new.delete(topic);
    if (++this.#removed + this.#new.size > MAX_NEW) this.#forget();
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
    if (search === '') return topics;
    if (this.#search !== search) {
      this.#fitting = topics.filter((topic) => topic.toLowerCase().includes(search));
      this.#search = search;
    }
    return this.#fitting;
  }

  #topics(tree: RetainedTree): string[] {
    if (this.#sorted === null) {
      this.#sorted = tree.below('').map(({ topic }) => topic);
      this.#sorted.sort(byText);
    } else if (this.#new.size > 0 || this.#removed > 0) this.#sorted = this.#merged(tree, this.#sorted);
    else return this.#sorted;
    this.#new.clear();
    this.#removed = 0;
    this.#search = null;
    return this.#sorted;
  }

  #merged(tree: RetainedTree, old: readonly string[]): string[] {
    const added = [...this.#new].sort(byText);
    const merged: string[] = [];
    let next = 0;
    for (const topic of old) {
      while (next < added.length && added[next]! < topic) merged.push(added[next++]!);
      // Removed and added again: it is in both lists.
      if (next < added.length && added[next] === topic) next++;
      if (this.#removed === 0 || tree.get(topic) !== null) merged.push(topic);
    }
    while (next < added.length) merged.push(added[next++]!);
    return merged;
  }

  #forget(): void {
    this.#sorted = null;
    this.#new.clear();
    this.#removed = 0;
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
