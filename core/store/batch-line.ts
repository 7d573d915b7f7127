import { Batch } from './batch.ts';
import type { Highest } from './mqtt-batch.ts';

export interface LineLimits {
  /** Readings and bytes per batch: what one commit may hold up the next by. */
  batchReadings: number;
  batchBytes: number;
  /** Readings and bytes that may wait altogether. */
  backlogReadings: number;
  backlogBytes: number;
}

/** Emptied batches kept for their columns. */
const SPARE_BATCHES = 4;

/**
 * The batches on their way to the disk, in order: one being filled at the end, full ones before it, and at the head
 * the one that the writer has. Sequences count from 1 without a gap.
 */
export class BatchLine {
  readonly #limits: LineLimits;
  readonly #highest: Highest = { message: 0, order: 0 };
  readonly #sealed: Batch[] = [];
  readonly #spare: Batch[] = [];
  #fill: Batch;
  #sequence = 1;
  #sealedReadings = 0;
  #sealedBytes = 0;

  constructor(limits: LineLimits) {
    this.#limits = limits;
    this.#fill = new Batch(this.#highest);
    this.#fill.begin(this.#sequence);
  }

  /** Ids up to these are in the record already. Before anything is added. */
  loaded(highest: Highest): void {
    Object.assign(this.#highest, highest);
    this.#fill.begin(this.#sequence);
  }

  get readings(): number {
    return this.#sealedReadings + this.#fill.length;
  }

  get bytes(): number {
    return this.#sealedBytes + this.#fill.bytes;
  }

  get empty(): boolean {
    return this.#sealed.length === 0 && this.#fill.empty;
  }

  /** See `MqttBatch.seeded`. Batches that are full already take nothing back. */
  seeded(): void {
    this.#fill.mqtt.seeded();
  }

  /** Sequence of the last batch that holds anything: once it is committed, so is all that was added so far. */
  mark(): number {
    if (this.#fill.empty) return this.#sequence - 1;
    this.#fill.promised = true;
    return this.#sequence;
  }

  /** Someone waits for what was added so far. */
  hurry(): void {
    if (!this.#fill.empty) this.#fill.urgent = true;
  }

  /** The head can grow no more. */
  get full(): boolean {
    return this.#sealed.length > 0;
  }

  /** What waits should be sent without lingering. */
  get urgent(): boolean {
    return this.#sealed.length > 0 || this.#fill.urgent;
  }

  hasRoom(readings: number, bytes: number): boolean {
    return (
      this.readings + readings <= this.#limits.backlogReadings &&
      this.bytes + bytes <= this.#limits.backlogBytes
    );
  }

  /**
   * The batch to add to; a full one is put behind the others first. Not once the backlog is full: readings are given
   * up then, but what the broker keeps must go on to be what it is. Held by one batch, its rows replace each other and
   * do not grow beyond what there is to keep.
   */
  filling(): Batch {
    const { batchReadings, batchBytes, backlogBytes } = this.#limits;
    const full = this.#fill.length >= batchReadings || this.#fill.bytes >= batchBytes;
    if (full && this.bytes < backlogBytes) this.#seal();
    return this.#fill;
  }

  /** The batch whose turn it is; it stays at the head until `done`. Undefined when nothing waits. */
  head(): Batch | undefined {
    if (this.#sealed.length === 0 && !this.#fill.empty) this.#seal();
    return this.#sealed[0];
  }

  /** The head is on disk. */
  done(): void {
    const batch = this.#sealed.shift();
    if (batch === undefined) return;
    this.#sealedReadings -= batch.length;
    this.#sealedBytes -= batch.bytes;
    batch.reset();
    if (this.#spare.length < SPARE_BATCHES) this.#spare.push(batch);
  }

  #seal(): void {
    this.#sealed.push(this.#fill);
    this.#sealedReadings += this.#fill.length;
    this.#sealedBytes += this.#fill.bytes;
    this.#fill = this.#spare.pop() ?? new Batch(this.#highest);
    this.#fill.begin(++this.#sequence);
  }
}
