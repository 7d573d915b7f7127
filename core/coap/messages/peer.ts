import type { PeerAddress } from '../address.ts';
import type { Carrier, Sending } from '../carrier.ts';
import type { CoapMessage } from '../codec/codec.ts';
import type { Transmission } from './transmission.ts';

/** Who waits for answers with a token. */
export interface TokenOwner {
  /** `sending` is ours that an ACK answered (piggybacked), undefined for a CON or NON response. */
  onResponse(message: CoapMessage, sending: Sending | undefined): void;
  /** The answer came but cannot be used. */
  onBrokenResponse(error: Error): void;
}

/** Ids are taken in order; one that was used less than a lifetime ago may not be used again (§4.4). */
const ID_SEGMENTS = 16;
const SEGMENT_IDS = 0x1_0000 / ID_SEGMENTS;

/** Everything that this endpoint knows of one other endpoint (address and port). */
export class Peer {
  readonly address: PeerAddress;
  /** Unique in the life of the endpoint, also across peers that were forgotten. */
  readonly number: number;
  lastUsedMs: number;
  /** Ours that the other end may still acknowledge, reset or answer, by message id. */
  readonly transmissions = new Map<number, Transmission>();
  /** Not yet sent, because NSTART are under way. */
  waiting: Transmission[] = [];
  /** How many count against NSTART now. */
  outstanding = 0;
  readonly tokens = new Map<string, TokenOwner>();
  /** Made when first asked for. */
  carrier: Carrier | undefined;
  /** No longer in the table of peers: nothing that comes in finds it. */
  forgotten = false;
  #nextId: number;
  // When each segment of the id space was last used; made when the ids have gone round once.
  #usedMs: Float64Array | undefined;

  constructor(address: PeerAddress, number: number, firstId: number, nowMs: number) {
    this.address = address;
    this.number = number;
    this.#nextId = firstId & 0xffff;
    this.lastUsedMs = nowMs;
  }

  get idle(): boolean {
    return this.transmissions.size === 0 && this.waiting.length === 0 && this.tokens.size === 0;
  }

  /** How long until a message id is free: 0 nearly always; more when 65,536 went out within one lifetime. */
  idWaitMs(nowMs: number, lifetimeMs: number): number {
    if (this.#usedMs === undefined || this.#nextId % SEGMENT_IDS !== 0) return 0;
    return Math.max(0, this.#usedMs[this.#nextId / SEGMENT_IDS]! + lifetimeMs - nowMs);
  }

  takeId(nowMs: number): number {
    const id = this.#nextId;
    this.#nextId = (id + 1) & 0xffff;
    this.#usedMs ??= new Float64Array(ID_SEGMENTS).fill(-Infinity);
    this.#usedMs[Math.floor(id / SEGMENT_IDS)] = nowMs;
    return id;
  }
}

export function tokenKey(token: Uint8Array): string {
  return Buffer.from(token.buffer, token.byteOffset, token.length).toString('latin1');
}
