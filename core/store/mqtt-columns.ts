/**
 * The broker's rows as they cross a thread border: texts in lists, all bytes in one buffer, all numbers in another.
 * A clone of 10,000 small objects costs more than their commit; these cross for next to nothing.
 */
import type {
  BrokerState,
  IncomingRow,
  MessageRow,
  OutgoingRow,
  RetainedRow,
  SessionRow,
  SubscriptionRow,
} from './mqtt-types.ts';

/** Rows of one kind: `numbers` holds the same count of them for each row, `bytes` the byte strings one after another. */
export interface Columns {
  length: number;
  numbers: Float64Array<ArrayBuffer>;
  texts: (string | null)[];
  bytes: Uint8Array<ArrayBuffer>;
}

export interface BrokerColumns {
  sessions: Columns;
  subscriptions: Columns;
  messages: Columns;
  outgoing: Columns;
  incoming: Columns;
  retained: Columns;
}

const NOTHING = new Uint8Array(0);
const FIRST_NUMBERS = 64;

/** Gathers the rows of one kind. */
class Writer {
  length = 0;
  readonly #texts: (string | null)[] = [];
  readonly #pieces: Uint8Array[] = [];
  #byteLength = 0;
  #numbers = new Float64Array(FIRST_NUMBERS);
  #count = 0;

