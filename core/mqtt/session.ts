import type { Connection } from './connection.ts';
import { AWAIT_PUBACK, AWAIT_PUBCOMP, AWAIT_PUBREC, Inflight } from './inflight.ts';
import { type KeptBytes, MessageQueue, type QueueLimits } from './message-queue.ts';
import type { PacketIdSet } from './packet-id-set.ts';
import type { PublishFrame } from './publish-frame.ts';
import type { RetainedMessage } from './retained.ts';
import type { BrokerCounters, ClientView, Qos } from './types.ts';

export const RETAIN_FLAG = 1;
export const DUP_FLAG = 8;

/** Retained messages that may wait for one client; more come from subscribing to everything again and again. */
const MAX_RETAINED_WAITING = 250_000;

let serials = 0;

/**
 * What the broker holds for one client id (MQTT 3.1.1 §3.1.2.4), with or without a connection: subscriptions,
 * messages under way, messages that wait. Most clients only publish, so the outbound parts are made on first use.
 */
export class Session {
  readonly serial = ++serials;
  readonly clientId: string;
  readonly clean: boolean;
  readonly subscriptions = new Map<string, Qos>();
  /** Inbound QoS 2 messages that were taken in and are not released (PUBREL). */
  received: PacketIdSet | null = null;
  connection: Connection | null = null;
  readonly #window: number;
  readonly #queueLimits: QueueLimits;
  readonly #kept: KeptBytes;
  readonly #counters: BrokerCounters;
  #inflight: Inflight | null = null;
  #queue: MessageQueue | null = null;
  #retained: { message: RetainedMessage; qos: Qos }[] | null = null;
  #retainedNext = 0;
  #ended = false;
  #lastId = 0;
  #view: Pick<ClientView, 'protocolLevel' | 'address' | 'keepAliveSeconds' | 'connectedMs'> | null = null;

  constructor(
    clientId: string,
    clean: boolean,
    window: number,
    queue: QueueLimits,
    kept: KeptBytes,
    counters: BrokerCounters,
  ) {
    this.clientId = clientId;
    this.clean = clean;
    this.#window = window;
    this.#queueLimits = queue;
    this.#kept = kept;
    this.#counters = counters;
  }

  /** Whether something waits for room on the connection. */
  get hasWaiting(): boolean {
    return this.#retained !== null || (this.#queue !== null && this.#queue.size > 0);
  }

  attach(connection: Connection, keepAliveSeconds: number, connectedMs: number): void {
    this.connection = connection;
    const { protocolLevel } = connection;
    this.#view = { protocolLevel, address: connection.sink.address, keepAliveSeconds, connectedMs };
  }

