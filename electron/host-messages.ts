/** What the shell and the host process say to each other, besides the ports of the screens. */
import type { Role } from '../core/contract/roles.ts';

/** Shell to host. `screen` comes with one port, the host's end of a screen's connection. */
export type ToHost = { type: 'screen'; role: Role } | { type: 'stop' };

export interface HostReady {
  mqtt: string | null;
  coap: string | null;
  http: string | null;
}

/** Why there is no station. `code` as everywhere; `message` is for people: what, why, what to do. */
export interface HostFailure {
  code: string;
  message: string;
  detail: Record<string, unknown>;
}

/** Host to shell. */
export type FromHost =
  { type: 'ready'; ready: HostReady } | { type: 'failed'; failure: HostFailure } | { type: 'stopped' };

/** Reads a message of the host, or undefined when it is none of the known ones. The token is left behind. */
export function readHostMessage(message: unknown): FromHost | undefined {
  if (!isRecord(message)) return undefined;
  switch (message['type']) {
    case 'ready': {
      const ready = isRecord(message['ready']) ? message['ready'] : {};
      return {
        type: 'ready',
        ready: { mqtt: text(ready['mqtt']), coap: text(ready['coap']), http: text(ready['http']) },
      };
    }
    case 'failed':
      return {
        type: 'failed',
        failure: {
          code: text(message['code']) ?? 'internal',
          message: text(message['message']) ?? 'The station could not start and did not say why.',
          detail: isRecord(message['detail']) ? message['detail'] : {},
        },
      };
    case 'stopped':
      return { type: 'stopped' };
    default:
      return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
