import type { Clock } from '../base/clock.ts';
import type { ClientChanges } from './client-changes.ts';
import { PACKET_IDENTIFIER_NOT_FOUND } from './codec/reason-codes.ts';
import { PUBREL } from './codec/packet.ts';
import type { Connection } from './connection.ts';
import { AWAIT_PUBACK, AWAIT_PUBCOMP, AWAIT_PUBREC, COMMITTED, HELD, Inflight, UNSENT } from './inflight.ts';
import { type BrokerJournal, type OutgoingRow, QUEUED } from './journal.ts';
import type { MessageLedger } from './message-ledger.ts';
import { type KeptBytes, MessageQueue, type QueuePolicy } from './message-queue.ts';
import type { ClientLimits } from './origin.ts';
import { PacketIdSet } from './packet-id-set.ts';
import type { PendingAcks } from './pending-acks.ts';
import type { PublishFrame } from './publish-frame.ts';
import type { RetainedMessage } from './retained-tree.ts';
import { RetainedWaiting } from './retained-waiting.ts';
import { SessionDeadline } from './session-deadline.ts';
import { SessionRecord } from './session-record.ts';
import { SessionRows } from './session-rows.ts';
import type { Subscription } from './subscription.ts';
import type { BrokerCounters, Qos } from './types.ts';

export const RETAIN_FLAG = 1;
export const DUP_FLAG = 8;
const PUBREL_HEADER = (PUBREL << 4) | 2;

/** What all sessions of one broker share. */
export interface SessionParts {
  clock: Clock;
  counters: BrokerCounters;
  changes: ClientChanges;
  kept: KeptBytes;
  acks: PendingAcks;
  /** Both or none. */
  journal: BrokerJournal | null;
  ledger: MessageLedger | null;
  queuePolicy: QueuePolicy;
  inflightWindow: number;
  /** A session's `deadline` has come. */
  onDeadline: (session: Session) => void;
}

/**
 * What the broker holds for one client id (v5 §4.1), with or without a connection: subscriptions, messages under
 * way, messages that wait. Most clients only publish, so the outbound parts are made on first use. A session that
 * outlives its connection is *lasting*; with a journal, everything of it is written there as it happens.
 */
export class Session {
  /** Its id, also in the journal. */
  readonly serial: number;
  readonly clientId: string;
  readonly subscriptions = new Map<string, Subscription>();
  /** Inbound QoS 2 messages that were taken in and are not released (PUBREL). */
  received: PacketIdSet | null = null;
  connection: Connection | null = null;
  /** What is known of it beside its messages: whose it is, its expiry, its will, its last connection. */
  readonly record: SessionRecord;
  /** When it ends, or its will is published. */
  readonly deadline: SessionDeadline;
  /** See `ClientChanges`. */
  stamp = 0;
  /** Of the station itself: not shown among the clients. */
  hidden = false;
  readonly #parts: SessionParts;
  #window: number;
  #inflight: Inflight | null = null;
  #queue: MessageQueue | null = null;
  #retained: RetainedWaiting | null = null;
  #lasting = false;
  /** While it is lasting, and there is a journal. */
  #rows: SessionRows | null = null;
  #ended = false;
  #lastId = 0;

  constructor(
    serial: number,
    clientId: string,
    limits: ClientLimits,
    parts: SessionParts,
    createdMs = parts.clock.now(),
  ) {
    this.serial = serial;
    this.clientId = clientId;
    this.#parts = parts;
    this.#window = parts.inflightWindow;
    this.record = new SessionRecord(limits, createdMs);
    this.deadline = new SessionDeadline(this, parts.onDeadline);
    this.touch();
  }

  /** Whether it outlives its connection. */
  get lasting(): boolean {
    return this.#lasting;
  }

  /** Its journal, while it is lasting. */
  get journal(): BrokerJournal | null {
    return this.#rows === null ? null : this.#rows.journal;
  }

