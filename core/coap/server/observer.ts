import type { Clock } from '../../base/clock.ts';
import { codeOf } from '../../base/errors.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { Carrier, Outgoing, Sending } from '../carrier.ts';
import { CONTENT } from '../codec/codes.ts';
import { OBSERVE, encodeUint } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { Deadline } from '../deadline.ts';
import type { TokenOwner } from '../messages/peer.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';
import type { ServedAnswer } from './resource.ts';
import type { Served } from './served.ts';
import type { ServerAnswer } from './types.ts';

/** One state of the resource, ready to be sent. */
export interface Notification {
  answer: ServerAnswer;
  /** 4.xx, 5.xx, or the resource is gone: the observation ends with it (RFC 7641 §4.2). */
  last: boolean;
  /** How long it is fresh: at its end it is sent anew, so that the client need not ask (§4.3.1). */
  maxAgeSeconds: number;
  /** The resource wants every notification confirmed. */
  confirmable: boolean;
}

export interface ObserverContext {
  clock: Clock;
  wheel: TimerWheel;
  limits: ServerLimits;
  counters: ServerCounters;
  /** Asks the resource again. Calls `done` once, perhaps at once; with undefined when it cannot be asked now. */
  produce(observer: Observer, done: (notification: Notification | undefined) => void): void;
  /** 24 bits, larger for each later call (RFC 7641 §4.4). */
  nextSequence(): number;
  /** It is over: forget it. */
  ended(observer: Observer): void;
}

/** Refreshing a resource that is stale so soon would be polling by the server. */
const LEAST_REFRESH_MS = 10_000;
/** When the transport has no room. */
const BUSY_RETRY_MS = 1_000;
const UNREACHABLE_IN_A_ROW = 3;
const NO_BYTES = new Uint8Array(0);

/**
 * One observation (RFC 7641 §4): at most one notification on its way, the newest state when its turn comes, no faster
 * than the peer can take it.
 */
export class Observer {
  readonly key: string;
  readonly peerKey: string;
  readonly path: string;
  readonly token: Uint8Array;
  /** The request that is made anew for each notification. */
  readonly served: Served;
  readonly #context: ObserverContext;
  readonly #carrier: Carrier;
  readonly #due: Deadline;
  #owned: { token: Uint8Array; owner: TokenOwner } | undefined;
  #registering = true;
  #over = false;
  #making = false;
  #dirty = false;
  #sending: Sending | undefined;
  #sendingConfirmable = false;
  #rttMs: number | undefined;
  #lastSentMs = 0;
  #lastConfirmedMs = -Infinity;
  #sinceConfirmed = 0;
  /** The resource wants it so; known from its last notification. */
  #confirmsAll = false;
  #unreachable = 0;
  /** Null where it has none, undefined until there was a representation. */
  #contentFormat: number | null | undefined;

  constructor(
    context: ObserverContext,
    of: { key: string; path: string; token: Uint8Array; served: Served; carrier: Carrier },
  ) {
    this.#context = context;
    this.key = of.key;
    this.peerKey = of.served.peerKey;
    this.path = of.path;
    this.token = of.token.slice();
    this.served = of.served;
    this.#carrier = of.carrier;
    this.#due = new Deadline(context.wheel, () => this.#onDue());
    if (of.carrier.transport !== 'udp') this.#watchConnection();
  }

