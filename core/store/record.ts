import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import type { Clock, Timer } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import { Signal } from '../base/events.ts';
import type { Log } from '../base/log.ts';
import type { SeriesColumns } from '../contract/readings.ts';
import type { RecorderStatus } from '../contract/station.ts';
import type { RawMessage } from '../contract/topics.ts';
import { BatchLine } from './batch-line.ts';
import { READING_BYTES } from './batch.ts';
import { Coalescer } from './coalescer.ts';
import { catalogOf, emptyCatalog } from './catalog-rows.ts';
import { CommitLoop } from './commit-loop.ts';
import { explained, isDamage } from './faults.ts';
import { cannotOpen, FileCare, makeFolder } from './file-care.ts';
import { headerProblem } from './header.ts';
import { stateToColumns } from './mqtt-columns.ts';
import { MqttRecord } from './mqtt-record.ts';
import { emptyBrokerState } from './mqtt-types.ts';
import type { BrokerState } from './mqtt-types.ts';
import { KnownRows } from './known-rows.ts';
import { lockFolder } from './lock.ts';
import type { FolderLock, RunningInfo } from './lock.ts';
import type { Failure, FileSeed, RangeRequest } from './protocol.ts';
import { ReaderLink } from './reader-link.ts';
import { RecorderBoard } from './recorder-board.ts';
import { RECORD_LIMITS } from './record-limits.ts';
import type { RecordLimits } from './record-limits.ts';
import { damageMark, RECORD_FILE } from './set-aside.ts';
import type {
  Catalog,
  CoapRegistrationRecord,
  CoapResourceRecord,
  DeviceRecord,
  MessageRecord,
  SeriesRecord,
  TopicRecord,
} from './types.ts';

const LOOK_EVERY_MS = 5_000;
const LOOKS_PER_UPKEEP = 12;

export interface RecordOptions extends Partial<RecordLimits> {
  clock?: Clock;
  log: Log;
  /** What the broker keeps now. Asked when a damaged or removed file is replaced while the station runs. */
  brokerState?: () => BrokerState;
  /** For tests: a record that is full at so many 4 KiB pages. */
  maxPages?: number;
}

/** Rows i < length are readings (series[i], t[i], v[i]); t in ms since the epoch. */
export interface ReadingsIn {
  length: number;
  series: Int32Array;
  t: Float64Array;
  v: Float64Array;
}

/**
 * The SQLite record of one data folder, as the host sees it. No SQL runs on the calling thread: one worker writes,
 * one reads. What is added goes into the batch being filled; `committed` tells when a batch is on disk.
 */
export class Record {
  /** Emits the sequence up to which everything is on disk. */
  readonly committed = new Signal<number>();
  readonly statusChanged: Signal<void>;
  /** As loaded; not kept up to date. */
  catalog: Catalog = emptyCatalog();
  /** What the MQTT broker keeps over a restart. */
  readonly broker: MqttRecord;
  readonly #folder: string;
  readonly #limits: RecordLimits;
  readonly #brokerState: () => BrokerState;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #lock: FolderLock;
  readonly #board: RecorderBoard;
  readonly #care: FileCare;
  readonly #line: BatchLine;
  readonly #loop: CommitLoop;
  readonly #reader: ReaderLink;
  readonly #known = new KnownRows();
  readonly #topicsSeen = new Set<string>();
  readonly #lateTopics: Coalescer<string, TopicRecord>;
  readonly #lateDevices: Coalescer<number, DeviceRecord>;
  #committedMark = 0;
  #looks = 0;
  #lookTimer: Timer | undefined;
  #closing: Promise<void> | undefined;

