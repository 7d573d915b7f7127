import type { QueryResult, ReadingsDelta, ReadingsSnapshot } from '../../../core/contract/readings.ts';
import type { RpcClient } from '../../../core/rpc/types.ts';
import { ColumnBuffer } from './column-buffer.ts';
import type { Loaded, TimeRange } from './range.ts';
import { needsFetch, spanOf } from './range.ts';

/** What a chart shows at this moment. */
export interface Wanted {
  range: TimeRange;
  /** Rows that fit on the screen. */
  maxPoints: number;
  /** The range ends now and moves on. */
  live: boolean;
}

export interface LastReading {
  t: number;
  v: number;
  /** When it came here; `t` where only the station knows. A device with a slow clock is not stale for that. */
  heardMs: number;
}

export interface FeedProblem {
  code: string;
  message: string;
}

/** Wheel, keys and drags come in bursts; one question is enough for a burst. */
const SETTLE_MS = 120;
/** Loaded on both sides of the screen, so that a line enters and leaves it and a small pan shows no hole. */
const MARGIN_SHARE = 0.05;
/** After a failure the same question waits this long; `retry()` asks at once. */
const RETRY_MS = 5_000;
/** When the station had to leave readings out of deltas, the record is asked anew, not more often than this. */
const CATCH_UP_MS = 10_000;
/** Live readings that wait for a history under way; beyond it the oldest wait in the record only. */
const MAX_WAITING = 20_000;

/**
 * Brings readings to one chart: history by `readings.query`, then deltas, into one bounded buffer per series.
 * It asks anew when the wanted range leaves what is loaded, can be shown finer, or the connection was lost in
 * between. What is on the screen stays there until the answer comes.
 */
export class ChartFeed {
  readonly buffers = new Map<number, ColumnBuffer>();
  /** Newest reading of each series, whether or not it lies in the range. */
  readonly last = new Map<number, LastReading>();
  /** Grows with every change of the buffers. */
  version = 0;
  loading = false;
  problem: FeedProblem | null = null;
  /** True once an answer for the current series has come. */
  loadedOnce = false;
  /** Answers taken in; a step means that all rows may be others. */
  loads = 0;

  readonly #client: Pick<RpcClient, 'call' | 'subscribe'>;
  readonly #changed: () => void;
  readonly #nowMs: () => number;
  #ids: number[] = [];
  #wanted: Wanted | null = null;
  #loaded: Loaded | null = null;
  #asked: Wanted | null = null;
  #abort: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #unsubscribe: (() => void) | null = null;
  #waiting: ReadingsDelta[] = [];
  #waitingRows = 0;
  #retryAtMs = 0;
  #askedAtMs = 0;

  /** `changed` is called after every change of buffers or state; it may come at 10 Hz and more. */
  constructor(
    client: Pick<RpcClient, 'call' | 'subscribe'>,
    changed: () => void,
    nowMs: () => number = Date.now,
  ) {
    this.#client = client;
    this.#changed = changed;
    this.#nowMs = nowMs;
  }

