import type { Clock } from '../../base/clock.ts';
import type { CodedError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { PeerAddress } from '../address.ts';
import type { CoapTransport, WireEvent, WireTap } from '../carrier.ts';
import type { CoapCounters } from '../parameters.ts';
import { secureRandom } from '../random.ts';
import type { CoapRandom } from '../random.ts';
import type { RequestSink } from '../server/types.ts';
import { HeldBudget } from './frame-reader.ts';

/** Bounds and times of connections (RFC 8323). What is refused or cut off is counted in `droppedByLimit`. */
export interface ReliableLimits {
  /** Our Max-Message-Size: 256 blocks of 1024 bytes (BERT, RFC 8323 §6) and what is around them. */
  maxMessageBytes: number;
  /** Of one listener, or opened by the connector. */
  connections: number;
  /** Of one listener, from one address (IPv6: from one /64). */
  connectionsPerAddress: number;
  /** In TLS, HTTP or before their CSM, of one listener. */
  newcomers: number;
  newcomersPerAddress: number;
  /** Requests of ours that are under way on one connection. More fail with `coap.busy`. */
  requestsPerConnection: number;
  /** Requests of the other end that are not answered yet. More are answered with 4.29 (RFC 8516). */
  servedPerConnection: number;
  /** Waiting to go out on one connection. More requests fail with `coap.busy`; more answers end the connection. */
  outBytes: number;
  /** While so much waits to go out, requests of the other end are not read (accepted connections only). */
  highWaterBytes: number;
  /** Parts of messages that are not whole yet, of all connections of one listener or connector. */
  unfinishedBytes: number;
  /** Signalling and empty messages in ten seconds, of one connection. */
  signalsPerTenSeconds: number;
  pingsPerConnection: number;

  /** Addresses, TCP, TLS and WebSocket together, when a connection is opened. */
  connectTimeoutMs: number;
  /** Between one address of a name and the next. */
  connectStaggerMs: number;
  /** TLS and WebSocket of one who comes in. */
  newcomerTimeoutMs: number;
  /** Until the other end's first CSM is there. */
  csmTimeoutMs: number;
  /** For a message that has begun, and one second more for each 1000 bytes of it that came. */
  messageTimeoutMs: number;
  /** How long nothing of what waits may go out before the other end is given up. */
  stallTimeoutMs: number;
  /** Without a sign of life: Ping. */
  keepAliveMs: number;
  pongTimeoutMs: number;
  /** Without a request under way or an observation: Release. */
  idleCloseMs: number;
  /** For what is under way after a Release. */
  releaseTimeoutMs: number;
  /** For the other end to read our last word. */
  lingerMs: number;
}

export const DEFAULT_RELIABLE_LIMITS: ReliableLimits = {
  maxMessageBytes: 256 * 1_024 + 1_152,
  connections: 1_000,
  connectionsPerAddress: 250,
  newcomers: 250,
  newcomersPerAddress: 50,
  requestsPerConnection: 4_096,
  servedPerConnection: 1_024,
  outBytes: 4 * 1024 * 1024,
  highWaterBytes: 128 * 1024,
  unfinishedBytes: 64 * 1024 * 1024,
  signalsPerTenSeconds: 200,
  pingsPerConnection: 16,
  connectTimeoutMs: 10_000,
  connectStaggerMs: 250,
  newcomerTimeoutMs: 10_000,
  csmTimeoutMs: 10_000,
  messageTimeoutMs: 30_000,
  stallTimeoutMs: 30_000,
  keepAliveMs: 120_000,
  pongTimeoutMs: 20_000,
  idleCloseMs: 15 * 60_000,
  releaseTimeoutMs: 10_000,
  lingerMs: 1_000,
};

/** A connector's own: connections that nobody uses cost the server more than opening them again costs us. */
export const CONNECTOR_IDLE_CLOSE_MS = 60_000;

/** What listener and connector are given. */
export interface ReliableOptions {
  clock: Clock;
  wheel: TimerWheel;
  log: Log;
  counters: CoapCounters;
  /** Requests that come in. On opened connections too: either end may ask (RFC 8323 §3.3). */
  sink: RequestSink;
  limits?: Partial<ReliableLimits>;
  random?: CoapRandom;
  /** Asked for each message: undefined while nobody looks. */
  tap?: () => WireTap | undefined;
}

/** What all connections of one listener or connector share. */
export interface ReliableContext extends Omit<ReliableOptions, 'limits' | 'random' | 'tap'> {
  limits: ReliableLimits;
  random: CoapRandom;
  tap: () => WireTap | undefined;
  held: HeldBudget;
}

export function contextOf(options: ReliableOptions, own: Partial<ReliableLimits> = {}): ReliableContext {
  const limits = { ...DEFAULT_RELIABLE_LIMITS, ...own, ...options.limits };
  return {
    clock: options.clock,
    wheel: options.wheel,
    log: options.log,
    counters: options.counters,
    sink: options.sink,
    random: options.random ?? secureRandom(),
    tap: options.tap ?? (() => undefined),
    limits,
    held: new HeldBudget(limits.unfinishedBytes),
  };
}

/** Tells whoever looks of one message. */
export function tellTap(
  context: ReliableContext,
  { transport, address: peer }: { transport: CoapTransport; address: PeerAddress },
  what: Pick<WireEvent, 'direction' | 'bytes' | 'verdict'>,
): void {
  const atMs = context.clock.monotonic();
  context.tap()?.({ ...what, transport, peer, atMs, repeat: 0 });
}

export interface ConnectionPlace {
  role: 'initiator' | 'acceptor';
  transport: CoapTransport;
  address: PeerAddress;
  /** Who the other end proved to be by TLS. */
  identity: string | null;
}

export interface ConnectionEvents {
  /** The other end's CSM is there. */
  ready(): void;
  /** Once: `coap.handshake` before `ready`, else `coap.closed`. The pipe may still be saying its last words. */
  closed(error: CodedError): void;
  /** Once, after `closed`: the pipe is gone. */
  gone?(): void;
}
