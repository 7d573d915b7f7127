import type { Clock } from '../../base/clock.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { CON } from '../codec/codes.ts';
import { exchangeLifetimeMs, nonLifetimeMs } from '../parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from '../parameters.ts';
import type { Peer } from './peer.ts';
import { RememberedIds } from './remembered.ts';
import type { Remembered, Reply } from './remembered.ts';
import type { Wire } from './wire.ts';

export interface DuplicatesContext {
  clock: Clock;
  parameters: TransmissionParameters;
  limits: CoapLimits;
  counters: CoapCounters;
}

/** What came in before, requests and responses alike (RFC 7252 §4.5): each is handled once and answered the same. */
export class Duplicates {
  readonly #context: DuplicatesContext;
  readonly #wire: Wire;
  readonly #remembered: RememberedIds;
  readonly #conLifetimeMs: number;
  readonly #nonLifetimeMs: number;

  constructor(context: DuplicatesContext, wire: Wire) {
    const { limits, counters, parameters } = context;
    this.#context = context;
    this.#wire = wire;
    this.#conLifetimeMs = exchangeLifetimeMs(parameters);
    this.#nonLifetimeMs = nonLifetimeMs(parameters);
    this.#remembered = new RememberedIds(
      limits.remembered,
      limits.rememberedBytes,
      () => counters.droppedByLimit++,
    );
  }

  get size(): number {
    return this.#remembered.size;
  }

  /** True when it came before; what was answered then is sent again. */
  repeats(message: CoapMessage, peer: Peer, bytes: Uint8Array, print: number): boolean {
    const { clock, counters } = this.#context;
    const { messageId } = message;
    const known = this.#remembered.find(peer.number, messageId, print, clock.monotonic());
    if (known === undefined) return false;
    counters.duplicates++;
    this.#wire.saw(bytes, peer.address, 'duplicate');
    if (message.type === CON) this.#again(known.reply, messageId, peer, ++known.repeats);
    return true;
  }

  /** A new one; its answer is told to `answered`. */
  remember(message: CoapMessage, peer: Peer, print: number): Remembered {
    const lifetimeMs = message.type === CON ? this.#conLifetimeMs : this.#nonLifetimeMs;
    const expiresMs = this.#context.clock.monotonic() + lifetimeMs;
    return this.#remembered.remember(peer.number, message.messageId, print, expiresMs);
  }

  answered(message: Remembered, reply: Reply): void {
    this.#remembered.answered(message, reply);
  }

  sweep(nowMs: number): void {
    this.#remembered.sweep(nowMs);
  }

  clear(): void {
    this.#remembered.clear();
  }

  #again(reply: Reply, messageId: number, peer: Peer, repeat: number): void {
    if (reply === 'ack') this.#wire.acknowledge(peer.address, messageId, repeat);
    else if (reply === 'reset') this.#wire.reset(peer.address, messageId, repeat);
    else if (reply !== 'none') this.#wire.put(reply, peer.address, repeat);
  }
}
