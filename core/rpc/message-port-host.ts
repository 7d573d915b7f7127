import { portTransport } from './client-port.ts';
import type { AnyMessagePort } from './client-port.ts';
import type { HostTransport } from './types.ts';

/** The host's end of a port whose other end a screen holds (`connectMessagePort`). */
export function acceptMessagePort(port: AnyMessagePort): HostTransport {
  return portTransport(port);
}