  private constructor(folder: string, lock: FolderLock, options: RecordOptions) {
    this.#folder = folder;
    this.#lock = lock;
    this.#limits = { ...RECORD_LIMITS, ...options };
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log;
    this.#board = new RecorderBoard(folder, this.#clock);
    this.statusChanged = this.#board.changed;
    this.#care = new FileCare({ folder, clock: this.#clock, log: this.#log, board: this.#board });
    this.#brokerState = options.brokerState ?? emptyBrokerState;
    this.#line = new BatchLine(this.#limits);
    this.broker = new MqttRecord({
      line: this.#line,
      accepting: () => this.accepting,
      wake: (urgent) => this.#wake(urgent),
    });
    const file = join(folder, RECORD_FILE);
    this.#reader = new ReaderLink(file, this.#log, (failure) => this.#care.readFailed(failure));
    this.#loop = new CommitLoop({
      settings: {
        file,
        run: randomUUID(),
        messageLogBytes: this.#limits.messageLogBytes,
        messageLogAgeMs: this.#limits.messageLogAgeMs,
        maxPages: options.maxPages ?? null,
      },
      line: this.#line,
      lingerMs: this.#limits.lingerMs,
      clock: this.#clock,
      log: this.#log,
      prepare: () => this.#lock.acquire(),
      replace: (failure) => this.#replaceFile(failure),
      onCommitted: (sequence, readings) => this.#onCommitted(sequence, readings),
      onFault: (failure) => this.#onFault(failure),
    });
    const late = { clock: this.#clock, everyMs: this.#limits.coalesceMs };
    this.#lateTopics = new Coalescer({
      ...late,
      atMost: this.#limits.coalescedTopics,
      handOver: (rows) => this.#writeTopics(rows),
    });
    this.#lateDevices = new Coalescer({ ...late, handOver: (rows) => this.#writeDevices(rows) });
  }

  /**
   * Locks the folder (made when it is not there) and opens or creates its record. A damaged record is set aside and a
   * new one started. A disk that is full or cannot be written to is no error as long as what it holds can be read:
   * `status()` tells, and writing begins by itself once it can. Errors: `store.locked` (detail: pid, http),
   * `store.newer_version`, `store.cannot_open`.
   */
  static async open(folder: string, options: RecordOptions): Promise<Record> {
    makeFolder(folder);
    const nowMs = (options.clock ?? systemClock).now();
    const lock = takeLock(folder, nowMs);
    const clean = !lock.uncleanBefore;
    let record: Record | undefined;
    try {
      const problem = headerProblem(join(folder, RECORD_FILE));
      record = new Record(folder, lock, options);
      await record.#start(problem);
      return record;
    } catch (error) {
      if (record !== undefined) await record.#abandon();
      lock.release(clean);
      throw error instanceof CodedError ? error : cannotOpen(folder, error);
    }
  }

  /** False while the record can take no more: acknowledged messages must then be refused by the caller. */
  get accepting(): boolean {
    return this.#closing === undefined && this.#line.hasRoom(1, READING_BYTES);
  }

  /** Sequence up to which everything is on disk, as last emitted by `committed`. */
  get committedMark(): number {
    return this.#committedMark;
  }

  /**
   * Sequence of the last batch that holds anything. All that was added before this call is on disk once
   * `committedMark` (or what `committed` emits) is at or above it; when nothing waits, that is so already. Never falls.
   */
  mark(): number {
    return this.#line.mark();
  }

  /**
   * Adds the rows of `columns` (copied), received at `receivedMs`. `acknowledged`: someone waits for the commit, so
   * it is made at the end of this turn, and the rows are kept even past the limit (look at `accepting` first). Others
   * are given up and counted once too many wait. A row with a t or v that is not finite, or no series, is left out.
   */
  addReadings(columns: ReadingsIn, receivedMs: number, acknowledged: boolean): void {
    const { length, series, t, v } = columns;
    if (length === 0) return;
    if (!acknowledged && !this.#line.hasRoom(length, length * READING_BYTES)) return this.#giveUp(length);
    for (let i = 0; i < length; i++) {
      if (series[i]! < 0 || !Number.isFinite(t[i]!) || !Number.isFinite(v[i]!)) continue;
      this.#line.filling().addReading(series[i]!, t[i]!, v[i]!, receivedMs);
    }
    this.#wake(acknowledged);
  }

  /** Adds one message to the raw log; the payload is copied. */
  addMessage(record: MessageRecord, acknowledged: boolean): void {
    const { topic, receivedMs, qos, retain, client } = record;
    if (!acknowledged && !this.#line.hasRoom(0, record.payload.length)) return;
    const payload = new Uint8Array(record.payload);
    this.#line.filling().addMessage({ topic, receivedMs, qos, retain, client, payload });
    this.#wake(acknowledged);
  }

  putDevice(record: DeviceRecord): void {
    const { row, onlySeen } = this.#known.device(record);
    if (onlySeen) return this.#lateDevices.put(row.id, row);
    this.#lateDevices.drop(row.id);
    this.#line.filling().putDevice(row);
    this.#wake(false);
  }

  putSeries(record: SeriesRecord): void {
    this.#line.filling().putSeries(this.#known.series(record));
    this.#wake(false);
  }

  putRegistration(record: CoapRegistrationRecord): void {
    this.#line.filling().putRegistration(this.#known.registration(record));
    this.#wake(false);
  }

  putResource(record: CoapResourceRecord): void {
    this.#line.filling().putResource(this.#known.resource(record));
    this.#wake(false);
  }

  /**
   * A new topic is written with the next batch, a known one at most once a second, as it then is, and later where more
   * than 4,000 a second change: the record given may be the caller's own changing one, but its `payload` must own its bytes (no view into a socket's buffer).
   */
  putTopic(record: TopicRecord): void {
    if (this.#topicsSeen.has(record.topic) || !this.#line.hasRoom(0, record.payload.length)) {
      return this.#lateTopics.put(record.topic, record);
    }
    this.#writeTopics([record]);
  }

  /**
   * Resolves when all that was added before this call is on disk, so that what a person was told is done stays done.
   * While the disk is at fault it resolves at once: the alarm says that nothing is recorded.
   */
  settled(): Promise<void> {
    const mark = this.mark();
    const done = (): boolean => this.#committedMark >= mark || this.#board.has('write');
    if (done()) return Promise.resolve();
    this.#wake(true);
    return new Promise((resolve) => {
      const look = (): void => {
        if (!done()) return;
        stopCommitted();
        stopStatus();
        resolve();
      };
      const stopCommitted = this.committed.on(look);
      const stopStatus = this.statusChanged.on(look);
    });
  }

  /** Rejects with `store.cancelled`, `store.unavailable` or `store.stopped`. See range-query.ts for the answer. */
  query(request: RangeRequest & { signal?: AbortSignal }): Promise<SeriesColumns[]> {
    const { series, from, to, maxPoints, signal } = request;
    return this.#reader.ask({ kind: 'range', range: { series, from, to, maxPoints } }, signal);
  }

  /** The newest messages of exactly this topic in the raw log, newest first. */
  messages(topic: string, limit: number): Promise<RawMessage[]> {
    return this.#reader.ask({ kind: 'messages', topic, limit });
  }

  status(): RecorderStatus {
    return this.#board.status(this.#line.readings);
  }

  /** Tells a second start where this station is; called once the listeners are up. */
  updateRunning(info: Partial<RunningInfo>): void {
    this.#lock.updateRunning(info);
  }

  /** Commits what waits (tried once when the disk is at fault), then stops both threads and frees the folder. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #start(headerProblem: string | null): Promise<void> {
    const damage = headerProblem ?? damageMark(this.#folder);
    if (damage !== null) this.#care.moveAway(damage);
    let answer = await this.#loop.open(true);
    if ('code' in answer && isDamage(answer)) {
      this.#care.moveAway(`${answer.message} (${answer.code})`);
      answer = await this.#loop.open(true);
    }
    if (!('code' in answer)) {
      this.catalog = answer.catalog === null ? emptyCatalog() : catalogOf(answer.catalog);
      this.#board.committedReadings = answer.readings;
      if (this.#lock.uncleanBefore && this.#board.setAside === null) void this.#care.check(this.#reader);
    } else {
      this.catalog = await this.#care.catalogOnly(this.#reader, answer);
      this.#loop.retryAfter(answer);
    }
    this.#known.load(this.catalog);
    const { messages, outgoing } = this.catalog.broker;
    this.#line.loaded({ message: messages.at(-1)?.id ?? 0, order: outgoing.at(-1)?.order ?? 0 });
    for (const { topic } of this.catalog.topics) this.#topicsSeen.add(topic);
    await this.#look();
  }

  async #close(): Promise<void> {
    this.#lookTimer?.cancel();
    this.#lateTopics.flush();
    this.#lateDevices.flush();
    await this.#loop.stop();
    await this.#reader.stop();
    const lost = this.#line.readings;
    if (lost > 0) this.#log.error('readings were lost: the disk could not take them', { readings: lost });
    this.#lock.release(this.#line.empty);
    this.committed.clear();
    this.statusChanged.clear();
  }

  async #abandon(): Promise<void> {
    await this.#loop.stop();
    await this.#reader.stop();
  }

  #wake(urgent: boolean): void {
    if (urgent) this.#line.hurry();
    if (!this.#line.hasRoom(1, READING_BYTES)) this.#tellBacklog();
    this.#loop.wake();
  }

  #giveUp(readings: number): void {
    this.#board.droppedReadings += readings;
    this.#tellBacklog();
  }

  #tellBacklog(): void {
    const message = `${this.#line.readings} readings wait for the disk`;
    this.#board.setFault('backlog', { code: 'store.backlog', message }, 'backlog');
  }

  #writeTopics(records: Iterable<TopicRecord>): boolean {
    if (!this.#line.hasRoom(0, 0)) return false;
    for (const record of records) {
      this.#topicsSeen.add(record.topic);
      this.#line.filling().putTopic(record);
    }
    this.#wake(false);
    return true;
  }

  #writeDevices(records: Iterable<DeviceRecord>): boolean {
    if (!this.#line.hasRoom(0, 0)) return false;
    for (const record of records) this.#line.filling().putDevice(record);
    this.#wake(false);
    return true;
  }

  #onCommitted(sequence: number, readings: number): void {
    this.#committedMark = sequence;
    this.#board.committedReadings += readings;
    this.#board.lastCommitMs = this.#clock.now();
    if (this.#board.has('backlog') && this.#line.readings < this.#limits.backlogReadings / 2) {
      this.#board.setFault('backlog', null);
    }
    this.committed.emit(sequence);
  }

  #onFault(failure: Failure | null): void {
    if (failure === null) {
      if (!this.#board.has('write')) return;
      this.#log.info('the record can be written again');
      this.#releaseReader(); // it may have had to open the file as one that never changes
      return this.#board.setFault('write', null);
    }
    this.#log.error('the record cannot be written; it is tried again', { ...failure });
    this.#board.setFault('write', explained(failure, this.#folder));
    void this.#board.look();
  }

  /** A write met damage: the file makes way while the station runs, and nothing that waits is lost with it. */
  async #replaceFile(failure: Failure): Promise<FileSeed> {
    await this.#reader.release();
    this.#care.moveAway(`${failure.message} (${failure.code})`);
    this.#board.setFault('damage', null);
    this.#board.committedReadings = 0;
    this.#topicsSeen.clear();
    return this.#seed();
  }

  #seed(): FileSeed {
    this.#line.seeded();
    return { ...this.#known.seed(), broker: stateToColumns(this.#brokerState()) };
  }

  #releaseReader(): void {
    this.#reader.release().catch((error: unknown) => {
      this.#log.debug('the reader could not be told', { error });
    });
  }

  /** Someone took the file away while it was open; commits would go on into a file that nobody can find. */
  #fileGone(): void {
    const failure = { code: 'store.moved', message: 'the record file was moved or removed' };
    this.#topicsSeen.clear();
    this.#board.committedReadings = 0;
    this.#releaseReader();
    this.#loop.reopen(failure, () => this.#seed());
  }

  async #look(): Promise<void> {
    const { moved } = await this.#board.look();
    if (this.#closing !== undefined) return;
    if (moved) this.#fileGone();
    if (++this.#looks % LOOKS_PER_UPKEEP === 0) this.#loop.maintain(this.#clock.now());
    this.#lookTimer = this.#clock.after(LOOK_EVERY_MS, () => void this.#look());
  }
}

function takeLock(folder: string, startedMs: number): FolderLock {
  try {
    return lockFolder(folder, { pid: process.pid, http: null, startedMs });
  } catch (error) {
    throw error instanceof CodedError ? error : cannotOpen(folder, error);
  }
}
