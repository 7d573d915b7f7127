/** The host half of rpc: the contract's methods and topics by name, for any number of screens. */
import { randomBytes } from 'node:crypto';
import { CodedError } from '../base/errors.ts';
import { methods } from '../contract/methods.ts';
import { subscriptions } from '../contract/subscriptions.ts';
import { HostSession } from './host-session.ts';
import type { GenericSchema } from 'valibot';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { WireError } from '../contract/frames.ts';
import type { Role } from '../contract/roles.ts';
import type { AnyFeed } from './host-subscription.ts';
import type { CallContext, Handlers, HostTransport } from './types.ts';

/** Only ever grow. */
export interface RpcCounters {
  calls: number;
  badInputs: number;
  forbidden: number;
  internalErrors: number;
  badFrames: number;
  tooManyCalls: number;
  tooManySubscriptions: number;
  /** Calls and subscriptions refused because the screen does not read its answers. */
  busy: number;
  /** Snapshots sent instead of deltas after a long congestion. */
  freshSnapshots: number;
  /** Screens dropped because they said nothing for too long. */
  silentScreens: number;
}

/** What every session shares. */
export interface HostParts {
  clock: Clock;
  log: Log;
  idleTimeoutMs: number;
  stationName: () => string;
  newReference: () => string;
  counters: RpcCounters;
  methods: Map<
    string,
    { role: Role; schema: GenericSchema; handler: (params: unknown, context: CallContext) => unknown }
  >;
  subscriptions: Map<
    string,
    {
      role: Role;
      schema: GenericSchema;
      handler: (params: unknown, dirty: () => void, context: { role: Role }) => AnyFeed;
    }
  >;
}

export interface RpcHostOptions {
  clock: Clock;
  log: Log;
  /** Told to every screen in its welcome. */
  stationName?: () => string;
  /**
   * Silence after which a screen is dropped. Browsers wake the timers of a hidden page once a minute, so its pings
   * come that rarely; transports that can tell sooner (WebSocket pings) do.
   */
  idleTimeoutMs?: number;
}

export interface RpcSession {
  readonly role: Role;
  readonly ended: boolean;
  /** Tells the screen why and ends the session. */
  close(error: WireError): void;
}

export interface RpcHost {
  /** `name` is for the log. `onEnd` is called once, whoever ended it. The first frame out is the welcome. */
  accept(transport: HostTransport, options: { role: Role; name?: string; onEnd?: () => void }): RpcSession;
  readonly sessions: number;
  readonly counters: Readonly<RpcCounters>;
  /** Ends every session; later ones are refused. */
  stop(): void;
}

/** Throws `rpc.handlers` unless there is exactly one handler for everything in the contract. */
export function createRpcHost(handlers: Handlers, options: RpcHostOptions): RpcHost {
  const parts: HostParts = {
    clock: options.clock,
    log: options.log,
    idleTimeoutMs: options.idleTimeoutMs ?? 75_000,
    stationName: options.stationName ?? (() => 'Fieldstation'),
    newReference: () => randomBytes(4).toString('hex'),
    counters: {
      calls: 0,
      badInputs: 0,
      forbidden: 0,
      internalErrors: 0,
      badFrames: 0,
      tooManyCalls: 0,
      tooManySubscriptions: 0,
      busy: 0,
      freshSnapshots: 0,
      silentScreens: 0,
    },
    methods: new Map(
      pair('method', methods, handlers.methods).map(([name, definition, handler]) => [
        name,
        { role: definition.role, schema: definition.input, handler: handler as never },
      ]),
    ),
    subscriptions: new Map(
      pair('topic', subscriptions, handlers.subscriptions).map(([name, definition, handler]) => [
        name,
        { role: definition.role, schema: definition.params, handler: handler as never },
      ]),
    ),
  };
  const sessions = new Set<HostSession>();
  let stopped = false;

  return {
    accept(transport, { role, name = 'screen', onEnd }) {
      const session = new HostSession(parts, transport, { role, name }, () => {
        sessions.delete(session);
        onEnd?.();
      });
      sessions.add(session);
      session.start();
      if (stopped) session.close(STOPPING);
      return session;
    },
    get sessions() {
      return sessions.size;
    },
    counters: parts.counters,
    stop() {
      stopped = true;
      for (const session of [...sessions]) session.close(STOPPING);
    },
  };
}

const STOPPING: WireError = { code: 'rpc.stopping', message: 'The station is stopping.' };

function pair<D>(
  what: string,
  definitions: Record<string, D>,
  handlers: object,
): [string, D, (...args: never[]) => unknown][] {
  const given = new Map(Object.entries(handlers));
  const missing = Object.keys(definitions).filter((name) => typeof given.get(name) !== 'function');
  const unknown = [...given.keys()].filter((name) => !Object.hasOwn(definitions, name));
  if (missing.length > 0 || unknown.length > 0) {
    const list = (names: string[]): string => names.join(', ') || 'none';
    throw new CodedError(
      'rpc.handlers',
      `The host does not fit the contract: ${what} without handler: ${list(missing)}; unknown: ${list(unknown)}.`,
      { detail: { missing, unknown } },
    );
  }
  return Object.entries(definitions).map(([name, definition]) => [name, definition, given.get(name)]);
}
