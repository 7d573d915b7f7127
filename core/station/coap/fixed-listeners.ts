import { canonicalAddress, isLoopback } from '../../coap/address.ts';
import type { CoapListenerConfig } from '../../contract/coap-server.ts';
import type { HostPort, StationOptions } from '../options.ts';

/** The listeners that the command line asks for (`--coap-tcp`, `--coap-ws`). */
export function fixedListeners({ coapTcp, coapWs }: StationOptions): CoapListenerConfig[] {
  const fixed: CoapListenerConfig[] = [];
  const add = (id: string, name: string, transport: 'tcp' | 'ws', at: HostPort | null | undefined): void => {
    if (at != null) fixed.push({ id, name, transport, ...at, enabled: true, certificate: null });
  };
  add('coap-tcp', 'CoAP over TCP', 'tcp', coapTcp);
  add('coap-ws', 'CoAP over WebSocket', 'ws', coapWs);
  return fixed;
}

/** Whether other machines may reach what listens there. */
export function listensBeyond({ host }: HostPort): boolean {
  if (host === 'localhost') return false;
  const address = canonicalAddress(host.replace(/^\[|\]$/g, ''), 0);
  return address === undefined || !isLoopback(address);
}
