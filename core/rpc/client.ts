/** The client half of rpc, for screens and for the command line. Safe in browsers, as is all it imports. */
import { Signal } from '../base/events.ts';
import { ClientCalls } from './client-calls.ts';
import { clientClock } from './client-clock.ts';
import { ClientLink, LINK_TIMING } from './client-link.ts';
import { ClientSubscriptions } from './client-subscriptions.ts';
import type { HostFrame, WireError } from '../contract/frames.ts';
import type { ClientClock } from './client-clock.ts';
import type { LinkTiming } from './client-link.ts';
import type { AnyListener } from './client-subscriptions.ts';
import type { ClientTransport, ConnectionState, RpcClient } from './types.ts';

export interface ClientOptions {
  clock?: ClientClock;
  /** Of calls that name none. Counts from the asking, so also while the connection is lost. */
  callTimeoutMs?: number;
  timing?: Partial<LinkTiming>;
  random?: () => number;
}

export const CALL_TIMEOUT_MS = 30_000;

/**
 * Connects at once and keeps the connection: `connect` is called for every attempt. Failures of calls are
 * `CodedError`s: the host's own, or `rpc.connection_lost`, `rpc.timeout`, `rpc.cancelled`, `rpc.closed`,
 * `rpc.unsendable`. The state `refused` (wrong or missing token, other version) is final: make a new client then.
 */
export function createClient(
  connect: () => Promise<ClientTransport> | ClientTransport,
  options: ClientOptions = {},
): RpcClient {
  const clock = options.clock ?? clientClock;
  const states = new Signal<{ state: ConnectionState; reason: string }>();
  let lastId = 0;
  const nextId = (): number => ++lastId;

  const link = new ClientLink({
    connect,
    clock,
    timing: { ...LINK_TIMING, ...options.timing },
    random: options.random ?? Math.random,
    onFrame: take,
    onState: changed,
  });
  const calls = new ClientCalls(clock, options.callTimeoutMs ?? CALL_TIMEOUT_MS, nextId, (frame) =>
    link.send(frame),
  );
  const subscriptions = new ClientSubscriptions(clock, nextId, (frame) => link.send(frame));

  function take(frame: HostFrame): void {
    if (frame.kind === 'ok') calls.answer(frame.id, frame.result);
    else if (frame.kind === 'err') calls.fail(frame.id, frame.error);
    else if (frame.kind === 'snap' || frame.kind === 'delta' || frame.kind === 'end') {
      subscriptions.take(frame);
    }
  }

  function changed(state: ConnectionState, reason: string): void {
    if (state === 'open') {
      subscriptions.opened();
      calls.opened();
    } else if (state === 'lost') {
      subscriptions.lost();
      calls.lost();
    } else {
      const why = link.refusal;
      if (why !== undefined) calls.failAll(why);
      if (state === 'closed') subscriptions.clear();
      else if (why !== undefined) subscriptions.failAll(why);
    }
    states.emit({ state, reason });
    if (state === 'closed') states.clear();
  }

  link.start();

  return {
    call: (name, params, callOptions = {}) => {
      const why = link.refusal;
      const made = why === undefined ? calls.make(name, params, callOptions) : Promise.reject(why);
      // The contract says what the host answers to `name`; the host checked `params`.
      return made as Promise<never>;
    },
    subscribe: (name, params, listener, subscribeOptions = {}) => {
      const why = link.refusal;
      if (why === undefined) {
        return subscriptions.add(name, params, subscribeOptions.maxHz, listener as AnyListener);
      }
      queueMicrotask(() => listener.error?.(why));
      return () => undefined;
    },
    get state() {
      return link.state;
    },
    get role() {
      return link.role;
    },
    get clockOffsetMs() {
      return link.clockOffsetMs;
    },
    onState: (listener) => states.on(({ state, reason }) => listener(state, reason)),
    close: () => link.close(),
  };
}

/** Code and message of whatever a call failed with. */
export function failureOf(error: unknown): WireError {
  if (error instanceof Error) {
    const code = (error as Error & { code?: unknown }).code;
    return { code: typeof code === 'string' ? code : 'internal', message: error.message };
  }
  return { code: 'internal', message: String(error) };
}
