/**
 * What travels between a screen and the host, whatever the transport. Typed arrays inside a frame travel as
 * bytes: structured clone over a MessagePort, length-prefixed sections over a WebSocket.
 *
 * The client speaks: hello (WebSocket only, first of all; an empty token leaves it to the browser's cookie), call,
 * cancel, sub, unsub, ack, ping.
 * The host speaks: welcome, ok, err, snap, delta, end, pong. An err of id 0 speaks of the connection as a whole.
 */
import type { Role } from './roles.ts';

export const PROTOCOL_VERSION = 1;

/** What a failure looks like to a screen. `code` is stable; `message` is for people. */
export interface WireError {
  code: string;
  message: string;
  detail?: Record<string, unknown>;
}

export type ClientFrame =
  | { kind: 'hello'; version: number; token: string }
  | { kind: 'call'; id: number; method: string; params: unknown }
  | { kind: 'cancel'; id: number }
  | { kind: 'sub'; id: number; topic: string; params: unknown; maxHz?: number }
  | { kind: 'unsub'; id: number }
  /** The screen has taken `seq` in; the host keeps at most a few unacknowledged deltas per subscription. */
  | { kind: 'ack'; id: number; seq: number }
  | { kind: 'ping'; id: number };

export type HostFrame =
  | { kind: 'welcome'; version: number; role: Role; station: string; nowMs: number }
  | { kind: 'ok'; id: number; result: unknown }
  | { kind: 'err'; id: number; error: WireError }
  | { kind: 'snap'; id: number; seq: number; data: unknown }
  | { kind: 'delta'; id: number; seq: number; data: unknown }
  /** The host ended the subscription; a screen that still wants it subscribes anew. */
  | { kind: 'end'; id: number; error: WireError }
  | { kind: 'pong'; id: number; nowMs: number };
