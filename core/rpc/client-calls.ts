/** The calls that a client has made and that are not answered yet. */
import { CodedError } from '../base/errors.ts';
import type { ClientFrame, WireError } from '../contract/frames.ts';
import type { ClientClock } from './client-clock.ts';

/** Below the host's limit of 64, which also counts cancelled calls until their handler has noticed. */
export const MAX_CALLS_UNDER_WAY = 32;

export interface CallOptions {
  signal?: AbortSignal;
  timeoutMs?: number;
}

interface PendingCall {
  id: number;
  method: string;
  params: unknown;
  sent: boolean;
  resolve(result: unknown): void;
  reject(error: CodedError): void;
}

export class ClientCalls {
  readonly #clock: ClientClock;
  readonly #defaultTimeoutMs: number;
  readonly #nextId: () => number;
  readonly #send: (frame: ClientFrame) => void;
  /** In the order of asking, so that the first ones not yet sent come first. */
  readonly #pending = new Map<number, PendingCall>();
  #underWay = 0;
  #open = false;

  constructor(
    clock: ClientClock,
    defaultTimeoutMs: number,
    nextId: () => number,
    send: (frame: ClientFrame) => void,
  ) {
    this.#clock = clock;
    this.#defaultTimeoutMs = defaultTimeoutMs;
    this.#nextId = nextId;
    this.#send = send;
  }

  get size(): number {
    return this.#pending.size;
  }

  make(method: string, params: unknown, options: CallOptions): Promise<unknown> {
    const { signal } = options;
    if (signal?.aborted === true) return Promise.reject(cancelled(method));
    const timeoutMs = options.timeoutMs ?? this.#defaultTimeoutMs;
    return new Promise((resolve, reject) => {
      const id = this.#nextId();
      const abort = (): void => this.#giveUp(id, cancelled(method));
      const timer = this.#clock.after(timeoutMs, () => this.#giveUp(id, timedOut(method, timeoutMs)));
      const done = (): void => {
        timer.cancel();
        signal?.removeEventListener('abort', abort);
      };
      signal?.addEventListener('abort', abort);
      this.#pending.set(id, {
        id,
        method,
        params,
        sent: false,
        resolve: (result) => (done(), resolve(result)),
        reject: (error) => (done(), reject(error)),
      });
      this.#sendWaiting();
    });
  }

  answer(id: number, result: unknown): void {
    this.#remove(id)?.resolve(result);
    this.#sendWaiting();
  }

  fail(id: number, error: WireError): void {
    const options = error.detail === undefined ? {} : { detail: error.detail };
    this.#remove(id)?.reject(new CodedError(error.code, error.message, options));
    this.#sendWaiting();
  }

  opened(): void {
    this.#open = true;
    this.#sendWaiting();
  }

  /** Fails what was sent: nobody can tell whether it was done. What still waits goes on waiting. */
  lost(): void {
    this.#open = false;
    for (const call of [...this.#pending.values()]) {
      if (call.sent) this.#remove(call.id)?.reject(connectionLost(call.method));
    }
  }

  failAll(error: CodedError): void {
    this.#open = false;
    for (const id of [...this.#pending.keys()]) this.#remove(id)?.reject(error);
  }

  #giveUp(id: number, error: CodedError): void {
    const call = this.#remove(id);
    if (call?.sent === true) this.#send({ kind: 'cancel', id });
    call?.reject(error);
    this.#sendWaiting();
  }

  #remove(id: number): PendingCall | undefined {
    const call = this.#pending.get(id);
    if (call === undefined) return undefined;
    this.#pending.delete(id);
    if (call.sent) this.#underWay--;
    return call;
  }

  #sendWaiting(): void {
    if (!this.#open || this.#pending.size === this.#underWay) return;
    for (const call of this.#pending.values()) {
      if (this.#underWay >= MAX_CALLS_UNDER_WAY) return;
      if (call.sent) continue;
      call.sent = true;
      this.#underWay++;
      this.#transmit(call);
    }
  }

  #transmit(call: PendingCall): void {
    try {
      this.#send({ kind: 'call', id: call.id, method: call.method, params: call.params });
    } catch (error) {
      const why = error instanceof CodedError ? error : unsendable(call.method, error);
      this.#remove(call.id)?.reject(why);
    }
  }
}

const cancelled = (method: string): CodedError =>
  new CodedError('rpc.cancelled', `${method} was cancelled on this side.`);

const timedOut = (method: string, timeoutMs: number): CodedError =>
  new CodedError('rpc.timeout', `${method} was not answered within ${timeoutMs / 1000} s.`);

const connectionLost = (method: string): CodedError =>
  new CodedError(
    'rpc.connection_lost',
    `The connection to the station was lost before ${method} was answered; it may have been done.`,
  );

const unsendable = (method: string, cause: unknown): CodedError =>
  new CodedError('rpc.unsendable', `The parameters of ${method} cannot be sent.`, { cause });