  number(value: number): void {
    if (this.#count === this.#numbers.length) {
      const wider = new Float64Array(this.#count * 2);
      wider.set(this.#numbers);
      this.#numbers = wider;
    }
    this.#numbers[this.#count++] = value;
  }

  text(value: string | null): void {
    this.#texts.push(value);
  }

  /** Its length goes to the numbers. */
  byteString(value: Uint8Array): void {
    this.number(value.length);
    if (value.length === 0) return;
    this.#pieces.push(value);
    this.#byteLength += value.length;
  }

  done(): Columns {
    const bytes = new Uint8Array(this.#byteLength);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return { length: this.length, numbers: this.#numbers.slice(0, this.#count), texts: this.#texts, bytes };
  }
}

/** Takes them apart in the same order. */
class Reader {
  readonly #columns: Columns;
  readonly #copy: boolean;
  #number = 0;
  #text = 0;
  #byte = 0;

  /** `copy`: byte strings own their bytes. Otherwise they are views, for a reader that does not keep them. */
  constructor(columns: Columns, copy: boolean) {
    this.#columns = columns;
    this.#copy = copy;
  }

  number(): number {
    return this.#columns.numbers[this.#number++]!;
  }

  text(): string | null {
    return this.#columns.texts[this.#text++]!;
  }

  byteString(): Uint8Array {
    const length = this.number();
    if (length === 0) return NOTHING;
    const from = this.#byte;
    this.#byte += length;
    const { bytes } = this.#columns;
    return this.#copy ? bytes.slice(from, from + length) : bytes.subarray(from, from + length);
  }
}

interface Shape<R> {
  write(to: Writer, row: R): void;
  read(from: Reader): R;
}

export const SESSION: Shape<SessionRow> = {
  write(to, row) {
    to.number(row.id);
    to.text(row.clientId);
    to.number(row.protocolLevel);
    to.text(row.username);
    to.number(row.expirySeconds);
    to.number(row.createdMs);
    to.number(row.leftMs);
    const { will } = row;
    to.text(will?.topic ?? null);
    if (will === null) return;
    to.byteString(will.payload);
    to.number(will.qos);
    to.number(Number(will.retain));
    to.byteString(will.properties);
    to.number(will.expirySeconds ?? -1);
    to.number(will.delaySeconds);
  },
  read(from) {
    const row: SessionRow = {
      id: from.number(),
      clientId: from.text()!,
      protocolLevel: from.number(),
      username: from.text(),
      expirySeconds: from.number(),
      createdMs: from.number(),
      leftMs: from.number(),
      will: null,
    };
    const topic = from.text();
    if (topic === null) return row;
    const payload = from.byteString();
    const qos = from.number() as 0 | 1 | 2;
    const retain = from.number() === 1;
    const properties = from.byteString();
    const expiry = from.number();
    const delaySeconds = from.number();
    const expirySeconds = expiry < 0 ? null : expiry;
    row.will = { topic, payload, qos, retain, properties, expirySeconds, delaySeconds };
    return row;
  },
};

export const SUBSCRIPTION: Shape<SubscriptionRow> = {
  write(to, row) {
    to.number(row.session);
    to.text(row.filter);
    to.number(row.options);
    to.number(row.subscriptionId);
  },
  read: (from) => ({
    session: from.number(),
    filter: from.text()!,
    options: from.number(),
    subscriptionId: from.number(),
  }),
};

export const MESSAGE: Shape<MessageRow> = {
  write(to, row) {
    to.number(row.id);
    to.text(row.topic);
    to.byteString(row.payload);
    to.byteString(row.properties);
    to.number(row.qos);
    to.number(row.expiresMs);
  },
  read: (from) => ({
    id: from.number(),
    topic: from.text()!,
    payload: from.byteString(),
    properties: from.byteString(),
    qos: from.number() as 0 | 1 | 2,
    expiresMs: from.number(),
  }),
};

export const OUTGOING: Shape<OutgoingRow> = {
  write(to, row) {
    to.number(row.order);
    to.number(row.session);
    to.number(row.message);
    to.number(row.qos);
    to.number(row.state);
    to.number(row.packetId);
    to.number(row.flags);
    const ids = row.subscriptionIds;
    to.number(ids === null ? 0 : 1);
    if (ids !== null) to.text(ids.join());
  },
  read: (from) => ({
    order: from.number(),
    session: from.number(),
    message: from.number(),
    qos: from.number() as 0 | 1 | 2,
    state: from.number(),
    packetId: from.number(),
    flags: from.number(),
    subscriptionIds: from.number() === 0 ? null : numbersOf(from.text()!),
  }),
};

export const INCOMING: Shape<IncomingRow> = {
  write(to, row) {
    to.number(row.session);
    to.number(row.packetId);
  },
  read: (from) => ({ session: from.number(), packetId: from.number() }),
};

export const RETAINED: Shape<RetainedRow> = {
  write(to, row) {
    to.text(row.topic);
    to.byteString(row.payload);
    to.byteString(row.properties);
    to.number(row.qos);
    to.number(row.expiresMs);
    to.text(row.client);
    to.number(row.receivedMs);
  },
  read: (from) => ({
    topic: from.text()!,
    payload: from.byteString(),
    properties: from.byteString(),
    qos: from.number() as 0 | 1 | 2,
    expiresMs: from.number(),
    client: from.text(),
    receivedMs: from.number(),
  }),
};

/** Decimal numbers with commas between. */
export function numbersOf(text: string): number[] {
  return text === '' ? [] : text.split(',').map(Number);
}

/** `rows` that are null are left out. */
export function columnsOf<R>(shape: Shape<R>, rows: Iterable<R | null>): Columns {
  const to = new Writer();
  for (const row of rows) {
    if (row === null) continue;
    shape.write(to, row);
    to.length++;
  }
  return to.done();
}

/** Rows whose bytes are their own. */
export function rowsOf<R>(shape: Shape<R>, columns: Columns): R[] {
  const from = new Reader(columns, true);
  return Array.from({ length: columns.length }, () => shape.read(from));
}

/** One row after the other; its bytes are views into the columns. */
export function* eachOf<R>(shape: Shape<R>, columns: Columns): Generator<R> {
  const from = new Reader(columns, false);
  for (let i = 0; i < columns.length; i++) yield shape.read(from);
}

export function stateToColumns(state: BrokerState): BrokerColumns {
  return {
    sessions: columnsOf(SESSION, state.sessions),
    subscriptions: columnsOf(SUBSCRIPTION, state.subscriptions),
    messages: columnsOf(MESSAGE, state.messages),
    outgoing: columnsOf(OUTGOING, state.outgoing),
    incoming: columnsOf(INCOMING, state.incoming),
    retained: columnsOf(RETAINED, state.retained),
  };
}

export function columnsToState(columns: BrokerColumns): BrokerState {
  return {
    sessions: rowsOf(SESSION, columns.sessions),
    subscriptions: rowsOf(SUBSCRIPTION, columns.subscriptions),
    messages: rowsOf(MESSAGE, columns.messages),
    outgoing: rowsOf(OUTGOING, columns.outgoing),
    incoming: rowsOf(INCOMING, columns.incoming),
    retained: rowsOf(RETAINED, columns.retained),
  };
}

/** What can be handed over instead of copied. */
export function buffersOf(columns: BrokerColumns): ArrayBuffer[] {
  const { sessions, subscriptions, messages, outgoing, incoming, retained } = columns;
  return [sessions, subscriptions, messages, outgoing, incoming, retained]
    .flatMap(({ numbers, bytes }) => [numbers.buffer, bytes.buffer])
    .filter((buffer) => buffer.byteLength > 0);
}
