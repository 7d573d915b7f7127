import { portTransport } from './client-port.ts';
import type { AnyMessagePort } from './client-port.ts';
import type { ClientTransport } from './types.ts';

/** The screen's end of a port whose other end the host holds (`acceptMessagePort`). */
export function connectMessagePort(port: AnyMessagePort): ClientTransport {
  return portTransport(port);
}
