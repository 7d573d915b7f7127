/**
 * One lasting connection to a host: connects, waits for the welcome, pings, notices a dead link, connects again.
 * Knows nothing of calls and subscriptions.
 */
import { CodedError, messageOf } from '../base/errors.ts';
import { PROTOCOL_VERSION } from '../contract/frames.ts';
import type { ClientFrame, HostFrame, WireError } from '../contract/frames.ts';
import type { Role } from '../contract/roles.ts';
import type { ClientClock } from './client-clock.ts';
import type { ClientTransport, ConnectionState } from './types.ts';

export interface LinkTiming {
  /** From the start of an attempt to the welcome. */
  connectTimeoutMs: number;
  pingIntervalMs: number;
  /** Silence after a ping that means a dead link. With the interval it stays below 10 s. */
  pongTimeoutMs: number;
  firstRetryMs: number;
  longestRetryMs: number;
}

export const LINK_TIMING: LinkTiming = {
  connectTimeoutMs: 10_000,
  pingIntervalMs: 5_000,
  pongTimeoutMs: 4_500,
  firstRetryMs: 250,
  longestRetryMs: 5_000,
};

export interface LinkOptions {
  connect: () => Promise<ClientTransport> | ClientTransport;
  clock: ClientClock;
  timing: LinkTiming;
  /** 0 <= x < 1. */
  random: () => number;
  onState: (state: ConnectionState, reason: string) => void;
  onFrame: (frame: HostFrame) => void;
}

/** Trying again cannot help against these: a person must sign in, or load the newer console. */
const FINAL_CODES = ['rpc.bad_token', 'rpc.token_needed', 'rpc.version'];

type Pending = { cancel(): void } | undefined;

export class ClientLink {
  readonly #options: LinkOptions;
  #state: ConnectionState = 'connecting';
  #role: Role | null = null;
  #clockOffsetMs = 0;
  #refusal: CodedError | undefined;
  #transport: ClientTransport | undefined;
  /** What the host said about this connection as a whole; the reason when it then closes. */
  #sessionError: WireError | undefined;
  #attempt = 0;
  #failures = 0;
  #openedMs = 0;
  #pingId = 0;
  #pingSentMs = 0;
  #retryTimer: Pending;
  #deadline: Pending;
  #pingTimer: Pending;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get role(): Role | null {
    return this.#role;
  }

  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  /** Why nothing will be sent any more, once the state is `refused` or `closed`. */
  get refusal(): CodedError | undefined {
    return this.#refusal;
  }

  start(): void {
    void this.#connect();
  }

  send(frame: ClientFrame): void {
    if (this.#state === 'open') this.#transport?.send(frame);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#refusal = new CodedError('rpc.closed', 'The connection to the station was closed on this side.');
    this.#hangUp('closed');
    this.#become('closed', 'closed');
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt;
    const { clock, timing, connect } = this.#options;
    this.#sessionError = undefined;
    this.#deadline = clock.after(timing.connectTimeoutMs, () => this.#lost('the station does not answer'));
    let transport: ClientTransport;
    try {
      transport = await connect();
    } catch (error) {
      if (attempt === this.#attempt) this.#lost(messageOf(error));
      return;
    }
    if (attempt !== this.#attempt) {
      transport.close('not needed any more');
      return;
    }
    this.#transport = transport;
    transport.onClose((reason) => {
      if (this.#transport === transport) this.#lost(reason);
    });
    transport.onFrame((frame) => {
      if (this.#transport === transport) this.#take(frame);
    });
  }

  #take(frame: HostFrame): void {
    if (this.#state === 'open') {
      // Whatever comes proves that the link lives; the answer to the ping may lie behind much data.
      this.#deadline?.cancel();
      this.#deadline = undefined;
    }
    if (frame.kind === 'welcome') this.#welcome(frame);
    else if (frame.kind === 'pong') this.#pong(frame);
    else if (frame.kind === 'err' && frame.id === 0) this.#sessionError = frame.error;
    else if (this.#state === 'open') this.#options.onFrame(frame);
  }

  #welcome(frame: HostFrame & { kind: 'welcome' }): void {
    if (this.#state === 'open') return;
    if (frame.version !== PROTOCOL_VERSION) {
      this.#refused({
        code: 'rpc.version',
        message: 'This console and its station are of different versions. Load the console anew.',
      });
      return;
    }
    const { clock } = this.#options;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#role = frame.role;
    this.#clockOffsetMs = frame.nowMs - clock.now();
    this.#openedMs = clock.monotonic();
    this.#armPing();
    this.#become('open', '');
  }

  #pong(frame: HostFrame & { kind: 'pong' }): void {
    if (frame.id !== this.#pingId) return;
    const { clock } = this.#options;
    const roundTripMs = clock.monotonic() - this.#pingSentMs;
    this.#clockOffsetMs = frame.nowMs + roundTripMs / 2 - clock.now();
  }

  #armPing(): void {
    const { clock, timing } = this.#options;
    this.#pingTimer = clock.after(timing.pingIntervalMs, () => {
      this.#pingSentMs = clock.monotonic();
      this.#armPing();
      this.#deadline ??= clock.after(timing.pongTimeoutMs, () => this.#lost('the station does not answer'));
      this.send({ kind: 'ping', id: ++this.#pingId });
    });
  }

  #lost(reason: string): void {
    const error = this.#sessionError;
    if (error !== undefined && FINAL_CODES.includes(error.code)) {
      this.#refused(error);
      return;
    }
    const { clock, timing, random } = this.#options;
    // A host that welcomes and hangs up at once must not be called four times a second for ever.
    const lasted = this.#state === 'open' && clock.monotonic() - this.#openedMs >= timing.longestRetryMs;
    this.#failures = lasted ? 0 : this.#failures;
    const fullMs = Math.min(timing.longestRetryMs, timing.firstRetryMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#hangUp(reason);
    this.#retryTimer = clock.after(fullMs * (0.5 + random() / 2), () => void this.#connect());
    this.#become('lost', error?.message ?? reason);
  }

  #refused(error: WireError): void {
    this.#refusal = new CodedError(error.code, error.message);
    this.#hangUp(error.message);
    this.#become('refused', error.message);
  }

  /** Ends the attempt or connection that is under way, with every timer. */
  #hangUp(reason: string): void {
    this.#attempt++;
    this.#retryTimer?.cancel();
    this.#deadline?.cancel();
    this.#pingTimer?.cancel();
    this.#retryTimer = this.#deadline = this.#pingTimer = undefined;
    const transport = this.#transport;
    this.#transport = undefined;
    transport?.close(reason);
  }

  #become(state: ConnectionState, reason: string): void {
    this.#state = state;
    this.#options.onState(state, reason);
  }
}
