import { addressText } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, Sending } from '../carrier.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { RecentMap } from './recent-map.ts';
import type { Transmission } from './transmission.ts';
import { hostOf } from '../host-shares.ts';

/** Who waits for answers with a token. */
export interface TokenOwner {
  /** `sending` is ours that an ACK answered (piggybacked), undefined for a CON or NON response. */
  onResponse(message: CoapMessage, sending: Sending | undefined): void;
  /** The answer came but cannot be used. */
  onBrokenResponse(error: Error): void;
}

/** Messages that take turns (NSTART, RFC 7252 §4.7). */
export class Lane {
  /** Not yet sent, because NSTART are under way. */
  readonly waiting: Transmission[] = [];
  /** How many count against NSTART now. */
  outstanding = 0;
}

/** Ids are taken in order; one that was used less than a lifetime ago may not be used again (§4.4). */
const ID_SEGMENTS = 16;
const SEGMENT_IDS = 0x1_0000 / ID_SEGMENTS;

/** Everything that this endpoint knows of one other endpoint (address and port). */
export class Peer {
  readonly address: PeerAddress;
  /** See `hostOf`. */
  readonly host: string | undefined;
  /** Unique in the life of the endpoint, also across peers that were forgotten. */
  readonly number: number;
  lastUsedMs: number;
  /** It is there: we asked it, or it answered what only it could know. Others are strangers, maybe invented ones. */
  known = false;
  /** It became known by answering, without having been asked by us. */
  proved = false;
  /** The last message to it was not met with silence: there is a way to it. */
  heard = false;
  /** It was heard of again after it was made; a stranger that was not is the first to be forgotten. */
  returned = false;
  /** No longer in the table of peers: nothing that comes in finds it. */
  forgotten = false;
  /** Ours that the other end may still acknowledge, reset or answer, by message id. */
  readonly transmissions = new RecentMap<number, Transmission>();
  /**
   * What we ask and what we answer by ourselves (separate responses, notifications) take turns apart: a request of
   * ours that is not acknowledged must not hold up an answer that the other end waits for before it goes on.
   */
  readonly requests = new Lane();
  readonly responses = new Lane();
  /** Requests of this peer that wait for their answer. */
  serving = 0;
  readonly tokens = new RecentMap<string, TokenOwner>();
  /** Made when first asked for. */
  carrier: Carrier | undefined;
  /** As requests of it tell it to the server. */
  key: string | undefined;
  #text: string | undefined;
  #nextId: number;
  // When each segment of the id space was last used; made when the first id is taken.
  #usedMs: Float64Array | undefined;

  constructor(address: PeerAddress, number: number, firstId: number, nowMs: number) {
    this.address = address;
    this.host = hostOf(address);
    this.number = number;
    this.#nextId = firstId & 0xffff;
    this.lastUsedMs = nowMs;
  }

  get idle(): boolean {
    return (
      this.transmissions.size === 0 &&
      this.tokens.size === 0 &&
      this.serving === 0 &&
      this.requests.waiting.length === 0 &&
      this.responses.waiting.length === 0
    );
  }

  /** `10.0.0.7:5683`. */
  get text(): string {
    return (this.#text ??= addressText(this.address));
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

/** Tokens as keys: a character for each byte. */
export function tokenKey(t: Uint8Array): string {
  // Ours, and those of most others.
  if (t.length === 8) return String.fromCharCode(t[0]!, t[1]!, t[2]!, t[3]!, t[4]!, t[5]!, t[6]!, t[7]!);
  return String.fromCharCode(...t);
}
