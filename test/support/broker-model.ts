import type { BrokerJournal } from '../../core/mqtt/journal.ts';
import type { BrokerState, OutgoingRow } from '../../core/store/mqtt-types.ts';
import { message, outgoing, retained, session, subscription } from './broker-rows.ts';
import { seededRandom } from './seeded-random.ts';

/** This session's `leftMs` is the number of the last step. */
const MARKER = 1;
const CLIENTS = 6;
const TOPICS = 30;

/**
 * A broker that does something at random in each step, the same for the same seed, and knows what a record must hold
 * after it. A second one that takes the same steps without a journal tells what a killed one should have left.
 */
export class BrokerModel {
  step = 0;
  readonly #random: (below: number) => number;
  readonly #journal: BrokerJournal | null;
  readonly #sessions = new Map([[MARKER, session(MARKER)]]);
  /** Session id of each client. */
  readonly #clients: number[] = [];
  readonly #subscriptions = new Map<string, { session: number; filter: string }>();
  readonly #users = new Map<number, number>();
  readonly #outgoing = new Map<number, OutgoingRow>();
  readonly #incoming = new Map<string, { session: number; packetId: number }>();
  readonly #retained = new Map<string, number>();
  #nextSession = MARKER + 1;
  #nextMessage = 1;
  #nextOrder = 1;

  constructor(seed: number, journal: BrokerJournal | null) {
    this.#random = seededRandom(seed);
    this.#journal = journal;
    for (let i = 0; i < CLIENTS; i++) this.#clients.push(0);
  }

  /** Before the first step to be journaled: takes the steps that are on disk already. */
  static at(step: number, seed: number, journal: BrokerJournal | null): BrokerModel {
    const silent = { on: false };
    const model = new BrokerModel(seed, journal === null ? null : gate(journal, silent));
    while (model.step < step) model.next();
    silent.on = true;
    return model;
  }

  next(): void {
    this.step++;
    for (let i = this.#random(8); i >= 0; i--) this.#act();
    const marker = session(MARKER, { leftMs: this.step });
    this.#sessions.set(MARKER, marker);
    this.#journal?.putSession(marker);
  }

  state(): BrokerState {
    const byNumber = (a: { id: number }, b: { id: number }): number => a.id - b.id;
    const bySession = (a: { session: number }, b: { session: number }): number => a.session - b.session;
    return {
      sessions: [...this.#sessions.values()].sort(byNumber),
      subscriptions: [...this.#subscriptions.values()]
        .sort((a, b) => bySession(a, b) || (a.filter < b.filter ? -1 : 1))
        .map((row) => subscription(row.session, row.filter)),
      messages: [...this.#users.keys()].sort((a, b) => a - b).map((id) => message(id)),
      outgoing: [...this.#outgoing.values()].sort((a, b) => a.order - b.order),
      incoming: [...this.#incoming.values()].sort((a, b) => bySession(a, b) || a.packetId - b.packetId),
      retained: [...this.#retained]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([topic, at]) => retained(topic, { receivedMs: at })),
    };
  }

  #act(): void {
    const client = this.#random(CLIENTS);
    const id = this.#clients[client]!;
    if (id === 0) return this.#begin(client);
    const kind = this.#random(100);
    if (kind < 35) this.#publish(id);
    else if (kind < 70) this.#acknowledge();
    else if (kind < 78) this.#subscribe(id);
    else if (kind < 88) this.#receive(id);
    else if (kind < 97) this.#retain();
    else this.#end(client, id);
  }

  #begin(client: number): void {
    const id = (this.#clients[client] = this.#nextSession++);
    this.#sessions.set(id, session(id));
    this.#journal?.putSession(session(id));
  }

  #end(client: number, id: number): void {
    this.#clients[client] = 0;
    this.#sessions.delete(id);
    this.#journal?.removeSession(id);
    for (const [key, row] of this.#subscriptions) if (row.session === id) this.#subscriptions.delete(key);
    for (const [key, row] of this.#incoming) if (row.session === id) this.#incoming.delete(key);
    for (const [order, row] of this.#outgoing) {
      if (row.session !== id) continue;
      this.#outgoing.delete(order);
      this.#letGo(row.message);
    }
  }

  #publish(id: number): void {
    const of = this.#nextMessage++;
    const receivers = [id, ...this.#clients.filter((other) => other > id)];
    this.#users.set(of, receivers.length);
    this.#journal?.addMessage(message(of));
    for (const receiver of receivers) this.#put(outgoing(this.#nextOrder++, receiver, of, { qos: 2 }));
  }

  #acknowledge(): void {
    const row = [...this.#outgoing.values()].at(this.#random(2) === 0 ? 0 : -1);
    if (row === undefined) return;
    if (row.state === 0) return this.#put({ ...row, state: 2, packetId: 1 + this.#random(65_535) });
    if (row.state === 2) {
      this.#put({ ...row, state: 3, message: 0 });
      return this.#letGo(row.message);
    }
    this.#outgoing.delete(row.order);
    this.#journal?.removeOutgoing(row.order);
  }

  #subscribe(id: number): void {
    const filter = `f/${this.#random(5)}`;
    const key = `${id} ${filter}`;
    if (this.#subscriptions.delete(key)) return this.#journal?.removeSubscription(id, filter);
    this.#subscriptions.set(key, { session: id, filter });
    this.#journal?.putSubscription(subscription(id, filter));
  }

  #receive(id: number): void {
    const packetId = 1 + this.#random(4);
    const key = `${id} ${packetId}`;
    if (this.#incoming.delete(key)) return this.#journal?.removeIncoming(id, packetId);
    this.#incoming.set(key, { session: id, packetId });
    this.#journal?.addIncoming(id, packetId);
  }

  #retain(): void {
    const topic = `r/${String(this.#random(TOPICS))}`;
    if (this.#retained.has(topic) && this.#random(3) === 0) {
      this.#retained.delete(topic);
      return this.#journal?.removeRetained(topic);
    }
    this.#retained.set(topic, this.step);
    this.#journal?.putRetained(retained(topic, { receivedMs: this.step }));
  }

  #put(row: OutgoingRow): void {
    this.#outgoing.set(row.order, row);
    this.#journal?.putOutgoing(row);
  }

  #letGo(of: number): void {
    if (of === 0) return;
    const left = this.#users.get(of)! - 1;
    this.#users.set(of, left);
    if (left > 0) return;
    this.#users.delete(of);
    this.#journal?.removeMessage(of);
  }
}

/** The journal, closed until `open.on`. */
function gate(journal: BrokerJournal, open: { on: boolean }): BrokerJournal {
  return new Proxy(journal, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown =>
        open.on ? (value as (...args: unknown[]) => unknown).apply(target, args) : 0;
    },
  });
}
