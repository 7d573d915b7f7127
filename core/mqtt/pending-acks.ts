import type { Connection } from './connection.ts';

const FIRST_ROOM = 1_024;

/**
 * Acknowledgements that wait for the intake's commit, in order of arrival: flat columns in a ring, one entry a
 * message. Connections above their share stop reading until half of it has gone.
 */
export class PendingAcks {
  readonly #maxPerConnection: number;
  readonly #maxTotal: number;
  readonly #paused = new Set<Connection>();
  #mask = FIRST_ROOM - 1;
  #sequences = new Float64Array(FIRST_ROOM);
  #connections = new Array<Connection | null>(FIRST_ROOM).fill(null);
  /** Header byte in the upper bits, packet id in the lower 16. */
  #answers = new Uint32Array(FIRST_ROOM);
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
  push(sequence: number, connection: Connection, header: number, packetId: number): void {
    this.#last = sequence;
    if (sequence <= this.#released && connection.pendingAcks === 0) connection.sendAck(header, packetId);
    else this.#append(sequence, connection, header, packetId);
  }

  /** An answer that is ready, but must not overtake those that wait (MQTT-4.6.0-2). */
  pushBehind(connection: Connection, header: number, packetId: number): void {
    if (this.#size === 0) connection.sendAck(header, packetId);
    else this.#append(this.#last, connection, header, packetId);
  }

  /** Sends every answer up to `sequence`, in order of arrival. */
  release(sequence: number): void {
    if (sequence > this.#released) this.#released = sequence;
    while (this.#size > 0 && this.#sequences[this.#head]! <= sequence) {
      const at = this.#head;
      const connection = this.#connections[at]!;
      const answer = this.#answers[at]!;
      this.#connections[at] = null;
      this.#head = (at + 1) & this.#mask;
      this.#size--;
      connection.pendingAcks--;
      connection.sendAck(answer >>> 16, answer & 0xffff);
    }
    if (this.#paused.size > 0) this.#resume();
  }

  /** The connection is gone; its entries pass unsent. */
  forget(connection: Connection): void {
    this.#paused.delete(connection);
  }

  #append(sequence: number, connection: Connection, header: number, packetId: number): void {
    if (this.#size > this.#mask) this.#widen();
    const at = (this.#head + this.#size++) & this.#mask;
    this.#sequences[at] = sequence;
    this.#connections[at] = connection;
    this.#answers[at] = (header << 16) | packetId;
    connection.pendingAcks++;
    if (connection.pendingAcks >= this.#maxPerConnection || this.#size >= this.#maxTotal) {
      this.#paused.add(connection);
      connection.pauseForAcks();
    }
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
    for (let index = 0; index < this.#size; index++) {
      const from = (this.#head + index) & this.#mask;
      sequences[index] = this.#sequences[from]!;
      connections[index] = this.#connections[from]!;
      answers[index] = this.#answers[from]!;
    }
    this.#sequences = sequences;
    this.#connections = connections;
    this.#answers = answers;
    this.#mask = room - 1;
    this.#head = 0;
  }
}
