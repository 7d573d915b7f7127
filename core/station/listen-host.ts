import { isIP } from 'node:net';
import { CodedError } from '../base/errors.ts';

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