  /** Chooses the series. Buffers of series that stay are kept until the new answer comes. */
  setSeries(ids: readonly number[]): void {
    if (ids.length === this.#ids.length && ids.every((id, i) => id === this.#ids[i])) return;
    this.stop();
    this.#ids = [...ids];
    for (const id of [...this.buffers.keys()]) {
      if (ids.includes(id)) continue;
      this.buffers.delete(id);
      this.last.delete(id);
    }
    for (const id of ids) if (!this.buffers.has(id)) this.buffers.set(id, new ColumnBuffer());
    this.loadedOnce = false;
    this.problem = null;
    this.#retryAtMs = 0;
    if (ids.length === 0) return;
    this.#unsubscribe = this.#client.subscribe(
      'readings',
      { series: this.#ids },
      {
        snapshot: (data) => this.#takeSnapshot(data),
        delta: (data) => this.#takeDelta(data),
        error: (error) => this.#fail(error),
      },
      { maxHz: 10 },
    );
    if (this.#wanted !== null) this.show(this.#wanted);
  }

  /** Says what is on the screen. Cheap: called before every drawing. */
  show(wanted: Wanted): void {
    this.#wanted = wanted;
    if (this.#ids.length === 0) return;
    if (wanted.live) {
      const keepFrom = wanted.range.from - spanOf(wanted.range) * MARGIN_SHARE;
      for (const buffer of this.buffers.values()) buffer.dropBefore(keepFrom);
      if (this.#loaded !== null && this.#loaded.from < keepFrom) this.#loaded.from = keepFrom;
    }
    if (!needsFetch(this.#loaded, wanted.range, wanted.maxPoints)) return;
    if (this.loading && this.#asked !== null && this.#covers(this.#asked, wanted)) return;
    if (this.#nowMs() < this.#retryAtMs) return;
    // A sliding window wants a little more on every frame: a question that waits already stays.
    if (this.#timer !== null) return;
    const settleMs = this.#loaded === null || wanted.live ? 0 : SETTLE_MS;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#wanted !== null) void this.#fetch(this.#wanted);
    }, settleMs);
  }

  /** Asks again at once after a failure. */
  retry(): void {
    this.#retryAtMs = 0;
    this.problem = null;
    if (this.#wanted !== null) this.show(this.#wanted);
    this.#changed();
  }

  /** Ends the subscription and what is under way. Idempotent. */
  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#abort?.abort();
    this.#abort = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#ids = [];
    this.#loaded = null;
    this.#asked = null;
    this.#waiting = [];
    this.#waitingRows = 0;
    this.loading = false;
  }

  #covers(asked: Wanted, wanted: Wanted): boolean {
    if (asked.live !== wanted.live) return false;
    if (Math.abs(spanOf(asked.range) / spanOf(wanted.range) - 1) > 0.02) return false;
    if (wanted.live) return true;
    return asked.range.from <= wanted.range.from && asked.range.to >= wanted.range.to;
  }

  async #fetch(wanted: Wanted): Promise<void> {
    this.#abort?.abort();
    const abort = new AbortController();
    this.#abort = abort;
    this.#asked = wanted;
    this.#askedAtMs = this.#nowMs();
    this.loading = true;
    this.#changed();
    const margin = spanOf(wanted.range) * MARGIN_SHARE;
    const from = wanted.range.from - margin;
    const to = wanted.range.to + (wanted.live ? 0 : margin);
    const maxPoints = Math.min(100_000, Math.ceil(wanted.maxPoints * (1 + 2 * MARGIN_SHARE)));
    try {
      const answer = await this.#client.call(
        'readings.query',
        { series: this.#ids, from, to, maxPoints },
        { signal: abort.signal },
      );
      if (this.#abort !== abort) return;
      this.#abort = null;
      this.#take(answer, { from, to: wanted.live ? Infinity : to, bucketMs: 0 });
    } catch (error) {
      if (this.#abort !== abort) return;
      this.#abort = null;
      this.#fail(problemOf(error));
    }
  }

  #take(answer: QueryResult, loaded: Loaded): void {
    for (const columns of answer.series) {
      this.buffers.get(columns.id)?.load(columns);
      if (columns.mode === 'bucket') loaded.bucketMs = Math.max(loaded.bucketMs, columns.bucketMs);
    }
    this.#loaded = loaded;
    this.loading = false;
    this.loadedOnce = true;
    this.loads++;
    this.problem = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#waitingRows = 0;
    for (const delta of waiting) this.#append(delta);
    this.version++;
    this.#changed();
  }

  #takeSnapshot(data: ReadingsSnapshot): void {
    this.#remember(data, null);
    // The first one starts everything; a later one means that deltas were missed: the record has them.
    if (this.#loaded !== null) this.#loaded = null;
    this.#retryAtMs = 0;
    if (this.#wanted !== null) this.show(this.#wanted);
    this.#changed();
  }

  #takeDelta(data: ReadingsDelta): void {
    this.#remember(data, this.#nowMs());
    if (this.loading || this.#loaded === null) {
      this.#waiting.push(data);
      this.#waitingRows += data.t.length;
      while (this.#waitingRows > MAX_WAITING)
        this.#waitingRows -= this.#waiting.shift()?.t.length ?? Infinity;
    }
    if (this.#loaded !== null) this.#append(data);
    if (data.skipped > 0 && this.#nowMs() - this.#askedAtMs > CATCH_UP_MS) this.#loaded = null;
    this.version++;
    this.#changed();
  }

  #remember(data: { series: Int32Array; t: Float64Array; v: Float64Array }, heardMs: number | null): void {
    for (let i = 0; i < data.t.length; i++) {
      const id = data.series[i]!;
      const t = data.t[i]!;
      const known = this.last.get(id);
      if (known !== undefined && t < known.t) continue;
      this.last.set(id, { t, v: data.v[i]!, heardMs: Math.max(t, heardMs ?? t) });
    }
  }

  #append(data: ReadingsDelta): void {
    const loaded = this.#loaded;
    if (loaded === null) return;
    for (let i = 0; i < data.t.length; i++) {
      const t = data.t[i]!;
      if (t < loaded.from || t > loaded.to) continue;
      this.buffers.get(data.series[i]!)?.append(t, data.v[i]!);
    }
    this.#bound(loaded);
  }

  /**
   * More raw rows than twice the pixels: a moving window folds them, so that neither memory nor drawing grows with
   * the rate; a window that stands still takes in no more of what lies behind its end.
   */
  #bound(loaded: Loaded): void {
    if (this.#wanted === null) return;
    const { maxPoints, range, live } = this.#wanted;
    for (const buffer of this.buffers.values()) {
      if (buffer.bucketMs > 0 || buffer.length <= 2 * maxPoints) continue;
      if (!live && loaded.to > range.to) {
        loaded.to = range.to;
        continue;
      }
      const span = live ? spanOf(range) : loaded.to - loaded.from;
      const bucketMs = span / maxPoints;
      buffer.fold(bucketMs);
      loaded.bucketMs = Math.max(loaded.bucketMs, bucketMs);
    }
  }

  #fail(problem: FeedProblem): void {
    this.loading = false;
    this.problem = problem;
    this.#retryAtMs = this.#nowMs() + RETRY_MS;
    this.#changed();
  }
}

function problemOf(error: unknown): FeedProblem {
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as { code?: unknown } | null)?.code;
  return { code: typeof code === 'string' ? code : 'internal', message };
}
