import type { PeerAddress } from '../address.ts';
import type { DatagramReceiver } from './datagrams.ts';

interface Held {
  bytes: Uint8Array;
  from: PeerAddress;
}

/**
 * Tells what came to a group from what came to us, where one socket hears both: the system hands a datagram to a group
 * also to the socket that listens at all addresses of that port, and Node cannot turn that off. What comes there is held
 * for two turns of the event loop; when the group's socket has the same datagram by then, it is dropped.
 */
export class GroupSieve {
  readonly #receive: DatagramReceiver;
  #held: Held[] = [];
  /** What came to groups in this turn and the one before. */
  #ofGroups: Held[] = [];
  #olderOfGroups: Held[] = [];
  #ripe: Held[] = [];
  #turning = false;
  #stopped = false;

  constructor(receive: DatagramReceiver) {
    this.#receive = receive;
  }

  /** On the socket of a group. */
  toGroup(bytes: Uint8Array, from: PeerAddress): void {
    this.#ofGroups.push({ bytes, from });
    this.#turn();
    this.#receive(bytes, from, 'group');
  }

  /** On a socket that listens at all addresses. */
  toAny(bytes: Uint8Array, from: PeerAddress): void {
    this.#held.push({ bytes, from });
    this.#turn();
  }

  stop(): void {
    this.#stopped = true;
    this.#held = this.#ripe = this.#ofGroups = this.#olderOfGroups = [];
  }

  #turn(): void {
    if (this.#turning || this.#stopped) return;
    this.#turning = true;
    setImmediate(() => this.#onTurn());
  }

  #onTurn(): void {
    this.#turning = false;
    const ripe = this.#ripe;
    this.#ripe = this.#held;
    this.#held = [];
    const ofGroups = [...this.#olderOfGroups, ...this.#ofGroups];
    this.#olderOfGroups = this.#ofGroups;
    this.#ofGroups = [];
    if (this.#ripe.length > 0 || this.#olderOfGroups.length > 0) this.#turn();
    for (const { bytes, from } of ripe) {
      if (this.#stopped) return;
      if (ofGroups.some((one) => isSame(one, bytes, from))) continue;
      this.#receive(bytes, from, 'serving');
    }
  }
}

function isSame(one: Held, bytes: Uint8Array, from: PeerAddress): boolean {
  return (
    one.from.port === from.port &&
    one.from.address === from.address &&
    one.bytes.length === bytes.length &&
    Buffer.compare(one.bytes, bytes) === 0
  );
}
