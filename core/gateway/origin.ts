/**
 * Is a request meant for this station, and does it come from the station's own page? A page elsewhere can make a
 * browser send requests here (with a name that it has pointed at this machine, too: DNS rebinding), but it cannot
 * choose the Host and Origin headers.
 */
import { isIP } from 'node:net';

export interface HostGuardOptions {
  /** What `listen` was given: an address or a name. */
  listenHost: string;
  /** More names and addresses under which people reach this station, lower case, without port. */
  allowedNames: readonly string[];
}

/** Splits `host`, `host:port`, `[v6]`, `[v6]:port`. Undefined when it is none of them. */
export function hostNameOf(header: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header);
  const name = match?.[1] ?? match?.[2];
  return name?.toLowerCase();
}

/**
 * True for `localhost`, the address or name listened on, the very address that this connection came in on
 * (for a station that listens on all of them), and the allowed names. The port is not compared: a rebound name
 * gives itself away by its name, and a port forwarded by ssh is honest.
 */
export function isOwnHost(
  header: string | undefined,
  localAddress: string | undefined,
  options: HostGuardOptions,
): boolean {
  const name = header === undefined ? undefined : hostNameOf(header);
  if (name === undefined) return false;
  if (name === 'localhost' || name === options.listenHost.toLowerCase()) return true;
  if (options.allowedNames.includes(name)) return true;
  return isIP(name) !== 0 && localAddress !== undefined && name === plainAddress(localAddress);
}

/** True when there is no Origin (not a browser, or a plain navigation), or it is the host's own. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  return host !== undefined && origin.toLowerCase() === `http://${host.toLowerCase()}`;
}

/** An IPv4 address without the IPv6 dress that a dual-stack socket gives it; a scope id is left out. */
export function plainAddress(address: string): string {
  const plain = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return plain.replace(/%.*$/, '');
}
