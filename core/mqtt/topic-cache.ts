import { Buffer } from 'node:buffer';
import { decodeText } from './codec/fields.ts';
import type { Route } from './route.ts';
import { checkTopicName, isServerOnly } from './topic.ts';

/** A topic as it stands in PUBLISH packets, checked and decoded once, with who gets it. */
export interface TopicEntry {
  readonly hash: number;
  /** The topic's own bytes. */
  readonly bytes: Buffer;
  readonly topic: string;
  /** `$SYS/...` and `$SYS`: only the station itself publishes there (§4.7.2). */
  readonly serverOnly: boolean;
  readonly levels: number;
  /** Who gets it, as of `generation` of the subscriptions. */
  route: Route | null;
  generation: number;
}

/** Longer topics are decoded every time: a cache of 64 KiB topics would be a gift to an attacker. */
const MAX_CACHED_BYTES = 512;
const WAYS = 4;
const NO_BYTES = Buffer.alloc(0);

/**
 * From topic bytes to the topic: hashed on the wire bytes, so that a known topic costs no string. Four entries
 * a bucket, the one longest unused is replaced.
 */
export class TopicCache {
  readonly #buckets: (TopicEntry | undefined)[];
  readonly #mask: number;

  /** Room for `entries` topics, a power of two. */
  constructor(entries: number) {
    this.#buckets = new Array<TopicEntry | undefined>(entries).fill(undefined);
    this.#mask = entries / WAYS - 1;
  }

  /** The entry of the topic at `bytes[start..end)`; throws `MalformedPacket` for what is not a topic name. */
  find(bytes: Buffer, start: number, end: number): TopicEntry {
    if (end - start > MAX_CACHED_BYTES) return createEntry(0, bytes, start, end);
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    hash ^= hash >>> 15;
    const buckets = this.#buckets;
    const first = (hash & this.#mask) * WAYS;
    for (let way = first; way < first + WAYS; way++) {
      const entry = buckets[way];
      if (entry === undefined) break;
      if (entry.hash === hash && sameBytes(entry.bytes, bytes, start, end)) {
        if (way !== first) {
          for (let i = way; i > first; i--) buckets[i] = buckets[i - 1];
          buckets[first] = entry;
        }
        return entry;
      }
    }
    const entry = createEntry(hash, bytes, start, end);
    for (let i = first + WAYS - 1; i > first; i--) buckets[i] = buckets[i - 1];
    buckets[first] = entry;
    return entry;
  }

  clear(): void {
    this.#buckets.fill(undefined);
  }
}

/** Whether `bytes[start..end)` are exactly `known`. */
export function sameBytes(known: Buffer, bytes: Buffer, start: number, end: number): boolean {
  const { length } = known;
  if (length !== end - start) return false;
  // Topics differ at their ends more often than at their beginnings.
  for (let i = length - 1; i >= 0; i--) if (known[i] !== bytes[start + i]) return false;
  return true;
}

/** The entry of a topic that is known as text; not cached. Throws `MalformedPacket`. */
export function entryOf(topic: string): TopicEntry {
  checkTopicName(topic);
  return describe(0, NO_BYTES, topic);
}

function createEntry(hash: number, bytes: Buffer, start: number, end: number): TopicEntry {
  const topic = decodeText(bytes, start, end);
  checkTopicName(topic);
  return describe(hash, Buffer.from(bytes.subarray(start, end)), topic);
}

function describe(hash: number, bytes: Buffer, topic: string): TopicEntry {
  let levels = 1;
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) levels++;
  return { hash, bytes, topic, serverOnly: isServerOnly(topic), levels, route: null, generation: -1 };
}
