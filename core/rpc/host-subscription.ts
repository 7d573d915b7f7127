/**
 * One subscription of one screen: a snapshot, then deltas as fast as the rate and the screen allow. At most two
 * frames are under way without acknowledgement; what changes meanwhile waits, coalesced, in the feed. After a long
 * congestion the screen gets a fresh snapshot: old deltas would only be drawn to be overwritten.
 */
import type { Clock, Timer } from '../base/clock.ts';
import type { HostFrame } from '../contract/frames.ts';
import type { Feed } from './types.ts';

export type AnyFeed = Feed<unknown, unknown>;

export const MAX_UNACKNOWLEDGED = 2;
export const DEFAULT_HZ = 10;
export const MAX_HZ = 60;
export const LONG_CONGESTION_MS = 5_000;
/** Bytes waiting in the transport above which a screen gets no more deltas. */
export const HIGH_WATER_BYTES = 1024 * 1024;

export interface SubscriptionPorts {
  clock: Clock;
  open: (dirty: () => void) => AnyFeed;
  /** May throw when the frame cannot be sent. */
  send: (frame: HostFrame) => void;
  bufferedBytes: () => number;
  /** The feed or the sending of its data failed; the owner ends the subscription. */
  onFault: (error: unknown) => void;
  onFreshSnapshot: () => void;
}

export class HostSubscription {
  readonly id: number;
  readonly #ports: SubscriptionPorts;
  readonly #intervalMs: number;
  #feed: AnyFeed | undefined;
  #closed = false;
  #dirty = false;
  #sentSeq = 0;
  #ackedSeq = 0;
  #lastSentMs = 0;
  #congestedSinceMs: number | undefined;
  #timer: Timer | undefined;

  constructor(id: number, maxHz: number | undefined, ports: SubscriptionPorts) {
    this.id = id;
    this.#ports = ports;
    this.#intervalMs = 1000 / Math.min(maxHz ?? DEFAULT_HZ, MAX_HZ);
  }

  /** Opens the feed and sends its first snapshot. Throws what the feed throws. */
  start(): void {
    this.#feed = this.#ports.open(() => this.#markDirty());
    this.#sendFrame('snap', this.#feed.snapshot());
    if (this.#dirty) this.#schedule();
  }

  ack(seq: number): void {
    if (seq <= this.#ackedSeq || seq > this.#sentSeq) return;
    this.#ackedSeq = seq;
    if (this.#dirty) this.#schedule();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#feed?.close();
  }

  #markDirty(): void {
    if (this.#dirty || this.#closed) return;
    this.#dirty = true;
    if (this.#feed !== undefined) this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#closed) return;
    if (this.#sentSeq - this.#ackedSeq >= MAX_UNACKNOWLEDGED) {
      // The next acknowledgement schedules it.
      this.#congestedSinceMs ??= this.#ports.clock.monotonic();
      return;
    }
    const waitMs = this.#lastSentMs + this.#intervalMs - this.#ports.clock.monotonic();
    this.#wake(Math.max(0, waitMs));
  }

  #wake(delayMs: number): void {
    this.#timer = this.#ports.clock.after(delayMs, () => {
      this.#timer = undefined;
      try {
        this.#pump();
      } catch (error) {
        this.#ports.onFault(error);
      }
    });
  }

  #pump(): void {
    const nowMs = this.#ports.clock.monotonic();
    if (this.#ports.bufferedBytes() > HIGH_WATER_BYTES) {
      this.#congestedSinceMs ??= nowMs;
      this.#wake(this.#intervalMs);
      return;
    }
    const congestedMs = this.#congestedSinceMs === undefined ? 0 : nowMs - this.#congestedSinceMs;
    this.#congestedSinceMs = undefined;
    this.#dirty = false;
    if (congestedMs >= LONG_CONGESTION_MS) {
      this.#ports.onFreshSnapshot();
      this.#sendFrame('snap', this.#feed!.snapshot());
      return;
    }
    const data = this.#feed!.drain();
    if (data !== null) this.#sendFrame('delta', data);
  }

  #sendFrame(kind: 'snap' | 'delta', data: unknown): void {
    this.#ports.send({ kind, id: this.id, seq: this.#sentSeq + 1, data });
    this.#sentSeq++;
    this.#lastSentMs = this.#ports.clock.monotonic();
  }
}
