import { parseCoapUri } from '../../coap/uri.ts';
import type { DeviceRegistry } from '../../devices/registry.ts';

/**
 * Devices that were only named by somebody (a directory's registrant, an answer to a scan) get a place among so many.
 * The rest of the station's 20,000 is for those that send something.
 */
export const MAX_FOUND_DEVICES = 10_000;

/** The device of a CoAP server that was found; null for what is no CoAP server, and where there is no place for it. */
export function foundDevice(
  registry: Pick<DeviceRegistry, 'deviceCount' | 'deviceId' | 'findDevice'>,
  uri: string,
): number | null {
  const authority = authorityOf(uri);
  if (authority === null) return null;
  const isKnown = registry.findDevice(authority) !== undefined;
  if (!isKnown && registry.deviceCount >= MAX_FOUND_DEVICES) return null;
  const id = registry.deviceId(authority, 'coap');
  return id < 0 ? null : id;
}

/** The same without making one. */
export function knownDevice(registry: Pick<DeviceRegistry, 'findDevice'>, uri: string): number | null {
  const authority = authorityOf(uri);
  return authority === null ? null : (registry.findDevice(authority) ?? null);
}

function authorityOf(uri: string): string | null {
  try {
    return parseCoapUri(uri).authority;
  } catch {
    return null;
  }
}
