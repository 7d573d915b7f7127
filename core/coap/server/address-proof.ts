import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { isLoopback } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { CoapTransport } from '../carrier.ts';

/** An answer up to this size does no harm whatever the request's size (RFC 9175 §2.4 item 3). */
export const SAFE_ANSWER_BYTES = 136;

const TIME_BYTES = 4;
const MAC_BYTES = 8;

export interface ProofLimits {
  amplification: number;
  echoMs: number;
  verifiedPeers: number;
  verifiedMs: number;
}

/**
 * Whether a UDP peer is where its datagrams say it is (RFC 9175 §2.4). A peer proves it by returning an Echo value that
 * was sent to its address: the time and a MAC over time and address, so that nothing is kept for those who only ask.
 */
export class AddressProof {
  readonly #clock: Clock;
  readonly #limits: ProofLimits;
  readonly #key: Uint8Array;
  // The order is that of proving: the first is the one to be forgotten.
  readonly #verified = new Map<string, number>();

  /** `key` is secret and lives as long as this object; 32 bytes. */
  constructor(clock: Clock, limits: ProofLimits, key: Uint8Array) {
    this.#clock = clock;
    this.#limits = limits;
    this.#key = key;
  }

  get size(): number {
    return this.#verified.size;
  }

  /** Handshakes of the other transports have proved the address; loopback addresses cannot be forged from elsewhere. */
  isProved(transport: CoapTransport, from: PeerAddress): boolean {
    if (transport !== 'udp' || this.#limits.amplification === Infinity || isLoopback(from)) return true;
    const expiresMs = this.#verified.get(from.address);
    return expiresMs !== undefined && expiresMs > this.#clock.monotonic();
  }

  /** The largest answer to a request of that size while the address is not proved. */
  allowance(requestBytes: number): number {
    return Math.max(SAFE_ANSWER_BYTES, requestBytes * this.#limits.amplification);
  }

  /** A value to send as Echo to that address. */
  challenge(to: PeerAddress): Uint8Array {
    const value = new Uint8Array(TIME_BYTES + MAC_BYTES);
    new DataView(value.buffer).setUint32(0, this.#seconds());
    value.set(this.#mac(value.subarray(0, TIME_BYTES), to), TIME_BYTES);
    return value;
  }

  /** True, and remembered for a while, when that value was sent to that address not long ago. */
  prove(from: PeerAddress, echo: Uint8Array): boolean {
    if (echo.length !== TIME_BYTES + MAC_BYTES) return false;
    const time = echo.subarray(0, TIME_BYTES);
    if (!timingSafeEqual(echo.subarray(TIME_BYTES), this.#mac(time, from))) return false;
    const ageMs = (this.#seconds() - new DataView(echo.buffer, echo.byteOffset).getUint32(0)) * 1_000;
    if (ageMs < 0 || ageMs > this.#limits.echoMs) return false;
    this.#verified.delete(from.address);
    if (this.#verified.size >= this.#limits.verifiedPeers) this.#forgetOldest();
    this.#verified.set(from.address, this.#clock.monotonic() + this.#limits.verifiedMs);
    return true;
  }

  clear(): void {
    this.#verified.clear();
  }

  #seconds(): number {
    return Math.floor(this.#clock.monotonic() / 1_000) >>> 0;
  }

  #mac(time: Uint8Array, address: PeerAddress): Uint8Array {
    const mac = createHmac('sha256', this.#key).update(time).update(address.address).digest();
    return new Uint8Array(mac.subarray(0, MAC_BYTES));
  }

  #forgetOldest(): void {
    for (const address of this.#verified.keys()) {
      this.#verified.delete(address);
      return;
    }
  }
}