  get inflight(): Inflight | null {
    return this.#inflight;
  }

  get queue(): MessageQueue | null {
    return this.#queue;
  }

  /** Retained messages that wait to be sent. */
  get retainedWaiting(): number {
    return this.#retained?.size ?? 0;
  }

  /** Whether something waits for room on the connection. */
  get hasWaiting(): boolean {
    return (
      (this.#retained !== null && this.#retained.size > 0) ||
      (this.#queue !== null && this.#queue.size > 0) ||
      (this.#inflight !== null && this.#inflight.unsent > 0)
    );
  }

  /** A new expiry (v5 §3.1.2.11.2). With 0 the session ends with its connection, and its rows go at once. */
  setExpiry(seconds: number): void {
    this.restoreExpiry(seconds);
    if (seconds === 0) this.#leaveJournal();
    this.putRow();
  }

  /** The same for a session whose rows are as they should be. */
  restoreExpiry(seconds: number): void {
    this.record.expirySeconds = seconds;
    this.#lasting = seconds > 0;
    const { journal, ledger } = this.#parts;
    if (this.#lasting && journal !== null) this.#rows ??= new SessionRows(this.serial, journal, ledger!);
  }

  /** Writes its row as it is now: when it is lasting, or has a will to be published after a crash. */
  putRow(): void {
    const { journal } = this.#parts;
    if (journal === null) return;
    if (this.#rows !== null || this.record.will !== null) {
      journal.putSession(this.record.row(this));
      this.record.hasRow = true;
    } else if (this.record.hasRow) {
      journal.removeSession(this.serial);
      this.record.hasRow = false;
    }
  }

  /** A client is there; `receiveMaximum` is its own bound on what may be unacknowledged (v5 §3.1.2.11.3). */
  attach(connection: Connection, receiveMaximum: number): void {
    this.connection = connection;
    this.#window = Math.min(this.#parts.inflightWindow, receiveMaximum);
    this.#inflight?.restart(DUP_FLAG);
    this.touch();
  }

  detach(): void {
    this.connection = null;
    this.touch();
  }

  touch(): void {
    this.stamp = this.#parts.changes.stamp;
  }

  /** A new message, at the QoS of its delivery. `flags` has the RETAIN bit. QoS 0 is for clients that are there. */
  deliver(frame: PublishFrame, qos: Qos, flags: number, subscriptionIds: readonly number[] | null): void {
    const { connection } = this;
    if (qos === 0) {
      if (connection === null) return;
      if (connection.makeRoom()) connection.sendPublish(frame, 0, 0, flags, subscriptionIds);
      else this.#drop();
      return;
    }
    const sends =
      connection !== null &&
      (this.#queue === null || this.#queue.size === 0) &&
      this.#hasWindow() &&
      connection.makeRoom();
    if (sends && !this.#lasting) {
      this.#send(connection, frame, qos, flags, 0, subscriptionIds);
      return;
    }
    if (
      (!sends && !this.#makeQueueRoom(this.#queueOf(), frame.size)) ||
      !this.#parts.kept.hasRoomFor(frame)
    ) {
      this.#drop();
      return;
    }
    // To make room, this very session may have been given up.
    if (this.#ended) return;
    this.touch();
    const kept = this.#lasting ? frame.keep() : frame.keepBriefly();
    const order = this.#rows?.hold(kept) ?? 0;
    if (sends) {
      this.#send(connection, kept, qos, flags, order, subscriptionIds);
      return;
    }
    const queue = this.#queueOf();
    while (queue.overflows(kept.size)) {
      this.#shift(queue);
      this.#drop();
    }
    queue.push(kept, qos, flags, order, subscriptionIds);
    this.#rows?.put(order, kept, qos, QUEUED, 0, flags, subscriptionIds);
  }

  /** The row of an outgoing message is committed: it goes out, if it still has to. */
  sendHeld(packetId: number): void {
    const { connection } = this;
    const inflight = this.#inflight;
    const at = inflight?.find(packetId) ?? -1;
    if (connection === null || at < 0 || (inflight!.flagsAt(at) & HELD) === 0) return;
    inflight!.setFlags(at, (inflight!.flagsAt(at) & ~(HELD | UNSENT)) | COMMITTED);
    this.#transmit(connection, inflight!, at);
  }

  /** The session is over: what it kept is given up, and nothing is taken any more. */
  end(): void {
    this.#ended = true;
    this.record.will = null;
    this.#lasting = false;
    this.#leaveJournal();
    this.putRow();
    this.#inflight?.clear();
    while (this.#queue !== null && this.#queue.size > 0) this.#queue.shift();
    this.#retained = null;
  }

  /** Retained messages for a new subscription; `pump` sends them, the newest of each topic at that moment. */
  addRetained(
    messages: readonly RetainedMessage[],
    qos: Qos,
    subscriptionIds: readonly number[] | null,
  ): void {
    if (messages.length === 0) return;
    this.#retained ??= new RetainedWaiting();
    this.#drop(this.#retained.add(messages, qos, subscriptionIds));
  }

  /**
   * Sends what waits, as far as window and connection have room: first what the last connection left open, in its
   * order and with DUP (MQTT-4.4.0-1, MQTT-3.3.1-1), then retained messages, then the queue.
   */
  pump(): void {
    const { connection } = this;
    if (connection === null) return;
    if (this.#inflight !== null && !this.#pumpUnsent(connection, this.#inflight)) return;
    if (this.#retained !== null && !this.#pumpRetained(connection, this.#retained)) return;
    const queue = this.#queue;
    if (queue === null || queue.size === 0) return;
    this.touch();
    while (queue.size > 0) {
      const { frame } = queue;
      if (frame.expiresMs !== 0 && frame.expired(this.#parts.clock.now())) {
        this.#shift(queue);
        this.#parts.counters.expiredMessages++;
        continue;
      }
      if (!this.#hasWindow() || !connection.makeRoom()) return;
      const { qos, flags, order, subscriptionIds } = queue;
      this.#send(connection, queue.shift(), qos, flags, order, subscriptionIds);
    }
  }

  /** PUBACK. False when the id belongs to a QoS 2 exchange; an unknown id is a late answer and no matter. */
  onPuback(id: number): boolean {
    return this.#answered(id, AWAIT_PUBACK);
  }

  /** PUBREC: PUBREL ends the client's half of the exchange; a refusal ends all of it (MQTT-4.3.3-4). False as above. */
  onPubrec(id: number, reasonCode: number): boolean {
    if (reasonCode >= 0x80) return this.#answered(id, AWAIT_PUBREC);
    const inflight = this.#inflight;
    const at = inflight?.find(id) ?? -1;
    const state = at < 0 ? 0 : inflight!.stateAt(at);
    if (state === AWAIT_PUBACK) return false;
    if (state === AWAIT_PUBREC) {
      const order = inflight!.orderAt(at);
      if (order > 0) this.#rows!.received(order, inflight!.frameAt(at)!, id);
      inflight!.received(at);
    }
    this.#sendPubrel(this.connection!, id, state === 0 ? PACKET_IDENTIFIER_NOT_FOUND : 0);
    return true;
  }

  /** PUBCOMP. False when PUBREC has not come yet. */
  onPubcomp(id: number): boolean {
    return this.#answered(id, AWAIT_PUBCOMP);
  }

  /** A QoS 2 message with this id was taken in. */
  takeIn(id: number): void {
    (this.received ??= new PacketIdSet()).add(id);
    this.#rows?.journal.addIncoming(this.serial, id);
  }

  /** PUBREL came: the id is free. False when it was not taken in. */
  release(id: number): boolean {
    if (this.received?.has(id) !== true) return false;
    this.received.delete(id);
    this.#rows?.journal.removeIncoming(this.serial, id);
    return true;
  }

  /** What an earlier run of the station kept: a message under way, or one that waits. In their order. */
  restore(
    frame: PublishFrame | null,
    qos: Qos,
    state: number,
    packetId: number,
    flags: number,
    order: number,
    subscriptionIds: readonly number[] | null,
  ): void {
    if (frame !== null) frame.references++;
    if (state === QUEUED) {
      this.#queueOf().push(frame!, qos, flags, order, subscriptionIds);
      return;
    }
    this.#inflight ??= new Inflight(this.#parts.kept);
    // Whether it was sent is not known, so it is sent as if it was.
    const sent = flags | DUP_FLAG;
    this.#inflight.add(packetId, state, sent | UNSENT | COMMITTED, frame, order, subscriptionIds);
    this.#lastId = packetId;
  }

  restoreIncoming(id: number): void {
    if (this.#lasting) (this.received ??= new PacketIdSet()).add(id);
  }

  /** See `SessionRows.forEach`. */
  forEachOutgoing(visit: (row: OutgoingRow, frame: PublishFrame | null) => void): void {
    this.#rows?.forEach(this.#inflight, this.#queue, visit);
  }

  #answered(id: number, wanted: number): boolean {
    const inflight = this.#inflight;
    const at = inflight?.find(id) ?? -1;
    if (at < 0) return true;
    if (inflight!.stateAt(at) !== wanted) return false;
    this.#finish(inflight!, at);
    if (!this.hasWaiting || this.connection === null) return true;
    this.connection.madeRoom = true;
    this.pump();
    return true;
  }

  #finish(inflight: Inflight, at: number): void {
    this.#rows?.remove(inflight.orderAt(at), inflight.frameAt(at));
    inflight.finish(at);
  }

  /** Takes the message that waits longest out of the queue, and its row with it. */
  #shift(queue: MessageQueue): void {
    const { order } = queue;
    const frame = queue.shift();
    this.#rows?.remove(order, frame);
  }

  /** What nobody may get any more takes no room from what comes. False when there is none even so. */
  #makeQueueRoom(queue: MessageQueue, bytes: number): boolean {
    if (queue.refuses(bytes) || queue.overflows(bytes)) {
      const { clock, counters } = this.#parts;
      const gone = queue.dropExpired(clock.now(), (order, frame) => this.#rows?.remove(order, frame));
      counters.expiredMessages += gone;
    }
    return !queue.refuses(bytes);
  }

  #hasWindow(): boolean {
    const inflight = this.#inflight;
    return inflight === null || (inflight.count < this.#window && inflight.unsent === 0);
  }

  #queueOf(): MessageQueue {
    if (this.#queue !== null) return this.#queue;
    const { kept, queuePolicy } = this.#parts;
    return (this.#queue = new MessageQueue(this.record, queuePolicy, kept));
  }

  #send(
    connection: Connection,
    frame: PublishFrame,
    qos: Qos,
    flags: number,
    order: number,
    subscriptionIds: readonly number[] | null,
  ): void {
    const inflight = (this.#inflight ??= new Inflight(this.#parts.kept));
    const id = this.#nextId(inflight);
    const state = qos === 1 ? AWAIT_PUBACK : AWAIT_PUBREC;
    if (!this.#lasting) {
      // Nothing of a session that ends with its connection is ever sent again, so nothing is kept.
      inflight.add(id, state, flags, null);
      if (!connection.sendPublish(frame, qos, id, flags, subscriptionIds)) inflight.finish(inflight.find(id));
      return;
    }
    if (order > 0) this.#rows!.put(order, frame, qos, state, id, flags, subscriptionIds);
    inflight.add(id, state, flags | UNSENT, frame, order, subscriptionIds);
    this.#transmitNext(connection, inflight, inflight.find(id));
  }

  /** Sends the entry now, or when its row is committed: a QoS 2 message goes out under one id only (ADR 9). */
  #transmitNext(connection: Connection, inflight: Inflight, at: number): void {
    const flags = inflight.flagsAt(at);
    if (
      this.#rows !== null &&
      inflight.stateAt(at) === AWAIT_PUBREC &&
      (flags & COMMITTED) === 0 &&
      !connection.relaxed &&
      this.#parts.acks.pushMessage(this.#rows.journal.mark(true), connection, inflight.idAt(at))
    ) {
      inflight.setFlags(at, flags | HELD);
      return;
    }
    inflight.setFlags(at, flags & ~UNSENT);
    this.#transmit(connection, inflight, at);
  }

  #transmit(connection: Connection, inflight: Inflight, at: number): void {
    const qos = inflight.stateAt(at) === AWAIT_PUBACK ? 1 : 2;
    const flags = inflight.flagsAt(at) & (DUP_FLAG | RETAIN_FLAG);
    const frame = inflight.frameAt(at)!;
    const ids = inflight.subscriptionIdsAt(at);
    // MQTT-3.1.2-25: too large for this client is as good as delivered.
    if (!connection.sendPublish(frame, qos, inflight.idAt(at), flags, ids)) this.#finish(inflight, at);
  }

  /** False while some are left. */
  #pumpUnsent(connection: Connection, inflight: Inflight): boolean {
    for (let at = inflight.nextUnsent(); at >= 0; at = inflight.nextUnsent()) {
      if (inflight.stateAt(at) === AWAIT_PUBCOMP) {
        const flags = inflight.flagsAt(at);
        inflight.setFlags(at, flags & ~UNSENT);
        const id = inflight.idAt(at);
        if ((flags & COMMITTED) === 0) this.#sendPubrel(connection, id, 0);
        else connection.sendAck(PUBREL_HEADER, id, 0);
      } else {
        if (inflight.count - inflight.unsent >= this.#window || !connection.makeRoom()) return false;
        this.#transmitNext(connection, inflight, at);
      }
    }
    return true;
  }

  #sendPubrel(connection: Connection, id: number, reasonCode: number): void {
    const rows = this.#rows;
    if (rows === null || connection.relaxed) connection.sendAck(PUBREL_HEADER, id, reasonCode);
    else this.#parts.acks.push(rows.journal.mark(true), connection, PUBREL_HEADER, id, reasonCode);
  }

  /** Next free packet id, 1 to 65,535 (MQTT-2.3.1-4). The window is at most 65,535, so there always is one. */
  #nextId(inflight: Inflight): number {
    do this.#lastId = this.#lastId === 65_535 ? 1 : this.#lastId + 1;
    while (inflight.state(this.#lastId) !== 0);
    return this.#lastId;
  }

  /** False while retained messages are left. */
  #pumpRetained(connection: Connection, waiting: RetainedWaiting): boolean {
    const nowMs = this.#parts.clock.now();
    for (let { first } = waiting; first !== undefined; { first } = waiting) {
      const { message, qos, subscriptionIds } = first;
      const { frame } = message;
      if (frame !== null && !frame.expired(nowMs)) {
        const lower = qos < frame.qos ? qos : frame.qos;
        if (!connection.makeRoom() || (lower > 0 && !this.#hasWindow())) return false;
        if (lower === 0) connection.sendPublish(frame, 0, 0, RETAIN_FLAG, subscriptionIds);
        else {
          const order = this.#rows?.hold(frame) ?? 0;
          this.#send(connection, frame, lower, RETAIN_FLAG, order, subscriptionIds);
        }
      }
      waiting.shift();
    }
    return true;
  }

  #leaveJournal(): void {
    const rows = this.#rows;
    if (rows === null) return;
    this.#rows = null;
    rows.leave(this.#inflight, this.#queue);
    this.record.hasRow = false;
  }

  #drop(messages = 1): void {
    this.#parts.counters.droppedOut += messages;
    this.record.dropped += messages;
    this.touch();
  }
}
