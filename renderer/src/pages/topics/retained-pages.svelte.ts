/**
 * The list of retained messages, page after page as it is scrolled. The store changes all the time: while the list is at
 * its beginning, nothing is chosen and no pointer is on it, it follows; else it says that it has changed and waits.
 */
import { SvelteSet } from 'svelte/reactivity';
import type { RetainedPage, RetainedRow } from '../../../../core/contract/retained.ts';
import { getClient } from '../../lib/station.svelte.ts';
import { problemOf } from '../../lib/toasts.svelte.ts';

const PAGE = 200;
const SEARCH_DELAY_MS = 180;
/** A store that changes with every message is not asked more often. */
const FOLLOW_MS = 2_000;

class RetainedPages {
  search = $state('');
  rows = $state.raw<RetainedRow[]>([]);
  total = $state<number | null>(null);
  loading = $state(false);
  problem = $state<string | null>(null);
  /** True when the store has changed since these rows were read. */
  stale = $state(false);
  /** Topics that are ticked. */
  readonly ticked = new SvelteSet<string>();
  #next = $state<string | null>(null);
  #held = false;
  #revision = -1;
  #abort: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #typing: ReturnType<typeof setTimeout> | undefined;

  get complete(): boolean {
    return this.total !== null && this.#next === null;
  }

  /** Reads the list from its beginning. Ticks of topics that are gone go too. */
  async reload(): Promise<void> {
    const page = await this.#ask('');
    if (page === null) return;
    this.rows = page.rows;
    this.stale = false;
    const there = new Set(page.rows.map((row) => row.topic));
    if (page.next === null) for (const topic of this.ticked) if (!there.has(topic)) this.ticked.delete(topic);
  }

  async more(): Promise<void> {
    if (this.loading || this.#next === null) return;
    const page = await this.#ask(this.#next);
    if (page !== null) this.rows = [...this.rows, ...page.rows];
  }

  searchFor(text: string): void {
    this.search = text;
    this.ticked.clear();
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => void this.reload(), text === '' ? 0 : SEARCH_DELAY_MS);
  }

  hold(held: boolean): void {
    this.#held = held;
    if (!held && this.stale) this.#follow();
  }

  /** The store has stepped to this revision. */
  changed(revision: number): void {
    if (revision === this.#revision) return;
    const first = this.#revision === -1;
    this.#revision = revision;
    if (first) return;
    this.stale = true;
    this.#follow();
  }

  stop(): void {
    this.#abort?.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#typing);
    this.#timer = undefined;
    this.#revision = -1;
  }

  tick(topic: string, on = !this.ticked.has(topic)): void {
    if (on) this.ticked.add(topic);
    else this.ticked.delete(topic);
  }

  #follow(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const resting = !this.#held && this.ticked.size === 0 && this.rows.length <= PAGE;
      if (this.stale && resting) void this.reload();
    }, FOLLOW_MS);
  }

  async #ask(after: string): Promise<RetainedPage | null> {
    this.#abort?.abort();
    const abort = (this.#abort = new AbortController());
    this.loading = true;
    try {
      const input = { search: this.search.trim(), after, limit: PAGE };
      const page = await getClient().call('retained.list', input, { signal: abort.signal });
      if (abort.signal.aborted) return null;
      this.total = page.total;
      this.#next = page.next;
      this.problem = null;
      return page;
    } catch (error) {
      if (!abort.signal.aborted) this.problem = problemOf(error);
      return null;
    } finally {
      if (this.#abort === abort) this.loading = false;
    }
  }
}

export const retainedPages = new RetainedPages();
