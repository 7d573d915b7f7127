/** Lines that a person copies to connect a first device, with the station's own addresses. Pure. */
import type { StationStatus } from '../../../core/contract/station.ts';

export interface Endpoint {
  host: string;
  port: string;
}

/** `127.0.0.1:1883` or `[::1]:1883`; a listener on every address is reached by this machine's own. */
export function parseEndpoint(address: string): Endpoint | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(address);
  if (match === null) return null;
  const host = match[1] ?? match[2] ?? '';
  const any = host === '0.0.0.0' || host === '::' || host === '*';
  return { host: any ? '127.0.0.1' : host, port: match[3] ?? '' };
}

/** Where devices reach a listener, or null while it does not listen. */
export function endpointOf(status: StationStatus | null, name: 'mqtt' | 'coap'): Endpoint | null {
  const address = status?.listeners.find((listener) => listener.name === name)?.address ?? null;
  return address === null ? null : parseEndpoint(address);
}

/** True where only this machine can connect. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

export function mosquittoLines(endpoint: Endpoint): { perValue: string; perDevice: string } {
  const to = `mosquitto_pub -h ${endpoint.host} -p ${endpoint.port}`;
  return {
    perValue: `${to} -t plant/room1/sensor7/temperature -m 21.5`,
    perDevice: `${to} -t plant/room1/sensor7 -m '{"temp":21.5,"rh":48}'`,
  };
}

export function coapServerLine(): string {
  return 'coap-server-notls -A 127.0.0.1 -p 5700';
}

export function coapAuthority(host: string, port: string): string {
  return `coap://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
