import { isIP } from 'node:net';
import { CodedError } from '../base/errors.ts';
import { formatHostPort } from './options.ts';
import type { HostPort } from './options.ts';

/** Throws `listeners.bad_address` for a host that is neither a name nor an address. */
export function checkListenHost(host: string): void {
  if (isIP(host) !== 0) return;
  const named = host.split('.').every((label) => /^(?!-)[A-Za-z0-9_-]{1,63}(?<!-)$/.test(label));
  if (named && !/^[\d.]+$/.test(host)) return;
  throw new CodedError(
    'listeners.bad_address',
    `"${host}" is no address to listen on. Give one of this machine's, 127.0.0.1 for this machine only, or 0.0.0.0 for all.`,
  );
}

export interface ListenPlace extends HostPort {
  id: string;
  name: string;
}

/** Throws `listeners.bad_address` also for a port that another of the listeners has on that host. */
export function checkListenPlace(place: ListenPlace, all: readonly ListenPlace[]): void {
  checkListenHost(place.host);
  if (place.port === 0) return;
  const other = all.find(
    ({ id, host, port }) => id !== place.id && host === place.host && port === place.port,
  );
  if (other === undefined) return;
  throw new CodedError(
    'listeners.bad_address',
    `${formatHostPort(place)} belongs to the listener "${other.name}". Choose another port.`,
  );
}
