import type { BrokerContext } from './context.ts';
import type { TopicEntry } from './topic-cache.ts';

const MAX_ENTRIES = 256;
/** Longer topics are asked for every time. */
const MAX_TOPIC_CHARACTERS = 512;

/** What one client may publish to, as far as it was asked; forgotten whenever the rules change. */
export class AccessCache {
  readonly #context: BrokerContext;
  readonly #clientId: string;
  readonly #username: string | null;
  readonly #verdicts = new Map<string, boolean>();
  #generation = -1;
  #allowsAll = false;
  #lastEntry: TopicEntry | null = null;
  #lastVerdict = false;

  constructor(context: BrokerContext, clientId: string, username: string | null) {
    this.#context = context;
    this.#clientId = clientId;
    this.#username = username;
  }

  mayPublish(entry: TopicEntry): boolean {
    if (this.#context.accessGeneration !== this.#generation) this.#beginAnew();
    if (this.#allowsAll) return true;
    if (entry === this.#lastEntry) return this.#lastVerdict;
    const verdict = this.#verdicts.get(entry.topic);
    if (verdict === undefined) return this.#ask(entry);
    this.#lastEntry = entry;
    this.#lastVerdict = verdict;
    return verdict;
  }

  #ask(entry: TopicEntry): boolean {
    const { topic } = entry;
    const verdict = this.#context.mayUse(this.#clientId, this.#username, 'publish', topic);
    if (topic.length > MAX_TOPIC_CHARACTERS) return verdict;
    if (this.#verdicts.size >= MAX_ENTRIES) this.#verdicts.clear();
    this.#verdicts.set(topic, verdict);
    this.#lastEntry = entry;
    this.#lastVerdict = verdict;
    return verdict;
  }

  #beginAnew(): void {
    this.#generation = this.#context.accessGeneration;
    this.#verdicts.clear();
    this.#lastEntry = null;
    this.#allowsAll = this.#context.mayPublishAll(this.#username);
  }
}
