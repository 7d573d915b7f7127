/**
 * The open part of the topic tree. The host keeps the tree; opening a level or searching subscribes anew, and the
 * old lines stay until the new ones are here. While the pointer is among the rows, rows neither come nor go by
 * themselves: their numbers move on, and the rest waits.
 */
import { SvelteSet } from 'svelte/reactivity';
import type { TopicsDelta, TopicsSnapshot } from '../../../../core/contract/topics.ts';
import { getClient } from '../../lib/station.svelte.ts';
import { ancestorsOf, mergeNodes, sameShape, topicLines } from './topic-lines.ts';
import { TopicSparks } from './topic-sparks.ts';

/** As many as the contract takes. */
const MOST_EXPANDED = 1_000;
const SEARCH_DELAY_MS = 180;

const EMPTY: TopicsSnapshot = { nodes: [], leftOut: {}, totalTopics: 0 };

class TopicsState {
  search = $state('');
  loaded = $state(false);
  problem = $state<string | null>(null);
  shown = $state.raw<TopicsSnapshot>(EMPTY);
  /** What waits until the pointer leaves; null while nothing does. */
  pending = $state.raw<TopicsSnapshot | null>(null);
  readonly expanded = new SvelteSet<string>();
  /** Rows read it when their node changes. */
  readonly sparks = new TopicSparks();
  /** What the shown lines were searched for. */
  #searched = $state('');
  lines = $derived(topicLines(this.shown, this.expanded, this.#searched !== ''));
  #held = false;
  #stop: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  start(): void {
    this.#subscribe();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stop?.();
    this.#stop = undefined;
  }

  hold(held: boolean): void {
    this.#held = held;
    if (held || this.pending === null) return;
    this.shown = this.pending;
    this.pending = null;
  }

  toggle(topic: string, open = !this.expanded.has(topic)): void {
    if (open === this.expanded.has(topic)) return;
    if (open) {
      // The oldest open level gives way: closed where the operator sees it, never silently at the host.
      if (this.expanded.size >= MOST_EXPANDED) this.expanded.delete(this.expanded.values().next().value!);
      this.expanded.add(topic);
    } else this.expanded.delete(topic);
    this.#subscribe();
  }

  /** Opens the levels above a topic. */
  reveal(topic: string): void {
    const closed = ancestorsOf(topic).filter((level) => !this.expanded.has(level));
    if (closed.length === 0) return;
    for (const level of closed) this.expanded.add(level);
    if (this.#stop !== undefined) this.#subscribe();
  }

  collapseAll(): void {
    if (this.expanded.size === 0) return;
    this.expanded.clear();
    this.#subscribe();
  }

  searchFor(text: string): void {
    this.search = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#subscribe(), text === '' ? 0 : SEARCH_DELAY_MS);
  }

  #subscribe(): void {
    clearTimeout(this.#timer);
    const previous = this.#stop;
    const search = this.search.trim();
    this.#stop = getClient().subscribe(
      'topics',
      { expanded: [...this.expanded].slice(-MOST_EXPANDED), search },
      {
        snapshot: (snapshot) => {
          this.#searched = search;
          this.loaded = true;
          this.problem = null;
          this.pending = null;
          this.sparks.take(snapshot.nodes);
          this.shown = snapshot;
        },
        delta: (delta) => this.#take(delta),
        error: ({ message }) => (this.problem = message),
      },
      { maxHz: 4 },
    );
    previous?.();
  }

  #take({ changed, replace, totalTopics }: TopicsDelta): void {
    this.sparks.take(replace === null ? changed : replace.nodes);
    if (replace === null) {
      if (changed.length === 0) return;
      if (this.pending !== null) {
        this.pending = { ...this.pending, nodes: mergeNodes(this.pending.nodes, changed), totalTopics };
      }
      this.shown = { ...this.shown, nodes: mergeNodes(this.shown.nodes, changed), totalTopics };
    } else if (this.#held && !sameShape(this.shown, replace)) {
      this.pending = replace;
      this.shown = { ...this.shown, nodes: mergeNodes(this.shown.nodes, replace.nodes) };
    } else {
      this.pending = null;
      this.shown = replace;
    }
  }
}

export const topics = new TopicsState();
