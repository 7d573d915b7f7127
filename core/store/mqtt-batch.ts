import {
  columnsOf,
  INCOMING,
  MESSAGE,
  OUTGOING,
  RETAINED,
  SESSION,
  SUBSCRIPTION,
  buffersOf,
} from './mqtt-columns.ts';
import type { BrokerColumns, Columns } from './mqtt-columns.ts';
import type {
  IncomingRow,
  MessageRow,
  OutgoingRow,
  RetainedRow,
  SessionRow,
  SubscriptionRow,
} from './mqtt-types.ts';

/** What is put and what is taken away in one transaction. Removals come first; no key but a session's is in both. */
export interface BrokerRows {
  put: BrokerColumns;
  gone: {
    /** With everything that belonged to them before this batch. */
    sessions: Float64Array<ArrayBuffer>;
    subscriptions: { session: number; filter: string }[];
    messages: Float64Array<ArrayBuffer>;
    outgoing: Float64Array<ArrayBuffer>;
    incoming: Columns;
    retained: string[];
  };
}

/** The greatest ids that were ever put: one above is in no earlier batch, and not on disk. */
export interface Highest {
  message: number;
  order: number;
}

/** What a row costs besides its texts and bytes, roughly, while it waits. */
const ROW_BYTES = 128;
const GONE_BYTES = 64;
/** Packet ids of one session in the key of an incoming row. */
const PACKET_IDS = 65_536;
/** So many ended sessions are looked for in one walk over the batch. */
const SESSIONS_PER_WALK = 1_024;

/** Of an incoming row: not on disk before, on disk before (put again or gone). */
const NEW = 1;
const AGAIN = 2;
const GONE = 0;

/**
 * The broker's part of one batch: the latest state of every row that changed, null for one that is gone. A row that
 * came with this batch and went again vanishes: a message that is delivered and acknowledged within one commit costs
 * the disk nothing. Rows are kept as they are given and must not change.
 */
export class MqttBatch {
  /** What it holds costs in the backlog, roughly. */
  bytes = 0;
  readonly #highest: Highest;
  /** `#highest` as this batch began. */
  #before: Highest = { message: 0, order: 0 };
  readonly #sessions = new Map<number, SessionRow>();
  readonly #sessionsGone = new Set<number>();
  readonly #subscriptions = new Map<string, SubscriptionRow | { session: number; filter: string }>();
  readonly #messages = new Map<number, MessageRow | null>();
  readonly #outgoing = new Map<number, OutgoingRow | null>();
  readonly #incoming = new Map<number, number>();
  readonly #retained = new Map<string, RetainedRow | null>();
  /** Ended sessions whose rows in this batch are still to be dropped. */
  readonly #toDrop = new Set<number>();

  constructor(highest: Highest) {
    this.#highest = highest;
    this.begin();
  }

  /** From now on it is filled, behind all batches that were filled before. */
  begin(): void {
    this.#before = { ...this.#highest };
  }

