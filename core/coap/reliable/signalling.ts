import type { ReliableMessage } from './codec.ts';
import type { ReliableContext } from './context.ts';
import * as signals from './signals.ts';

const PERIOD_MS = 10_000;
const MAX_WAITING_PONGS = 16;
const MAX_HOLD_OFF_MS = 10 * 60_000;
/** A header, a token and a little more: whoever takes less cannot be answered. */
const LEAST_MESSAGE_BYTES = 16;
const NO_BYTES = new Uint8Array(0);

/** What signalling does to its connection. */
export interface SignalledConnection {
  sendSignal(message: ReliableMessage): void;
  /** Abort. */
  refuse(diagnostic: string, badCsmOption?: number): void;
  /** A CSM came. */
  greeted(): void;
  ponged(token: Uint8Array): void;
  released(): void;
  /** Nothing more is said. */
  hangUp(reason: string, detail: Record<string, unknown>): void;
  /** How many requests of the other end came so far. */
  readonly requestsCome: number;
  /** The number of the oldest one that is not answered, Infinity when all are. */
  readonly oldestUnanswered: number;
}

/** The signalling messages of the other end, and what they have said (RFC 8323 §5). */
export class Signalling {
  /** Its Max-Message-Size. */
  maxMessageBytes = signals.BASE_MESSAGE_BYTES;
  /** It has said Block-Wise-Transfer. */
  blockWise = false;
  /** How long it does not want to be called again. */
  holdOffMs = 0;
  readonly #connection: SignalledConnection;
  readonly #context: ReliableContext;
  #count = 0;
  #countedSinceMs = 0;
  #pongs: { token: Uint8Array; afterRequest: number }[] | undefined;

  constructor(connection: SignalledConnection, context: ReliableContext) {
    this.#connection = connection;
    this.#context = context;
  }

  /** Counts signalling and empty messages. False when they are so many that the connection was aborted. */
  admits(nowMs: number): boolean {
    if (nowMs - this.#countedSinceMs >= PERIOD_MS) {
      this.#countedSinceMs = nowMs;
      this.#count = 0;
    }
    if (++this.#count <= this.#context.limits.signalsPerTenSeconds) return true;
    this.#context.counters.droppedByLimit++;
    this.#connection.refuse('too many signalling messages');
    return false;
  }

  received(message: ReliableMessage): void {
    const { code, options } = message;
    const critical = signals.criticalSignalOption(options);
    if (critical !== undefined && code !== signals.ABORT) {
      const name = signals.signalName(code) ?? 'a signalling message';
      const badCsmOption = code === signals.CSM ? critical : undefined;
      this.#connection.refuse(`unknown critical option ${critical} in ${name}`, badCsmOption);
      return;
    }
    switch (code) {
      case signals.CSM:
        this.#settings(message);
        return;
      case signals.PING:
        this.#ping(message);
        return;
      case signals.PONG:
        this.#connection.ponged(message.token);
        return;
      case signals.RELEASE:
        this.#release(message);
        return;
      case signals.ABORT:
        this.#abort(message);
        return;
      default:
        this.#connection.refuse('an unknown signalling message');
    }
  }

  /** Cumulative: what a CSM does not say stays as it was (§5.3). A token means nothing, and does no harm. */
  #settings({ options }: ReliableMessage): void {
    const bytes = signals.signalUint(options, signals.MAX_MESSAGE_SIZE, 4) ?? this.maxMessageBytes;
    if (bytes < LEAST_MESSAGE_BYTES) {
      this.#connection.refuse(`no message fits into ${bytes} bytes`, signals.MAX_MESSAGE_SIZE);
      return;
    }
    this.maxMessageBytes = bytes;
    if (signals.hasSignalOption(options, signals.BLOCK_WISE_TRANSFER)) this.blockWise = true;
    this.#connection.greeted();
  }

  /** With Custody the Pong waits until all that came before is answered (§5.4.1). */
  #ping({ token, options }: ReliableMessage): void {
    const waiting = (this.#pongs ??= []);
    const custody = signals.hasSignalOption(options, signals.CUSTODY);
    if (!custody || waiting.length >= MAX_WAITING_PONGS) {
      if (custody) this.#context.counters.droppedByLimit++;
      this.#connection.sendSignal(signals.signal(signals.PONG, [], token));
      return;
    }
    // A copy: it may wait long, and must not hold what it came in.
    waiting.push({ token: token.slice(), afterRequest: this.#connection.requestsCome });
    this.answered();
  }

  /** A request of the other end was answered. */
  answered(): void {
    const pongs = this.#pongs;
    if (pongs === undefined || pongs.length === 0) return;
    const oldest = this.#connection.oldestUnanswered;
    while (pongs.length > 0 && pongs[0]!.afterRequest < oldest) {
      const custody = [{ number: signals.CUSTODY, value: NO_BYTES }];
      this.#connection.sendSignal(signals.signal(signals.PONG, custody, pongs.shift()!.token));
    }
  }

  /** An Alternative-Address is not followed: whoever answers here could send the station anywhere. */
  #release({ options, payload }: ReliableMessage): void {
    const holdOffSeconds = signals.signalUint(options, signals.HOLD_OFF, 3) ?? 0;
    this.holdOffMs = Math.min(holdOffSeconds * 1_000, MAX_HOLD_OFF_MS);
    const diagnostic = signals.diagnosticText(payload);
    if (diagnostic !== '') this.#context.log.info('a CoAP connection is released', { diagnostic });
    this.#connection.released();
  }

  #abort({ options, payload }: ReliableMessage): void {
    const diagnostic = signals.diagnosticText(payload);
    const badCsmOption = signals.signalUint(options, signals.BAD_CSM_OPTION, 2);
    this.#connection.hangUp(
      `the other end aborted it${diagnostic === '' ? '' : `: ${diagnostic}`}`,
      badCsmOption === undefined ? { diagnostic } : { diagnostic, badCsmOption },
    );
  }
}
