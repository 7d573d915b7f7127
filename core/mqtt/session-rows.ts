import { AWAIT_PUBACK, AWAIT_PUBCOMP, type Inflight } from './inflight.ts';
import { type BrokerJournal, type OutgoingRow, QUEUED } from './journal.ts';
import type { MessageLedger } from './message-ledger.ts';
import type { MessageQueue } from './message-queue.ts';
import type { PublishFrame } from './publish-frame.ts';
import type { Qos } from './types.ts';

const RETAIN_FLAG = 1;

/** The rows that a lasting session has in the journal. An order of 0 means a message without a row. */
export class SessionRows {
  readonly journal: BrokerJournal;
  readonly #session: number;
  readonly #ledger: MessageLedger;

  constructor(session: number, journal: BrokerJournal, ledger: MessageLedger) {
    this.#session = session;
    this.journal = journal;
    this.#ledger = ledger;
  }

  /** The session waits for a kept frame from now on. Returns the order of its row, which `put` writes. */
  hold(frame: PublishFrame): number {
    this.#ledger.hold(frame);
    return this.#ledger.nextOrder();
  }

  put(
    order: number,
    frame: PublishFrame,
    qos: Qos,
    state: number,
    packetId: number,
    flags: number,
    subscriptionIds: readonly number[] | null,
  ): void {
    this.journal.putOutgoing({
      ...{ order, session: this.#session, message: frame.messageId },
      ...{ qos, state, packetId, flags: flags & RETAIN_FLAG, subscriptionIds },
    });
  }

  /** PUBREC came: the message is the client's, the id is still in use. */
  received(order: number, frame: PublishFrame, packetId: number): void {
    const state = AWAIT_PUBCOMP;
    this.journal.putOutgoing({
      ...{ order, session: this.#session, message: 0 },
      ...{ qos: 2, state, packetId, flags: 0, subscriptionIds: null },
    });
    this.#ledger.letGo(frame);
  }

  /** Delivered, or given up. */
  remove(order: number, frame: PublishFrame | null): void {
    if (order === 0) return;
    this.journal.removeOutgoing(order);
    if (frame !== null) this.#ledger.letGo(frame);
  }

  /** The session is over, or ends with its connection from now on: all its rows go, and what only it waited for. */
  leave(inflight: Inflight | null, queue: MessageQueue | null): void {
    inflight?.forEach((at) => {
      const frame = inflight.frameAt(at);
      if (inflight.orderAt(at) > 0 && frame !== null) this.#ledger.letGo(frame);
      inflight.setOrder(at, 0);
    });
    queue?.forEach(Infinity, (frame, _qos, _flags, order) => {
      if (order > 0) this.#ledger.letGo(frame);
    });
    queue?.forgetOrders();
    this.journal.removeSession(this.#session);
  }

  /** Every row of a message on its way, with the message where it is still needed. */
  forEach(
    inflight: Inflight | null,
    queue: MessageQueue | null,
    visit: (row: OutgoingRow, frame: PublishFrame | null) => void,
  ): void {
    const session = this.#session;
    inflight?.forEach((at) => {
      const order = inflight.orderAt(at);
      if (order === 0) return;
      const frame = inflight.frameAt(at);
      const state = inflight.stateAt(at);
      const row: OutgoingRow = {
        order,
        session,
        message: frame?.messageId ?? 0,
        qos: state === AWAIT_PUBACK ? 1 : 2,
        state,
        packetId: inflight.idAt(at),
        flags: inflight.flagsAt(at) & RETAIN_FLAG,
        subscriptionIds: inflight.subscriptionIdsAt(at),
      };
      visit(row, frame);
    });
    queue?.forEach(Infinity, (frame, qos, flags, order, subscriptionIds) => {
      if (order === 0) return;
      const message = frame.messageId;
      visit({ order, session, message, qos, state: QUEUED, packetId: 0, flags, subscriptionIds }, frame);
    });
  }
}
