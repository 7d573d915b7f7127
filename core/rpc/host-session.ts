/** One screen on one transport: its calls, its subscriptions, its limits. */
import { CodedError } from '../base/errors.ts';
import { PROTOCOL_VERSION } from '../contract/frames.ts';
import { roleAllows } from '../contract/roles.ts';
import { checkFrame, checkInput } from './host-frames.ts';
import { HostSubscription } from './host-subscription.ts';
import type { Timer } from '../base/clock.ts';
import type { HostFrame, WireError } from '../contract/frames.ts';
import type { Role } from '../contract/roles.ts';
import type { HostParts } from './host.ts';
import type { CheckedFrame } from './host-frames.ts';
import type { HostTransport } from './types.ts';

export const MAX_CALLS = 64;
export const MAX_SUBSCRIPTIONS = 256;
/** Bytes waiting in the transport above which calls are refused and further answers not sent, so that one who never reads fills nothing. */
export const BUSY_BYTES = 16 * 1024 * 1024;
/** Refusals are bytes too: a screen that collects this many while nothing drains is dropped. */
export const MAX_BUSY_ANSWERS = 1_000;

const BUSY: WireError = { code: 'rpc.busy', message: 'Too many answers wait to be read by this screen.' };

type Frame<K extends CheckedFrame['kind']> = CheckedFrame & { kind: K };

export class HostSession {
  readonly role: Role;
  readonly #parts: HostParts;
  readonly #transport: HostTransport;
  readonly #name: string;
  readonly #onEnd: () => void;
  /** Also those that were cancelled and whose handler has not returned yet. */
  readonly #calls = new Map<number, AbortController>();
  readonly #subscriptions = new Map<number, HostSubscription>();
  #ended = false;
  #busyAnswers = 0;
  #heardMs: number;
  #idleTimer: Timer | undefined;

  constructor(
    parts: HostParts,
    transport: HostTransport,
    who: { role: Role; name: string },
    onEnd: () => void,
  ) {
    this.role = who.role;
    this.#name = who.name;
    this.#parts = parts;
    this.#transport = transport;
    this.#onEnd = onEnd;
    this.#heardMs = parts.clock.monotonic();
  }

  get ended(): boolean {
    return this.#ended;
  }

