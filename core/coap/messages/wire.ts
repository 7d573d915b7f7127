import type { Clock } from '../../base/clock.ts';
import type { PeerAddress } from '../address.ts';
import type { CoapTransport, WireEvent, WireTap } from '../carrier.ts';
import { encodeEmpty } from '../codec/codec.ts';
import { ACK, RST } from '../codec/codes.ts';
import type { CoapCounters } from '../parameters.ts';
import type { Datagrams } from '../transports/datagrams.ts';

export interface WireContext {
  clock: Clock;
  counters: CoapCounters;
  datagrams: Pick<Datagrams, 'send'>;
  transport: CoapTransport;
}

/** Of so many answers one is watched while none of them fails: to hear of each costs a tenth more. */
const UNWATCHED_ANSWERS = 31;

/** The last place that every message passes: counted, and shown to whoever looks. */
export class Wire {
  tap: WireTap | undefined;
  readonly #context: WireContext;
  /** How many answers may still go without anybody who hears whether the system took them. */
  #unwatched = 0;
  // An answer that cannot be sent is like one that was lost: the other end asks again.
  readonly #onLost = (): void => {
    this.#context.counters.sendErrors++;
    this.#unwatched = 0;
  };

  constructor(context: WireContext) {
    this.#context = context;
  }

  /**
   * `repeat` as in `WireEvent`. `failed` as in `Datagrams.send`, and it counts the error by itself; null tells nobody;
   * left out for an answer, whose errors are counted here, all of them after the first that is seen.
   */
  put(bytes: Uint8Array, to: PeerAddress, repeat = 0, failed?: ((error: Error) => void) | null): void {
    this.sent(bytes, to, repeat);
    const { datagrams } = this.#context;
    if (failed === null) datagrams.send(bytes, to);
    else if (failed !== undefined) datagrams.send(bytes, to, failed);
    else if (this.#unwatched > 0) {
      this.#unwatched--;
      datagrams.send(bytes, to);
    } else {
      this.#unwatched = UNWATCHED_ANSWERS;
      datagrams.send(bytes, to, this.#onLost);
    }
  }

  /** One that goes out by another way. */
  sent(bytes: Uint8Array, to: PeerAddress, repeat = 0): void {
    this.#context.counters.datagramsOut++;
    if (this.tap !== undefined) this.#show('out', bytes, to, 'ok', repeat);
  }

  acknowledge(to: PeerAddress, messageId: number, repeat = 0): void {
    this.put(encodeEmpty(ACK, messageId), to, repeat);
  }

  reset(to: PeerAddress, messageId: number, repeat = 0): void {
    this.#context.counters.resetsSent++;
    this.put(encodeEmpty(RST, messageId), to, repeat);
  }

  /** Before anything is sent because of it. */
  saw(bytes: Uint8Array, from: PeerAddress, verdict: WireEvent['verdict']): void {
    if (this.tap !== undefined) this.#show('in', bytes, from, verdict, 0);
  }

  #show(
    direction: WireEvent['direction'],
    bytes: Uint8Array,
    peer: PeerAddress,
    verdict: WireEvent['verdict'],
    repeat: number,
  ): void {
    const { transport, clock } = this.#context;
    this.tap?.({ direction, transport, peer, bytes, atMs: clock.monotonic(), repeat, verdict });
  }
}