  get carrier(): Carrier {
    return this.#carrier;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Empty over reliable transports, where the order is given (RFC 8323 §7.1). */
  observeValue(): Uint8Array {
    return this.#carrier.reliable ? NO_BYTES : encodeUint(this.#context.nextSequence());
  }

  /** False for a representation of another Content-Format than the first one, which no notification may have (§4.2). */
  keepsFormat({ code, contentFormat }: Pick<ServedAnswer, 'code' | 'contentFormat'>): boolean {
    if (code !== CONTENT) return true;
    const format = contentFormat ?? null;
    if (this.#contentFormat === undefined) this.#contentFormat = format;
    return this.#contentFormat === format;
  }

  /** The answer to the registration went out; what changed meanwhile is told now. */
  registered(maxAgeSeconds: number): void {
    this.#registering = false;
    this.#lastSentMs = this.#context.clock.monotonic();
    this.#lastConfirmedMs = this.#lastSentMs;
    if (this.#dirty) this.poke();
    else this.#refreshAfter(maxAgeSeconds);
  }

  /** The resource has another state. */
  poke(): void {
    if (this.#over) return;
    if (this.#registering || this.#making || this.#isHeld()) {
      this.#markDirty();
      return;
    }
    const waitMs = this.#waitMs();
    if (waitMs <= 0) {
      this.#make();
      return;
    }
    if (!this.#dirty) this.#due.set(waitMs);
    this.#markDirty();
  }

  /** Silently, with everything that belongs to it. May be called again. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#due.clear();
    this.#release();
    if (this.#owned !== undefined) this.#carrier.disown(this.#owned.token, this.#owned.owner);
    this.#context.ended(this);
  }

  #markDirty(): void {
    if (this.#dirty) this.#context.counters.notificationsCoalesced++;
    this.#dirty = true;
  }

  /** A message waits for its turn, or a CON for its acknowledgement: the newest state follows it (§4.5.2). */
  #isHeld(): boolean {
    const state = this.#sending?.state;
    return state === 'waiting' || (state === 'sent' && this.#sendingConfirmable);
  }

  /** One NON per round trip, one in 3 s while that is not known (§4.5.1); a CON paces itself. */
  #waitMs(): number {
    if (this.#carrier.reliable || this.#needsConfirming()) return 0;
    const gapMs = this.#rttMs ?? this.#context.limits.unknownRttMs;
    return this.#lastSentMs + gapMs - this.#context.clock.monotonic();
  }

  #needsConfirming(): boolean {
    if (this.#carrier.reliable) return false;
    const { confirmEvery, confirmAfterMs } = this.#context.limits;
    return (
      this.#confirmsAll ||
      this.#rttMs === undefined ||
      this.#sinceConfirmed + 1 >= confirmEvery ||
      this.#context.clock.monotonic() - this.#lastConfirmedMs >= confirmAfterMs
    );
  }

  #onDue(): void {
    if (this.#making || this.#isHeld()) this.#dirty = true;
    else this.#make();
  }

  #make(): void {
    this.#dirty = false;
    this.#making = true;
    this.#due.clear();
    this.#context.produce(this, (notification) => {
      this.#making = false;
      if (this.#over) return;
      if (notification === undefined) this.#retry(BUSY_RETRY_MS);
      else this.#send(notification);
    });
  }

  #send({ answer, last, maxAgeSeconds, confirmable }: Notification): void {
    const { clock, counters } = this.#context;
    const options = last ? answer.options : this.#numbered(answer);
    this.#confirmsAll = confirmable;
    const confirmed = !this.#carrier.reliable && (last || this.#needsConfirming());
    this.#release();
    let sending: Sending | undefined;
    try {
      sending = this.#carrier.send(
        { confirmable: confirmed, code: answer.code, token: this.token, options, payload: answer.payload },
        {
          sent: () => this.#onSent(sending, last),
          acknowledged: () => this.#onAcknowledged(sending),
          renew: () => this.#renew(sending),
          failed: (error) => this.#onFailed(sending, error),
        },
      );
    } catch (error) {
      this.#onRefused(error, last);
      return;
    }
    counters.notifications++;
    this.#lastSentMs = clock.monotonic();
    this.#sinceConfirmed = confirmed ? 0 : this.#sinceConfirmed + 1;
    if (confirmed) this.#lastConfirmedMs = this.#lastSentMs;
    this.#sending = sending;
    this.#sendingConfirmable = confirmed;
    if (last) {
      // The message lives on by itself; the watcher above lets go of it.
      this.#sending = undefined;
      if (this.#carrier.reliable && sending.state !== 'waiting') sending.release();
      this.end();
      return;
    }
    if (this.#dirty) this.#again();
    else this.#refreshAfter(maxAgeSeconds);
  }

  #numbered({ options }: ServerAnswer): CoapOption[] {
    const numbered = [...options, { number: OBSERVE, value: this.observeValue() }];
    return numbered.sort((a, b) => a.number - b.number);
  }

  /**
   * What is repeated says what is true now (§4.5.2); else a client whose ACK was lost, and that does not acknowledge
   * the same message twice (libcoap 4.3), would be given up. Undefined when nothing changed, when it ends with this
   * state, or when the resource takes its time.
   */
  #renew(sending: Sending | undefined): Outgoing | undefined {
    if (sending === undefined || this.#sending !== sending || !this.#dirty || this.#making) return undefined;
    const made: Notification[] = [];
    let isLate = false;
    this.#making = true;
    this.#context.produce(this, (notification) => {
      this.#making = false;
      if (notification !== undefined && !isLate) made.push(notification);
      // Perhaps it was acknowledged while the resource thought.
      if (isLate && this.#dirty && !this.#over) this.#again();
    });
    isLate = true;
    const [newest] = made;
    if (newest === undefined || newest.last || this.#over) return undefined;
    this.#dirty = false;
    this.#context.counters.notifications++;
    this.#lastConfirmedMs = this.#context.clock.monotonic();
    const { code, payload } = newest.answer;
    return { confirmable: true, code, token: this.token, options: this.#numbered(newest.answer), payload };
  }

  #onRefused(error: unknown, last: boolean): void {
    if (codeOf(error) === 'coap.busy' && !last && !this.#carrier.closed) {
      this.#retry(BUSY_RETRY_MS);
      return;
    }
    this.#context.counters.observersLost++;
    this.end();
  }

  #onSent(sending: Sending | undefined, last: boolean): void {
    if (last) {
      if (this.#carrier.reliable) sending?.release();
      return;
    }
    if (sending === undefined || this.#sending !== sending) return;
    this.#lastSentMs = this.#context.clock.monotonic();
    // Over a connection nothing more is heard of it but that the connection ends, which the observer hears anyway.
    if (this.#carrier.reliable) this.#release();
    if (this.#dirty && !this.#sendingConfirmable) this.#again();
  }

  #onAcknowledged(sending: Sending | undefined): void {
    const nowMs = this.#context.clock.monotonic();
    sending?.release();
    if (sending === undefined || this.#sending !== sending) return;
    const { firstSentMs, retransmissions } = sending;
    this.#sending = undefined;
    this.#unreachable = 0;
    // Karn: which transmission a repeated one was acknowledged for is not known.
    if (retransmissions === 0) this.#rttMs = nowMs - firstSentMs;
    else this.#rttMs = Math.max(this.#rttMs ?? 0, this.#context.limits.unknownRttMs);
    if (this.#dirty) this.#again();
  }

  #onFailed(sending: Sending | undefined, error: Error): void {
    if (sending === undefined || this.#sending !== sending) return;
    this.#sending = undefined;
    if (codeOf(error) === 'coap.unreachable' && ++this.#unreachable < UNREACHABLE_IN_A_ROW) {
      this.#retry(this.#context.limits.unknownRttMs);
      return;
    }
    this.#context.counters.observersLost++;
    this.end();
  }

  #retry(afterMs: number): void {
    this.#dirty = true;
    this.#due.set(afterMs);
  }

  /** What changed while something was on its way. */
  #again(): void {
    this.#dirty = true;
    if (this.#making || this.#isHeld()) return; // what holds it goes on with it
    const waitMs = this.#waitMs();
    if (waitMs > 0) this.#due.set(waitMs);
    else this.#make();
  }

  #refreshAfter(maxAgeSeconds: number): void {
    const freshMs = maxAgeSeconds * 1_000;
    if (freshMs < LEAST_REFRESH_MS || freshMs >= 2 ** 31) return;
    // Those that were told of one change together are not all refreshed at once.
    const spread = (this.token.at(-1) ?? 0) / 256;
    this.#due.set(freshMs * (0.9 - 0.1 * spread));
  }

  #release(): void {
    this.#sending?.release();
    this.#sending = undefined;
  }

  /** Over a connection the observation ends with it (RFC 8323 §7.3); who owns a token there is told so. */
  #watchConnection(): void {
    const owner: TokenOwner = {
      onResponse: () => {},
      onBrokenResponse: (error) => {
        if (codeOf(error) !== 'coap.closed' && codeOf(error) !== 'coap.cancelled') return;
        this.#owned = undefined;
        if (this.#over) return;
        this.#context.counters.observersLost++;
        this.end();
      },
    };
    const token = this.#carrier.freshToken();
    this.#carrier.own(token, owner);
    this.#owned = { token, owner };
  }
}
