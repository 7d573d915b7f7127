import type Database from 'better-sqlite3';
import type { RawMessage } from '../contract/topics.ts';
import type { MessageRecord } from './types.ts';

/** Rows taken off the old end at once, so that pruning never holds up a batch for long. */
const PRUNE_ROWS = 500;
/** What a row costs besides its payload, client id and the name of its topic. */
const ROW_OVERHEAD_BYTES = 64;
const REMEMBERED_NAMES = 50_000;

/**
 * The raw log, bounded by bytes and age, and the names of topics that it shares with the topic table. Runs inside
 * the caller's transaction; `bytes` is the caller's to store. Not to be used again after a rollback.
 */
export class MessageLog {
  bytes = 0;
  readonly #maxBytes: number;
  readonly #maxAgeMs: number;
  readonly #insert: Database.Statement;
  readonly #oldest: Database.Statement;
  readonly #prune: Database.Statement;
  readonly #findName: Database.Statement;
  readonly #addName: Database.Statement;
  readonly #forgetName: Database.Statement;
  readonly #names = new Map<string, number>();

  constructor(db: Database.Database, limits: { maxBytes: number; maxAgeMs: number }) {
    this.#maxBytes = limits.maxBytes;
    this.#maxAgeMs = limits.maxAgeMs;
    this.#insert = db.prepare('INSERT INTO message VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)');
    this.#oldest = db.prepare('SELECT id, received, bytes, topic_id FROM message ORDER BY id LIMIT ?').raw();
    this.#prune = db.prepare('DELETE FROM message WHERE id <= ?');
    this.#findName = db.prepare('SELECT id FROM topic_name WHERE name = ?').pluck();
    this.#addName = db.prepare('INSERT INTO topic_name VALUES (NULL, ?)');
    this.#forgetName = db
      .prepare(
        `DELETE FROM topic_name WHERE id = ?
         AND NOT EXISTS (SELECT 1 FROM message WHERE topic_id = topic_name.id)
         AND NOT EXISTS (SELECT 1 FROM topic WHERE name_id = topic_name.id) RETURNING name`,
      )
      .pluck();
  }

  nameId(topic: string): number {
    const known = this.#names.get(topic) ?? (this.#findName.get(topic) as number | undefined);
    const id = known ?? Number(this.#addName.run(topic).lastInsertRowid);
    if (this.#names.size >= REMEMBERED_NAMES) this.#names.clear();
    this.#names.set(topic, id);
    return id;
  }

  put(messages: MessageRecord[]): void {
    for (const m of messages) {
      const bytes = m.payload.length + (m.client?.length ?? 0) + m.topic.length + ROW_OVERHEAD_BYTES;
      const topicId = this.nameId(m.topic);
      this.#insert.run(topicId, m.receivedMs, m.qos, Number(m.retain), m.client, m.payload, bytes);
      this.bytes += bytes;
    }
    while (this.bytes > this.#maxBytes && this.#pruneOnce(-Infinity)) continue;
  }

  /** Takes off one chunk that is too old. False when there is nothing (more) to take. */
  pruneAged(nowMs: number): boolean {
    return this.#pruneOnce(nowMs - this.#maxAgeMs);
  }

  #pruneOnce(beforeMs: number): boolean {
    let upTo = -1;
    const topicIds = new Set<number>();
    for (const row of this.#oldest.all(PRUNE_ROWS) as [number, number, number, number][]) {
      const [id, received, bytes, topicId] = row;
      if (received >= beforeMs && this.bytes <= this.#maxBytes) break;
      this.bytes -= bytes;
      upTo = id;
      topicIds.add(topicId);
    }
    if (upTo < 0) return false;
    this.#prune.run(upTo);
    // Names go with their last message: a site with a topic per request would collect them for years.
    for (const topicId of topicIds) {
      const name = this.#forgetName.get(topicId) as string | undefined;
      if (name !== undefined) this.#names.delete(name);
    }
    return true;
  }
}

/** The newest messages of one topic, newest first. */
export function newestMessages(db: Database.Database, topic: string, limit: number): RawMessage[] {
  const rows = db
    .prepare(
      `SELECT received, qos, retain, client, payload FROM message
       WHERE topic_id = (SELECT id FROM topic_name WHERE name = ?) ORDER BY id DESC LIMIT ?`,
    )
    .raw()
    .all(topic, limit) as [number, 0 | 1 | 2, number, string | null, Uint8Array][];
  return rows.map(([receivedMs, qos, retain, client, payload]) => ({
    topic,
    receivedMs,
    qos,
    retain: retain === 1,
    client,
    payload: new Uint8Array(payload),
  }));
}
