import type { TopicEntry } from './topic-cache.ts';

const MAX_ENTRIES = 256;
/** Longer topics are asked for every time. */
const MAX_TOPIC_CHARACTERS = 512;

/** What one client may publish to, as far as it was asked; forgotten whenever the rules change. */
export class AccessCache {
  readonly #verdicts = new Map<string, boolean>();
  #generation = -1;
  #lastEntry: TopicEntry | null = null;
  #lastVerdict = false;

  /** The verdict on a topic, or undefined. `generation` is that of the rules. */
  get(entry: TopicEntry, generation: number): boolean | undefined {
    if (generation !== this.#generation) {
      this.#verdicts.clear();
      this.#lastEntry = null;
      this.#generation = generation;
      return undefined;
    }
    if (entry === this.#lastEntry) return this.#lastVerdict;
    const verdict = this.#verdicts.get(entry.topic);
    if (verdict !== undefined) {
      this.#lastEntry = entry;
      this.#lastVerdict = verdict;
    }
    return verdict;
  }

  /** After a `get` with the same generation. */
  set(entry: TopicEntry, verdict: boolean): void {
    if (entry.topic.length > MAX_TOPIC_CHARACTERS) return;
    if (this.#verdicts.size >= MAX_ENTRIES) this.#verdicts.clear();
    this.#verdicts.set(entry.topic, verdict);
    this.#lastEntry = entry;
    this.#lastVerdict = verdict;
  }
}
