import type { CoapServerStatus } from '../../contract/coap-server.ts';
import type { CoapParts } from './parts.ts';

export function serverStatus(
  parts: Pick<CoapParts, 'server' | 'serverSettings' | 'coapListeners' | 'directory'>,
): CoapServerStatus {
  const { server, serverSettings, coapListeners, directory } = parts;
  return {
    settings: { others: serverSettings.others },
    listeners: coapListeners.list(),
    requests: server.counters.requests,
    denied: server.counters.denied,
    observers: server.observers,
    registrations: directory.size,
  };
}