  view(): ClientView {
    return {
      clientId: this.clientId,
      connected: this.connection !== null,
      protocolLevel: 4,
      address: '',
      keepAliveSeconds: 0,
      connectedMs: 0,
      ...this.#view,
      cleanSession: this.clean,
      subscriptions: this.subscriptions.size,
      inFlight: this.#inflight?.count ?? 0,
      queued:
        (this.#queue?.size ?? 0) + (this.#retained === null ? 0 : this.#retained.length - this.#retainedNext),
    };
  }

  /** A new message, at the QoS of its delivery. QoS 0 is for clients that are there and read. */
  deliver(frame: PublishFrame, qos: Qos): void {
    const { connection } = this;
    if (qos === 0) {
      if (connection === null) return;
      if (connection.makeRoom()) connection.sendPublish(frame, 0, 0, 0);
      else this.#counters.droppedOut++;
      return;
    }
    const queueIsEmpty = this.#queue === null || this.#queue.size === 0;
    const sends = connection !== null && queueIsEmpty && this.#hasWindow() && connection.makeRoom();
    const refused = !sends && this.#queue?.refuses(frame.size) === true;
    if (refused || (!(sends && this.clean) && !this.#kept.hasRoomFor(frame))) {
      this.#counters.droppedOut++;
      return;
    }
    // To make room, this very session may have been given up.
    if (this.#ended) return;
    if (sends) {
      this.#send(connection, frame, qos, 0);
      return;
    }
    this.#queue ??= new MessageQueue(this.#queueLimits, this.#kept);
    this.#counters.droppedOut += this.#queue.push(frame.keep(), qos);
  }

  /** The session is over: what it kept is given up, and nothing is taken any more. */
  end(): void {
    this.#ended = true;
    this.#inflight?.clear();
    while (this.#queue !== null && this.#queue.size > 0) this.#queue.shift();
    this.#retained = null;
  }

  /** Retained messages for a new subscription; `pump` sends them, the newest of each topic at that moment. */
  addRetained(messages: RetainedMessage[], qos: Qos): void {
    if (messages.length === 0) return;
    this.#retained ??= [];
    for (const message of messages) {
      if (this.#retained.length >= MAX_RETAINED_WAITING) this.#counters.droppedOut++;
      else this.#retained.push({ message, qos });
    }
  }

  /** Sends what waits, as far as window and connection have room: retained messages first, they are older. */
  pump(): void {
    const { connection } = this;
    if (connection === null) return;
    if (this.#retained !== null && !this.#pumpRetained(connection)) return;
    const queue = this.#queue;
    if (queue === null) return;
    while (queue.size > 0 && this.#hasWindow() && connection.makeRoom()) {
      const qos = queue.nextQos as Qos;
      this.#send(connection, queue.shift(), qos, 0);
    }
  }

  /** Sends everything unacknowledged again, in its order, with DUP (MQTT-4.4.0-1, MQTT-3.3.1-1). */
  redeliver(): void {
    const { connection } = this;
    if (connection === null || this.#inflight === null) return;
    this.#inflight.forEach((id, state, flags, frame) => {
      if (state === AWAIT_PUBCOMP) connection.sendPubrel(id);
      else connection.sendPublish(frame!, state === AWAIT_PUBACK ? 1 : 2, id, flags | DUP_FLAG);
    });
  }

  /** PUBACK. False when the id belongs to a QoS 2 exchange; an unknown id is a late answer and no matter. */
  onPuback(id: number): boolean {
    return this.#finish(id, AWAIT_PUBACK);
  }

  /** PUBREC: whatever we know of the id, PUBREL ends the client's half of the exchange. False as above. */
  onPubrec(id: number): boolean {
    const state = this.#inflight?.state(id) ?? 0;
    if (state === AWAIT_PUBACK) return false;
    if (state === AWAIT_PUBREC) this.#inflight!.received(id);
    this.connection!.sendPubrel(id);
    return true;
  }

  /** PUBCOMP. False when PUBREC has not come yet. */
  onPubcomp(id: number): boolean {
    return this.#finish(id, AWAIT_PUBCOMP);
  }

  #finish(id: number, wanted: number): boolean {
    const inflight = this.#inflight;
    if (inflight === null) return true;
    const state = inflight.state(id);
    if (state === 0) return true;
    if (state !== wanted) return false;
    inflight.finish(id);
    if (this.hasWaiting) this.pump();
    return true;
  }

  #hasWindow(): boolean {
    return this.#inflight === null || this.#inflight.hasRoom;
  }

  #send(connection: Connection, frame: PublishFrame, qos: Qos, flags: number): void {
    const inflight = (this.#inflight ??= new Inflight(this.#window, this.#kept));
    const id = this.#nextId(inflight);
    // A clean session ends with its connection: nothing of it is ever sent again, so nothing is kept.
    inflight.add(id, qos === 1 ? AWAIT_PUBACK : AWAIT_PUBREC, flags, this.clean ? null : frame.keep());
    connection.sendPublish(frame, qos, id, flags);
  }

  /** Next free packet id, 1 to 65,535 (MQTT-2.3.1-4). The window is smaller, so there always is one. */
  #nextId(inflight: Inflight): number {
    do this.#lastId = this.#lastId === 65_535 ? 1 : this.#lastId + 1;
    while (inflight.state(this.#lastId) !== 0);
    return this.#lastId;
  }

  /** False while retained messages are left. */
  #pumpRetained(connection: Connection): boolean {
    const waiting = this.#retained!;
    while (this.#retainedNext < waiting.length) {
      const { message, qos } = waiting[this.#retainedNext]!;
      const { frame } = message;
      if (frame !== null) {
        const lower = qos < frame.qos ? qos : frame.qos;
        if (!connection.makeRoom() || (lower > 0 && !this.#hasWindow())) return false;
        if (lower === 0) connection.sendPublish(frame, 0, 0, RETAIN_FLAG);
        else this.#send(connection, frame, lower, RETAIN_FLAG);
      }
      this.#retainedNext++;
    }
    this.#retained = null;
    this.#retainedNext = 0;
    return true;
  }
}