  start(): void {
    this.#send({
      kind: 'welcome',
      version: PROTOCOL_VERSION,
      role: this.role,
      station: this.#parts.stationName(),
      nowMs: this.#parts.clock.now(),
    });
    this.#watchSilence();
    this.#transport.onClose((reason) => this.#end(reason));
    this.#transport.onFrame((frame) => this.#take(frame));
  }

  /** Tells the screen why, where the transport still can, and ends. */
  close(error: WireError): void {
    if (this.#ended) return;
    this.#send({ kind: 'err', id: 0, error });
    this.#end(error.message);
  }

  #end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#idleTimer?.cancel();
    for (const controller of this.#calls.values()) controller.abort();
    this.#calls.clear();
    for (const subscription of this.#subscriptions.values()) this.#closeFeed(subscription);
    this.#subscriptions.clear();
    this.#transport.close(reason);
    this.#onEnd();
  }

  #watchSilence(): void {
    const { clock, idleTimeoutMs } = this.#parts;
    const leftMs = this.#heardMs + idleTimeoutMs - clock.monotonic();
    if (leftMs <= 0) {
      this.#parts.counters.silentScreens++;
      this.close({ code: 'rpc.silent', message: 'The station heard nothing from this screen for too long.' });
      return;
    }
    this.#idleTimer = clock.after(leftMs, () => this.#watchSilence());
  }

  #take(raw: unknown): void {
    if (this.#ended) return;
    this.#heardMs = this.#parts.clock.monotonic();
    const frame = checkFrame(raw);
    if (frame === undefined) {
      this.#badFrame('it has not the shape of any frame');
      return;
    }
    switch (frame.kind) {
      case 'call':
        return this.#call(frame);
      case 'cancel':
        return this.#calls.get(frame.id)?.abort();
      case 'sub':
        return this.#subscribe(frame);
      case 'unsub':
        return this.#unsubscribe(frame.id);
      case 'ack':
        return this.#subscriptions.get(frame.id)?.ack(frame.seq);
      case 'ping':
        return this.#send({ kind: 'pong', id: frame.id, nowMs: this.#parts.clock.now() });
      case 'hello':
        return this.#badFrame('hello comes first and once');
    }
  }

  #call(frame: Frame<'call'>): void {
    const { counters, methods } = this.#parts;
    const refuse = (code: string, message: string): void =>
      this.#send({ kind: 'err', id: frame.id, error: { code, message } });
    if (this.#calls.has(frame.id)) return this.#badFrame('the number of a call was used twice');
    const method = methods.get(frame.method);
    if (method === undefined) return refuse('rpc.unknown_method', `There is no method ${frame.method}.`);
    if (!roleAllows(this.role, method.role)) {
      counters.forbidden++;
      return refuse('rpc.forbidden', `${frame.method} needs the role ${method.role}; this is ${this.role}.`);
    }
    if (this.#calls.size >= MAX_CALLS) {
      counters.tooManyCalls++;
      return refuse('rpc.too_many_calls', `At most ${MAX_CALLS} calls of a screen run at once.`);
    }
    if (this.#isBusy()) return refuse(BUSY.code, BUSY.message);
    const input = checkInput(method.schema, frame.params);
    if (!input.ok) {
      counters.badInputs++;
      return refuse('rpc.bad_input', `${frame.method}: ${input.problem}`);
    }
    counters.calls++;
    void this.#run(frame, method.handler, input.value);
  }

  async #run(
    frame: Frame<'call'>,
    handler: (params: unknown, context: { role: Role; signal: AbortSignal }) => unknown,
    params: unknown,
  ): Promise<void> {
    const controller = new AbortController();
    const { signal } = controller;
    this.#calls.set(frame.id, controller);
    let answer: HostFrame;
    try {
      answer = { kind: 'ok', id: frame.id, result: await handler(params, { role: this.role, signal }) };
    } catch (error) {
      // The handler of a cancelled call fails because it was told to: no fault, and nobody waits for it.
      answer = signal.aborted
        ? { kind: 'ok', id: frame.id, result: undefined }
        : { kind: 'err', id: frame.id, error: this.#wireError(frame.method, error) };
    }
    if (this.#ended) return;
    this.#calls.delete(frame.id);
    if (signal.aborted) return;
    // Again, because many large answers may have been asked for while nothing waited.
    if (answer.kind === 'ok' && this.#isBusy()) answer = { kind: 'err', id: frame.id, error: BUSY };
    if (!this.#ended) this.#answer(frame, answer);
  }

  #answer(frame: Frame<'call'>, answer: HostFrame): void {
    try {
      this.#transport.send(answer);
    } catch (error) {
      this.#send({ kind: 'err', id: frame.id, error: this.#wireError(frame.method, error) });
    }
  }

  #subscribe(frame: Frame<'sub'>): void {
    const { counters, subscriptions } = this.#parts;
    const refuse = (code: string, message: string): void =>
      this.#send({ kind: 'end', id: frame.id, error: { code, message } });
    if (this.#subscriptions.has(frame.id)) {
      return this.#badFrame('the number of a subscription was used twice');
    }
    const topic = subscriptions.get(frame.topic);
    if (topic === undefined) return refuse('rpc.unknown_topic', `There is no topic ${frame.topic}.`);
    if (!roleAllows(this.role, topic.role)) {
      counters.forbidden++;
      return refuse('rpc.forbidden', `${frame.topic} needs the role ${topic.role}; this is ${this.role}.`);
    }
    if (this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      counters.tooManySubscriptions++;
      return refuse('rpc.too_many_subscriptions', `A screen has at most ${MAX_SUBSCRIPTIONS} subscriptions.`);
    }
    if (this.#isBusy()) return refuse(BUSY.code, BUSY.message);
    const input = checkInput(topic.schema, frame.params);
    if (!input.ok) {
      counters.badInputs++;
      return refuse('rpc.bad_input', `${frame.topic}: ${input.problem}`);
    }
    this.#openSubscription(frame, (dirty) => topic.handler(input.value, dirty, { role: this.role }));
  }

  #openSubscription(
    frame: Frame<'sub'>,
    open: ConstructorParameters<typeof HostSubscription>[2]['open'],
  ): void {
    const fault = (error: unknown): void => {
      if (!this.#subscriptions.delete(frame.id)) return;
      this.#closeFeed(subscription);
      this.#send({ kind: 'end', id: frame.id, error: this.#wireError(frame.topic, error) });
    };
    const subscription = new HostSubscription(frame.id, frame.maxHz, {
      clock: this.#parts.clock,
      open,
      send: (out) => this.#transport.send(out),
      bufferedBytes: () => this.#transport.bufferedBytes(),
      onFault: fault,
      onFreshSnapshot: () => void this.#parts.counters.freshSnapshots++,
    });
    this.#subscriptions.set(frame.id, subscription);
    try {
      subscription.start();
    } catch (error) {
      fault(error);
    }
  }

  #unsubscribe(id: number): void {
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return;
    this.#subscriptions.delete(id);
    this.#closeFeed(subscription);
  }

  #closeFeed(subscription: HostSubscription): void {
    try {
      subscription.close();
    } catch (error) {
      this.#wireError('closing a subscription', error);
    }
  }

  #isBusy(): boolean {
    if (this.#transport.bufferedBytes() <= BUSY_BYTES) {
      this.#busyAnswers = 0;
      return false;
    }
    this.#parts.counters.busy++;
    if (++this.#busyAnswers > MAX_BUSY_ANSWERS) this.#end('this screen does not read its answers');
    return true;
  }

  #badFrame(why: string): void {
    this.#parts.counters.badFrames++;
    this.#parts.log.warn('bad frame, screen dropped', { screen: this.#name, why });
    this.close({ code: 'rpc.bad_frame', message: `The station could not take a frame: ${why}.` });
  }

  /** What a screen may know of a failure. Anything unforeseen stays in the log, under a reference. */
  #wireError(what: string, error: unknown): WireError {
    if (error instanceof CodedError) {
      const { code, message, detail } = error;
      return detail === undefined ? { code, message } : { code, message, detail };
    }
    const reference = this.#parts.newReference();
    this.#parts.counters.internalErrors++;
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#parts.log.error('failed inside', { what, reference, screen: this.#name, stack });
    return {
      code: 'internal',
      message: `Something failed inside the station. Its log tells more under the reference ${reference}.`,
      detail: { reference },
    };
  }

  #send(frame: HostFrame): void {
    if (this.#ended) return;
    try {
      this.#transport.send(frame);
    } catch (error) {
      this.#parts.log.error('a frame could not be sent', { screen: this.#name, kind: frame.kind, error });
      this.#end('the station could not send');
    }
  }
}
