/** What the rooms of the gateway share. */
import type { Access } from '../access/access.ts';
import type { BackOff } from '../base/back-off.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { RpcHost } from '../rpc/host.ts';
import type { HcProxy } from './hc/types.ts';
import type { HostGuardOptions } from './origin.ts';

/** Only ever grow. */
export interface GatewayCounters {
  requests: number;
  /** Broken HTTP, too long headers, too slow senders. */
  badRequests: number;
  refusedHosts: number;
  refusedOrigins: number;
  wrongTokens: number;
  /** Sign-ins refused unseen because of wrong ones before. */
  throttled: number;
  /** WebSocket messages that could not be decoded. */
  badMessages: number;
  helloTimeouts: number;
  tooManyScreens: number;
  /** Proxied requests and streams refused because as many as may be are under way. */
  proxyBusy: number;
  /** Bodies refused because they are larger than the proxy takes. */
  proxyTooLarge: number;
  /** Proxied answers and streams cut because the client did not read, and bodies that came too slowly. */
  proxySlow: number;
}

export interface GatewayParts {
  rpcHost: RpcHost;
  access: Pick<Access, 'roleOf'>;
  log: Log;
  clock: Clock;
  attempts: BackOff;
  counters: GatewayCounters;
  guard: HostGuardOptions;
  /** The port really listened on, for the cookie's name. */
  port: () => number;
  /** What `/metrics` answers; without it there is no such address. */
  metrics: (() => string) | undefined;
  /** Without it there is no `/hc/`. */
  proxy: HcProxy | undefined;
}
