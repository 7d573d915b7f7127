const MAX_HITS = 255;
/** An alias takes three bytes as a property: shorter topics are sent as they are. */
const MIN_TOPIC_BYTES = 4;

/**
 * Topic aliases that we set towards one client, 1 to its Topic Alias Maximum (v5 §3.3.2.3.4). Topics get one while
 * there are any; after that a topic that comes often takes the place of one that does not.
 */
export class OutboundAliases {
  readonly #maximum: number;
  readonly #aliases = new Map<string, number>();
  readonly #topics: string[] = [];
  readonly #hits: number[] = [];
  #hand = 0;
  /** Whether the alias that `aliasOf` returned is known to the client, so that the topic can stay empty. */
  known = false;

  /** `maximum` is the client's, at least 1; or fewer. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** The alias of a topic for a PUBLISH that is sent now, 0 for none. Sets `known`. */
  aliasOf(topic: string, topicBytes: number): number {
    this.known = false;
    if (topicBytes < MIN_TOPIC_BYTES) return 0;
    const alias = this.#aliases.get(topic);
    if (alias !== undefined) {
      this.known = true;
      if (this.#hits[alias - 1]! < MAX_HITS) this.#hits[alias - 1]!++;
      return alias;
    }
    if (this.#topics.length < this.#maximum) return this.#set(this.#topics.length, topic);
    const place = this.#hand;
    this.#hand = place + 1 === this.#maximum ? 0 : place + 1;
    if (this.#hits[place]! > 0) {
      this.#hits[place]!--;
      return 0;
    }
    this.#aliases.delete(this.#topics[place]!);
    return this.#set(place, topic);
  }

  #set(place: number, topic: string): number {
    this.#topics[place] = topic;
    this.#hits[place] = 1;
    this.#aliases.set(topic, place + 1);
    return place + 1;
  }
}
