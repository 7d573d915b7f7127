import type { Buffer } from 'node:buffer';
import { PUBLISH } from './codec/packet.ts';
import type { Connection } from './connection.ts';

const FIRST_ROOM = 1_024;

/** Header of an entry that is an outgoing message of the connection's session. */
const HELD_MESSAGE = PUBLISH << 4;
/** Header of an entry whose packet lies beside it. */
const PACKET = 0;

/**
 * What may leave only after a commit, in order of arrival: flat columns in a ring, one entry a packet. Mostly
 * acknowledgements, which are counted per connection: those above their share stop reading until half of it has
 * gone. Longer packets and outgoing messages are bounded elsewhere (one SUBSCRIBE each, the window).
 */
export class PendingAcks {
  readonly #maxPerConnection: number;
  readonly #maxTotal: number;
  readonly #paused = new Set<Connection>();
  #mask = FIRST_ROOM - 1;
  #sequences = new Float64Array(FIRST_ROOM);
  #connections = new Array<Connection | null>(FIRST_ROOM).fill(null);
  /** Header byte, reason code, packet id: 8, 8 and 16 bits. */
  #answers = new Uint32Array(FIRST_ROOM);
  #packets = new Array<Buffer | null>(FIRST_ROOM).fill(null);
  #head = 0;
  #size = 0;
  #last = 0;
  #released = -Infinity;

  constructor(maxPerConnection: number, maxTotal: number) {
    this.#maxPerConnection = maxPerConnection;
    this.#maxTotal = maxTotal;
  }

  get size(): number {
    return this.#size;
  }

  /** Holds the answer back until `sequence` is released; sends it at once when that has happened already. */
  push(sequence: number, connection: Connection, header: number, packetId: number, reasonCode: number): void {
    const at = this.#enter(sequence, connection);
    if (at < 0) connection.sendAck(header, packetId, reasonCode);
    else this.#answers[at] = (header << 24) | (reasonCode << 16) | packetId;
  }

  /** An answer that is ready, but must not overtake those that wait (MQTT-4.6.0-2). */
  pushBehind(connection: Connection, header: number, packetId: number, reasonCode: number): void {
    // Also behind those of a connection before: a repeated message may wait there.
    if (this.#size === 0) connection.sendAck(header, packetId, reasonCode);
    else this.push(this.#last, connection, header, packetId, reasonCode);
  }

  /** Holds a whole packet back, in its order among the acknowledgements. */
  pushPacket(sequence: number, connection: Connection, packet: Buffer): void {
    const at = this.#enter(sequence, connection);
    if (at < 0) connection.send(packet);
    else {
      this.#answers[at] = PACKET;
      this.#packets[at] = packet;
    }
  }

  /** Calls `Session.sendHeld(packetId)` when its row is committed. False when that is so already. */
  pushMessage(sequence: number, connection: Connection, packetId: number): boolean {
    if (sequence > this.#last) this.#last = sequence;
    if (sequence <= this.#released) return false;
    const at = this.#append(sequence, connection);
    this.#answers[at] = ((HELD_MESSAGE << 24) | packetId) >>> 0;
    return true;
  }

  /** Sends everything up to `sequence`, in order of arrival. */
  release(sequence: number): void {
    if (sequence > this.#released) this.#released = sequence;
    while (this.#size > 0 && this.#sequences[this.#head]! <= sequence) {
      const at = this.#head;
      const connection = this.#connections[at]!;
      const answer = this.#answers[at]!;
      const header = answer >>> 24;
      this.#connections[at] = null;
      this.#head = (at + 1) & this.#mask;
      this.#size--;
      if (header === HELD_MESSAGE) {
        const { session } = connection;
        if (session !== null && session.connection === connection) session.sendHeld(answer & 0xffff);
        continue;
      }
      connection.pendingAcks--;
      if (header !== PACKET) connection.sendAck(header, answer & 0xffff, (answer >>> 16) & 0xff);
      else {
        connection.send(this.#packets[at]!);
        this.#packets[at] = null;
      }
    }
    if (this.#paused.size > 0) this.#resume();
  }

  /** The connection is gone; its entries pass unsent. */
  forget(connection: Connection): void {
    this.#paused.delete(connection);
  }

  /** Place of a new entry, or -1 when it need not wait. */
  #enter(sequence: number, connection: Connection): number {
    if (sequence <= this.#released && connection.pendingAcks === 0) {
      if (sequence > this.#last) this.#last = sequence;
      return -1;
    }
    const at = this.#append(sequence, connection);
    connection.pendingAcks++;
    if (connection.pendingAcks >= this.#maxPerConnection || this.#size >= this.#maxTotal) {
      this.#paused.add(connection);
      connection.pauseForAcks();
    }
    return at;
  }

  #append(sequence: number, connection: Connection): number {
    if (this.#size > this.#mask) this.#widen();
    const at = (this.#head + this.#size++) & this.#mask;
    // Entries are in order of their sequences: one that fell would keep those behind it waiting for nothing.
    this.#last = Math.max(this.#last, sequence);
    this.#sequences[at] = this.#last;
    this.#connections[at] = connection;
    return at;
  }

  #resume(): void {
    if (this.#size > this.#maxTotal / 2) return;
    for (const connection of [...this.#paused]) {
      if (connection.pendingAcks > this.#maxPerConnection / 2) continue;
      this.#paused.delete(connection);
      connection.resumeAfterAcks();
    }
  }

  #widen(): void {
    const room = (this.#mask + 1) * 2;
    const sequences = new Float64Array(room);
    const connections = new Array<Connection | null>(room).fill(null);
    const answers = new Uint32Array(room);
    const packets = new Array<Buffer | null>(room).fill(null);
    for (let index = 0; index < this.#size; index++) {
      const from = (this.#head + index) & this.#mask;
      sequences[index] = this.#sequences[from]!;
      connections[index] = this.#connections[from]!;
      answers[index] = this.#answers[from]!;
      packets[index] = this.#packets[from]!;
    }
    this.#sequences = sequences;
    this.#connections = connections;
    this.#answers = answers;
    this.#packets = packets;
    this.#mask = room - 1;
    this.#head = 0;
  }
}
