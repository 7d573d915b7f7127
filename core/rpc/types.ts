/** The contract over any transport. */
import type { ClientFrame, HostFrame } from '../contract/frames.ts';
import type {
  DeltaOf,
  InputOf,
  OutputOf,
  ParamsOf,
  ParsedInputOf,
  ParsedParamsOf,
  SnapshotOf,
} from '../contract/define.ts';
import type { MethodName, Methods } from '../contract/methods.ts';
import type { SubscriptionName, Subscriptions } from '../contract/subscriptions.ts';
import type { Role } from '../contract/roles.ts';

/** One end of a connection that carries frames `Out` and receives frames `In`. */
export interface Transport<Out, In> {
  send(frame: Out): void;
  /** Called once by the owner before the first frame is handed over. */
  onFrame(listener: (frame: In) => void): void;
  /** Called once with a reason for people when the connection has ended, whoever ended it. */
  onClose(listener: (reason: string) => void): void;
  close(reason?: string): void;
  /** Bytes accepted but not yet sent, where the transport can tell; else 0. */
  bufferedBytes(): number;
}

export type HostTransport = Transport<HostFrame, ClientFrame>;
export type ClientTransport = Transport<ClientFrame, HostFrame>;

/** Who asks. */
export interface CallContext {
  role: Role;
  /** Aborted when the screen cancels the call or goes away. */
  signal: AbortSignal;
}

export type MethodHandlers = {
  [M in MethodName]: (
    params: ParsedInputOf<Methods[M]>,
    context: CallContext,
  ) => OutputOf<Methods[M]> | Promise<OutputOf<Methods[M]>>;
};

/**
 * One open subscription on the host. `drain` gives what changed since the last `drain` or `snapshot` and forgets
 * it, or null when nothing did; a source coalesces, so what waits between two drains is bounded. The source calls
 * `dirty()` (given at opening) whenever there may be something to drain.
 */
export interface Feed<Snapshot, Delta> {
  snapshot(): Snapshot;
  drain(): Delta | null;
  close(): void;
}

export type SubscriptionHandlers = {
  [T in SubscriptionName]: (
    params: ParsedParamsOf<Subscriptions[T]>,
    dirty: () => void,
    context: { role: Role },
  ) => Feed<SnapshotOf<Subscriptions[T]>, DeltaOf<Subscriptions[T]>>;
};

export interface Handlers {
  methods: MethodHandlers;
  subscriptions: SubscriptionHandlers;
}

export type ConnectionState = 'connecting' | 'open' | 'lost' | 'refused' | 'closed';

export interface SubscriptionListener<T extends SubscriptionName> {
  snapshot(data: SnapshotOf<Subscriptions[T]>): void;
  delta(data: DeltaOf<Subscriptions[T]>): void;
  /** The host refused or ended it; `code` as in the contract. Not called for a lost connection. */
  error?(error: { code: string; message: string }): void;
}

/**
 * The client that screens hold. It connects by itself, reconnects with back-off, and subscribes anew after a
 * reconnect (listeners then get a fresh snapshot). Calls in flight when the connection is lost fail with
 * `rpc.connection_lost`; calls made while it is lost wait up to `callTimeoutMs`.
 */
export interface RpcClient {
  call<M extends MethodName>(
    name: M,
    params: InputOf<Methods[M]>,
    options?: { signal?: AbortSignal; timeoutMs?: number },
  ): Promise<OutputOf<Methods[M]>>;
  subscribe<T extends SubscriptionName>(
    name: T,
    params: ParamsOf<Subscriptions[T]>,
    listener: SubscriptionListener<T>,
    options?: { maxHz?: number },
  ): () => void;
  readonly state: ConnectionState;
  readonly role: Role | null;
  /** Host time minus local time in ms, from welcome and pong; 0 until known. */
  readonly clockOffsetMs: number;
  onState(listener: (state: ConnectionState, reason: string) => void): () => void;
  close(): void;
}
