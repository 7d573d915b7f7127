import type {
  BrokerJournal,
  BrokerState,
  IncomingRow,
  MessageRow,
  OutgoingRow,
  RetainedRow,
  SessionRow,
  SubscriptionRow,
} from '../../core/mqtt/journal.ts';

/** A disk in memory: rows are there after `commit`, and gone with a crash before it. */
export class MemoryJournal implements BrokerJournal {
  accepting = true;
  #waiting: (() => void)[] = [];
  #sequence = 0;
  readonly sessions = new Map<number, SessionRow>();
  readonly subscriptions = new Map<string, SubscriptionRow>();
  readonly messages = new Map<number, MessageRow>();
  readonly outgoing = new Map<number, OutgoingRow>();
  readonly incoming = new Map<string, IncomingRow>();
  readonly retained = new Map<string, RetainedRow>();
  /** What was written, in order. */
  readonly log: string[] = [];

  constructor(state?: BrokerState) {
    if (state === undefined) return;
    for (const row of state.sessions) this.sessions.set(row.id, row);
    for (const row of state.subscriptions) this.subscriptions.set(`${row.session} ${row.filter}`, row);
    for (const row of state.messages) this.messages.set(row.id, row);
    for (const row of state.outgoing) this.outgoing.set(row.order, row);
    for (const row of state.incoming) this.incoming.set(`${row.session} ${row.packetId}`, row);
    for (const row of state.retained) this.retained.set(row.topic, row);
  }

  putSession(row: SessionRow): void {
    this.#later('putSession', () => this.sessions.set(row.id, row));
  }

  removeSession(id: number): void {
    this.#later('removeSession', () => {
      this.sessions.delete(id);
      for (const [key, row] of this.subscriptions) if (row.session === id) this.subscriptions.delete(key);
      for (const [key, row] of this.outgoing) if (row.session === id) this.outgoing.delete(key);
      for (const [key, row] of this.incoming) if (row.session === id) this.incoming.delete(key);
    });
  }

  putSubscription(row: SubscriptionRow): void {
    this.#later('putSubscription', () => this.subscriptions.set(`${row.session} ${row.filter}`, row));
  }

  removeSubscription(session: number, filter: string): void {
    this.#later('removeSubscription', () => this.subscriptions.delete(`${session} ${filter}`));
  }

  addMessage(row: MessageRow): void {
    const copy = { ...row, payload: Uint8Array.from(row.payload) };
    this.#later('addMessage', () => this.messages.set(row.id, copy));
  }

  removeMessage(id: number): void {
    this.#later('removeMessage', () => {
      if (!this.messages.delete(id)) throw new Error(`message ${id} is removed, but was not there`);
    });
  }

  putOutgoing(row: OutgoingRow): void {
    this.#later('putOutgoing', () => this.outgoing.set(row.order, row));
  }

  removeOutgoing(order: number): void {
    this.#later('removeOutgoing', () => this.outgoing.delete(order));
  }

  addIncoming(session: number, packetId: number): void {
    this.#later('addIncoming', () => this.incoming.set(`${session} ${packetId}`, { session, packetId }));
  }

  removeIncoming(session: number, packetId: number): void {
    this.#later('removeIncoming', () => this.incoming.delete(`${session} ${packetId}`));
  }

  putRetained(row: RetainedRow): void {
    this.#later('putRetained', () => this.retained.set(row.topic, row));
  }

  removeRetained(topic: string): void {
    this.#later('removeRetained', () => this.retained.delete(topic));
  }

  mark(): number {
    return this.#sequence + (this.#waiting.length > 0 ? 1 : 0);
  }

  /** Writes what waits. Returns the sequence for `Broker.release`. */
  commit(): number {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0) this.#sequence++;
    for (const step of waiting) step();
    return this.#sequence;
  }

  /** What is on the disk now, as the next run finds it. */
  state(): BrokerState {
    return structuredClone({
      sessions: [...this.sessions.values()],
      subscriptions: [...this.subscriptions.values()],
      messages: [...this.messages.values()],
      outgoing: [...this.outgoing.values()].sort((one, other) => one.order - other.order),
      incoming: [...this.incoming.values()],
      retained: [...this.retained.values()],
    });
  }

  #later(what: string, step: () => void): void {
    this.log.push(what);
    this.#waiting.push(step);
  }
}