  /**
   * A new file was given all that the broker keeps now, with it what this batch holds and has not written: a row of it
   * that goes must go from that file.
   */
  seeded(): void {
    this.begin();
    for (const [key, state] of this.#incoming) if (state === NEW) this.#incoming.set(key, AGAIN);
  }

  reset(): void {
    this.bytes = 0;
    this.#sessions.clear();
    this.#sessionsGone.clear();
    this.#subscriptions.clear();
    this.#messages.clear();
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#retained.clear();
    this.#toDrop.clear();
  }

  putSession(row: SessionRow): void {
    this.#beforeRowOf(row.id);
    this.bytes += costOfSession(row) - costOfSession(this.#sessions.get(row.id));
    this.#sessions.set(row.id, row);
  }

  removeSession(id: number): void {
    this.bytes -= costOfSession(this.#sessions.get(id));
    this.#sessions.delete(id);
    if (!this.#sessionsGone.has(id)) this.bytes += GONE_BYTES;
    this.#sessionsGone.add(id);
    if (this.#subscriptions.size + this.#outgoing.size + this.#incoming.size === 0) return;
    this.#toDrop.add(id);
    if (this.#toDrop.size >= SESSIONS_PER_WALK) this.#dropRows();
  }

  putSubscription(row: SubscriptionRow): void {
    this.#beforeRowOf(row.session);
    this.#setSubscription(row);
  }

  removeSubscription(session: number, filter: string): void {
    this.#beforeRowOf(session);
    this.#setSubscription({ session, filter });
  }

  addMessage(row: MessageRow): void {
    this.bytes += costOfMessage(row) - costOfMessage(this.#messages.get(row.id));
    this.#messages.set(row.id, row);
    if (row.id > this.#highest.message) this.#highest.message = row.id;
  }

  removeMessage(id: number): void {
    const row = this.#messages.get(id);
    this.bytes -= costOfMessage(row);
    if (row != null && id > this.#before.message) {
      this.#messages.delete(id);
    } else {
      this.#messages.set(id, null);
      this.bytes += GONE_BYTES;
    }
  }

  putOutgoing(row: OutgoingRow): void {
    this.#beforeRowOf(row.session);
    this.bytes += ROW_BYTES - costOf(this.#outgoing.get(row.order));
    this.#outgoing.set(row.order, row);
    if (row.order > this.#highest.order) this.#highest.order = row.order;
  }

  removeOutgoing(order: number): void {
    const row = this.#outgoing.get(order);
    this.bytes -= costOf(row);
    if (row != null && order > this.#before.order) {
      this.#outgoing.delete(order);
    } else {
      this.#outgoing.set(order, null);
      this.bytes += GONE_BYTES;
    }
  }

  /** It must not be there already: a second one could not be told from the first when it goes. */
  addIncoming(session: number, packetId: number): void {
    this.#beforeRowOf(session);
    const key = session * PACKET_IDS + packetId;
    const was = this.#incoming.get(key);
    if (was === undefined) this.bytes += GONE_BYTES;
    this.#incoming.set(key, was === undefined || was === NEW ? NEW : AGAIN);
  }

  removeIncoming(session: number, packetId: number): void {
    this.#beforeRowOf(session);
    const key = session * PACKET_IDS + packetId;
    const was = this.#incoming.get(key);
    if (was === NEW) {
      this.#incoming.delete(key);
      this.bytes -= GONE_BYTES;
    } else {
      if (was === undefined) this.bytes += GONE_BYTES;
      this.#incoming.set(key, GONE);
    }
  }

  putRetained(row: RetainedRow): void {
    this.bytes += costOfRetained(row) - costOfRetained(this.#retained.get(row.topic));
    this.#retained.set(row.topic, row);
  }

  removeRetained(topic: string): void {
    const was = this.#retained.get(topic);
    if (was === null) return;
    this.bytes += GONE_BYTES - costOfRetained(was);
    this.#retained.set(topic, null);
  }

  /** A copy to send away, or null when there is nothing, and the buffers in it that can be handed over. */
  toRows(): { rows: BrokerRows | null; transfer: ArrayBuffer[] } {
    if (this.bytes === 0) return { rows: null, transfer: [] };
    this.#dropRows();
    const put: BrokerColumns = {
      sessions: columnsOf(SESSION, this.#sessions.values()),
      subscriptions: columnsOf(SUBSCRIPTION, subscriptionsIn(this.#subscriptions.values())),
      messages: columnsOf(MESSAGE, this.#messages.values()),
      outgoing: columnsOf(OUTGOING, this.#outgoing.values()),
      incoming: columnsOf(INCOMING, incomingIn(this.#incoming, false)),
      retained: columnsOf(RETAINED, this.#retained.values()),
    };
    const gone: BrokerRows['gone'] = {
      sessions: Float64Array.from(this.#sessionsGone),
      subscriptions: [...this.#subscriptions.values()].filter((row) => !('options' in row)),
      messages: Float64Array.from(goneOf(this.#messages)),
      outgoing: Float64Array.from(goneOf(this.#outgoing)),
      incoming: columnsOf(INCOMING, incomingIn(this.#incoming, true)),
      retained: [...goneOf(this.#retained)],
    };
    return { rows: { put, gone }, transfer: buffersOf(put) };
  }

  #setSubscription(row: SubscriptionRow | { session: number; filter: string }): void {
    const key = `${row.session} ${row.filter}`;
    if (!this.#subscriptions.has(key)) this.bytes += ROW_BYTES + row.filter.length;
    this.#subscriptions.set(key, row);
  }

  /** Should an id be used again, what its former owner left must not become the new one's. */
  #beforeRowOf(session: number): void {
    if (this.#toDrop.size > 0 && this.#toDrop.has(session)) this.#dropRows();
  }

  #dropRows(): void {
    if (this.#toDrop.size === 0) return;
    for (const [key, row] of this.#subscriptions) {
      if (!this.#toDrop.has(row.session)) continue;
      this.#subscriptions.delete(key);
      this.bytes -= ROW_BYTES + row.filter.length;
    }
    for (const [order, row] of this.#outgoing) {
      if (row === null || !this.#toDrop.has(row.session)) continue;
      this.#outgoing.delete(order);
      this.bytes -= ROW_BYTES;
    }
    for (const key of this.#incoming.keys()) {
      if (!this.#toDrop.has(Math.floor(key / PACKET_IDS))) continue;
      this.#incoming.delete(key);
      this.bytes -= GONE_BYTES;
    }
    this.#toDrop.clear();
  }
}

/** Of a row that is there, that is gone (null), or that this batch does not speak of. */
function costOf(row: OutgoingRow | null | undefined): number {
  if (row === undefined) return 0;
  return row === null ? GONE_BYTES : ROW_BYTES;
}

function costOfMessage(row: MessageRow | null | undefined): number {
  if (row === undefined) return 0;
  if (row === null) return GONE_BYTES;
  return ROW_BYTES + row.topic.length + row.payload.length + row.properties.length;
}

function costOfRetained(row: RetainedRow | null | undefined): number {
  if (row === undefined) return 0;
  if (row === null) return GONE_BYTES;
  return ROW_BYTES + row.topic.length + row.payload.length + row.properties.length;
}

function costOfSession(row: SessionRow | undefined): number {
  if (row === undefined) return 0;
  const will = row.will === null ? 0 : row.will.payload.length + row.will.properties.length;
  return ROW_BYTES + row.clientId.length + will;
}

function* goneOf<K>(rows: Map<K, unknown>): Generator<K> {
  for (const [key, row] of rows) if (row === null) yield key;
}

function* subscriptionsIn(
  rows: Iterable<SubscriptionRow | { session: number; filter: string }>,
): Generator<SubscriptionRow> {
  for (const row of rows) if ('options' in row) yield row;
}

function* incomingIn(rows: Map<number, number>, gone: boolean): Generator<IncomingRow> {
  for (const [key, state] of rows) {
    if ((state === GONE) === gone)
      yield { session: Math.floor(key / PACKET_IDS), packetId: key % PACKET_IDS };
  }
}
