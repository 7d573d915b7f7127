import { MalformedPacket } from './codec/malformed.ts';
import { PROTOCOL_ERROR } from './codec/reason-codes.ts';
import type { TopicEntry } from './topic-cache.ts';

/** Topic aliases that one client set on this connection (v5 §3.3.2.3.4). They end with it (MQTT-3.3.2-7). */
export class InboundAliases {
  readonly #maximum: number;
  readonly #entries: (TopicEntry | undefined)[] = [];

  /** `maximum`: the Topic Alias Maximum of our CONNACK; 0 when there was none. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** Throws for 0 (MQTT-3.3.2-8) and above the maximum (MQTT-3.3.2-9): `topic_alias`, 0x94. */
  set(alias: number, entry: TopicEntry): void {
    this.#check(alias);
    this.#entries[alias] = entry;
  }

  /** The topic behind an alias; throws as `set`, and for an alias that was not set: `protocol`, 0x82. */
  get(alias: number): TopicEntry {
    this.#check(alias);
    const entry = this.#entries[alias];
    if (entry === undefined) {
      throw new MalformedPacket('topic_alias', `Topic Alias ${alias} was not set.`, PROTOCOL_ERROR);
    }
    return entry;
  }

  #check(alias: number): void {
    if (alias === 0 || alias > this.#maximum) {
      throw new MalformedPacket(
        'topic_alias',
        `Topic Alias ${alias}, where 1 to ${this.#maximum} are allowed.`,
      );
    }
  }
}
