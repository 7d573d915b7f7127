import type Database from 'better-sqlite3';
import type { BatchRows } from './protocol.ts';

/** Series ids up to this have their last time remembered; a larger one takes the slower, equally right way. */
const REMEMBERED_IDS = 1 << 20;

/**
 * Appends readings to `reading_head`. Two readings of one series at the same `t` are both kept, told apart by `seq`
 * in order of arrival. As they nearly always come one after the other (a burst within one millisecond), the last `t`
 * of each series is remembered and `seq` counted on; only one that comes late must ask the table.
 */
export class ReadingRows {
  readonly #insert: Database.Statement;
  readonly #insertAgain: Database.Statement;
  #lastT = new Float64Array(1024).fill(NaN);
  #lastSeq = new Int32Array(1024);

  constructor(db: Database.Database) {
    this.#insert = db.prepare('INSERT INTO reading_head VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING');
    this.#insertAgain = db.prepare(
      `INSERT INTO reading_head SELECT series, t, 1 + max(seq), ?, ? FROM reading_head WHERE series = ? AND t = ?`,
    );
  }

  put(rows: BatchRows): void {
    const { seriesOf, t, v, received } = rows;
    for (let i = 0; i < seriesOf.length; i++) {
      const receivedOrNull = received[i] === t[i] ? null : received[i];
      const seq = this.#nextSeq(seriesOf[i]!, t[i]!);
      if (this.#insert.run(seriesOf[i], t[i], seq, v[i], receivedOrNull).changes === 0) {
        this.#insertAgain.run(v[i], receivedOrNull, seriesOf[i], t[i]);
      }
    }
  }

  #nextSeq(series: number, t: number): number {
    if (series >= this.#lastT.length && !this.#grow(series)) return 0;
    if (this.#lastT[series] === t) return ++this.#lastSeq[series]!;
    this.#lastT[series] = t;
    this.#lastSeq[series] = 0;
    return 0;
  }

  #grow(series: number): boolean {
    if (series >= REMEMBERED_IDS) return false;
    const length = Math.min(REMEMBERED_IDS, Math.max(series + 1, this.#lastT.length * 2));
    const lastT = new Float64Array(length).fill(NaN);
    const lastSeq = new Int32Array(length);
    lastT.set(this.#lastT);
    lastSeq.set(this.#lastSeq);
    this.#lastT = lastT;
    this.#lastSeq = lastSeq;
    return true;
  }
}
