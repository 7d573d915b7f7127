import type { Clock } from '../base/clock.ts';
import type { TimerWheel, WheelEntry } from '../base/timer-wheel.ts';
import type { BrokerJournal, RetainedRow } from './journal.ts';
import { frameOf, type PublishFrame } from './publish-frame.ts';
import { type RetainedPage, type RetainedPageRequest, RetainedPages } from './retained-pages.ts';
import { type RetainedMessage, RetainedTree } from './retained-tree.ts';
import { isServerOnly } from './topic.ts';
import type { BrokerCounters } from './types.ts';

export interface RetainedLimits {
  maxMessages: number;
  maxBytes: number;
  /** Levels of all topics together: what a short topic of 200 levels really costs. */
  maxLevels: number;
}

export interface RetainedParts {
  clock: Clock;
  wheel: TimerWheel;
  journal: BrokerJournal | null;
  counters: BrokerCounters;
}

/** Messages looked at in one step of the search for those that expired, and how long until the next one. */
const SWEEP_STEP = 1_000;
const SWEEP_STEP_MS = 100;
/** From the end of one search to the beginning of the next. Nobody is given an expired message meanwhile. */
const SWEEP_PAUSE_MS = 10_000;

/**
 * The last retained message of every topic (v5 §3.3.1.3), bounded. What changes is journaled, but for `$SYS`. An
 * expired message is given to nobody; its place is cleared when someone finds it, or by a search in small steps.
 */
export class RetainedStore implements WheelEntry {
  dueMs = Infinity;
  slot = -1;
  readonly limits: RetainedLimits;
  /** Steps whenever a message comes, changes or goes; not with those of `$SYS`. */
  revision = 0;
  readonly #parts: RetainedParts;
  readonly #tree = new RetainedTree();
  readonly #pages = new RetainedPages();
  readonly #expiring = new Set<RetainedMessage>();
  #sweep: Iterator<RetainedMessage> | null = null;
  #bytes = 0;

  constructor(limits: RetainedLimits, parts: RetainedParts) {
    this.limits = limits;
    this.#parts = parts;
  }

  get count(): number {
    return this.#tree.size;
  }

  /** Without `$SYS`, which is the station's own: nobody clears it, and it is not listed. */
  get countOfClients(): number {
    return this.count - this.#tree.below('$SYS').length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps `frame` (which owns its bytes) for `topic`; false when a limit is in the way, and then nothing changes. */
  set(topic: string, frame: PublishFrame): boolean {
    if (!this.#put(topic, frame)) return false;
    if (!isServerOnly(topic)) this.#parts.journal?.putRetained(rowOf(topic, frame));
    return true;
  }

  /** Forgets the message of `topic` (MQTT-3.3.1-6). False when there was none. */
  delete(topic: string): boolean {
    const message = this.#tree.remove(topic);
    if (message === null) return false;
    this.#bytes -= message.frame!.size;
    message.frame = null;
    this.#expiring.delete(message);
    this.#pages.removed(topic);
    if (isServerOnly(topic)) return true;
    this.revision++;
    this.#parts.journal?.removeRetained(topic);
    return true;
  }

  get(topic: string): PublishFrame | null {
    const frame = this.#tree.get(topic)?.frame ?? null;
    return frame === null || frame.expired(this.#parts.clock.now()) ? null : frame;
  }

  /** The messages that a valid `filter` matches. Wildcards on the first level leave `$` topics out. */
  match(filter: string): RetainedMessage[] {
    const found = this.#tree.match(filter);
    if (this.#expiring.size === 0) return found;
    const nowMs = this.#parts.clock.now();
    return found.filter((message) => !this.#expire(message, nowMs));
  }

  /** `topic`, if it has a message, and all topics with one below it; the empty text means every topic. */
  below(topic: string): string[] {
    return this.#tree.below(topic).map((message) => message.topic);
  }

  /** Messages by topic, from behind `after` on. `total` counts all that have `search` in their topic. */
  page(request: RetainedPageRequest): RetainedPage {
    return this.#pages.page(this.#tree, request, this.#parts.clock.now());
  }

  /** Every message that is journaled. */
  rows(): RetainedRow[] {
    const nowMs = this.#parts.clock.now();
    const rows: RetainedRow[] = [];
    for (const { topic, frame } of this.#tree.below('')) {
      if (!isServerOnly(topic) && !frame!.expired(nowMs)) rows.push(rowOf(topic, frame!));
    }
    return rows;
  }

  /** What an earlier run of the station kept. What has expired or has no room is taken out of the journal. */
  load(rows: Iterable<RetainedRow>): void {
    const { clock, counters, journal } = this.#parts;
    const nowMs = clock.now();
    for (const row of rows) {
      const { topic, payload, properties, qos, expiresMs, client, receivedMs } = row;
      const frame = frameOf({ topic, payload, properties, qos, expiresMs, publisher: client, receivedMs });
      const expired = frame.expired(nowMs);
      if (!expired && this.#put(topic, frame)) continue;
      if (expired) counters.expiredMessages++;
      else counters.retainedRefused++;
      journal?.removeRetained(topic);
    }
  }

  /** One step of the search for expired messages. */
  onDue(): void {
    this.#sweep ??= this.#expiring.values();
    const nowMs = this.#parts.clock.now();
    for (let step = 0; step < SWEEP_STEP; step++) {
      const { value, done } = this.#sweep.next();
      if (done === true) {
        this.#sweep = null;
        if (this.#expiring.size > 0) this.#parts.wheel.arm(this, SWEEP_PAUSE_MS);
        return;
      }
      this.#expire(value, nowMs);
    }
    this.#parts.wheel.arm(this, SWEEP_STEP_MS);
  }

  #put(topic: string, frame: PublishFrame): boolean {
    const known = this.#tree.get(topic);
    const { maxMessages, maxBytes, maxLevels } = this.limits;
    const bytes = this.#bytes + frame.size - (known?.frame?.size ?? 0);
    if (bytes > maxBytes || (known === null && this.count >= maxMessages)) return false;
    const message = known ?? this.#tree.add(topic, maxLevels);
    if (message === null) return false;
    if (known === null) this.#pages.added(topic);
    message.frame = frame;
    this.#bytes = bytes;
    if (!isServerOnly(topic)) this.revision++;
    if (frame.expiresMs === 0) this.#expiring.delete(message);
    else {
      this.#expiring.add(message);
      if (this.slot < 0) this.#parts.wheel.arm(this, SWEEP_PAUSE_MS);
    }
    return true;
  }

  /** Forgets a message that nobody may get any more. */
  #expire(message: RetainedMessage, nowMs: number): boolean {
    if (message.frame?.expired(nowMs) !== true) return false;
    this.#parts.counters.expiredMessages++;
    this.delete(message.topic);
    return true;
  }
}

function rowOf(topic: string, frame: PublishFrame): RetainedRow {
  const { payload, properties, qos, expiresMs, publisher: client, receivedMs } = frame;
  return { topic, payload, properties, qos, expiresMs, client, receivedMs };
}
