import type Database from 'better-sqlite3';
import { CatalogRows, loadCatalog } from './catalog-rows.ts';
import { openForWriting } from './database.ts';
import { MessageLog } from './message-log.ts';
import type { BatchRows, CatalogInTransit, FileSeed, WriterSettings } from './protocol.ts';
import { sweepBroker } from './mqtt-load.ts';
import { MqttRows } from './mqtt-rows.ts';
import { ReadingRows } from './reading-rows.ts';

/** Free pages (4 KiB) that may stay in the file before they are given back to the disk. */
const FREE_PAGES_KEPT = 16_384;
const FREE_PAGES_PER_STEP = 2_048;

/** The writing side of the record: one connection, one batch per transaction. Throws what SQLite throws. */
export class Writer {
  readonly #db: Database.Database;
  readonly #run: string;
  readonly #catalog: CatalogRows;
  readonly #readings: ReadingRows;
  readonly #messages: MessageLog;
  readonly #mqtt: MqttRows;
  readonly #saveProgress: Database.Statement;
  readonly #commit: (rows: BatchRows) => void;
  #committedBatch = 0;
  #readingCount = 0;

  /** Opens, creates or migrates the file. `seed` fills a file that was started anew. */
  constructor(settings: WriterSettings, seed: FileSeed | null) {
    this.#db = openForWriting(settings.file, settings.maxPages);
    try {
      this.#run = settings.run;
      this.#catalog = new CatalogRows(this.#db);
      this.#readings = new ReadingRows(this.#db);
      const limits = { maxBytes: settings.messageLogBytes, maxAgeMs: settings.messageLogAgeMs };
      this.#messages = new MessageLog(this.#db, limits);
      this.#mqtt = new MqttRows(this.#db);
      this.#saveProgress = this.#db.prepare(
        'UPDATE progress SET run = ?, batch = ?, readings = ?, message_bytes = ?',
      );
      this.#commit = this.#db.transaction((rows: BatchRows) => this.#write(rows)).immediate;
      this.#loadProgress();
      if (seed !== null) this.#db.transaction(() => this.#plant(seed)).immediate();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** Readings that the record holds. */
  get readings(): number {
    return this.#readingCount;
  }

  /** At a start only: deletes what a kill left between two commits and belongs to nobody. */
  loadCatalog(nowMs: number): CatalogInTransit {
    this.#db.transaction(() => sweepBroker(this.#db)).immediate();
    return loadCatalog(this.#db, nowMs);
  }

  /**
   * Commits a batch, flushed to the disk. One that this run has committed already is left alone. After a throw
   * nothing of the batch is stored, or all of it (a flush that failed late): close this writer, open another and
   * commit the batch again, which tells the two apart.
   */
  commit(rows: BatchRows): void {
    if (rows.sequence > this.#committedBatch) this.#commit(rows);
  }

  /** Prunes what is too old and gives free pages back, a bounded step at a time. */
  maintain(nowMs: number): void {
    const prune = this.#db.transaction(() => {
      const pruned = this.#messages.pruneAged(nowMs);
      if (pruned) this.#storeProgress();
      return pruned;
    });
    while (prune.immediate()) continue;
    const free = this.#db.pragma('freelist_count', { simple: true }) as number;
    if (free > FREE_PAGES_KEPT) this.#db.pragma(`incremental_vacuum(${FREE_PAGES_PER_STEP})`);
  }

  close(): void {
    this.#db.close();
  }

  #plant(seed: FileSeed): void {
    this.#catalog.put(seed);
    this.#mqtt.put(seed.broker);
  }

  #write(rows: BatchRows): void {
    this.#catalog.put(rows);
    this.#readings.put(rows);
    for (const topic of rows.topics) this.#catalog.putTopic(this.#messages.nameId(topic.topic), topic);
    this.#messages.put(rows.messages);
    if (rows.mqtt !== null) this.#mqtt.apply(rows.mqtt);
    this.#readingCount += rows.seriesOf.length;
    this.#committedBatch = rows.sequence;
    this.#storeProgress();
  }

  #storeProgress(): void {
    this.#saveProgress.run(this.#run, this.#committedBatch, this.#readingCount, this.#messages.bytes);
  }

  #loadProgress(): void {
    const row = this.#db.prepare('SELECT run, batch, readings, message_bytes FROM progress').raw().get() as
      [string, number, number, number] | undefined;
    const [run, batch, readings, messageBytes] = row ?? ['', 0, 0, 0];
    this.#committedBatch = run === this.#run ? batch : 0;
    this.#readingCount = readings;
    this.#messages.bytes = messageBytes;
  }
}
