import { CodedError } from '../base/errors.ts';

export interface HostPort {
  host: string;
  /** 0 asks for any free port. */
  port: number;
}

export interface StationOptions {
  dataFolder: string;
  mqtt: HostPort;
  coap: HostPort;
  /** CoAP over TCP and over WebSockets (RFC 8323), only where asked for. */
  coapTcp?: HostPort | null;
  coapWs?: HostPort | null;
  http: HostPort;
  /** False: the broker runs alone, nothing of what passes through it is decoded, shown or kept (`--no-record`). */
  record: boolean;
  /** `--mqtt` may listen beyond this machine without users (`--mqtt-anonymous`). */
  mqttAnonymous: boolean;
  /** Settings that a conformance suite expects (docs/mqtt-conformance.md). */
  profile: 'conformance' | null;
}

export const DEFAULT_MQTT: HostPort = { host: '127.0.0.1', port: 1883 };
export const DEFAULT_COAP: HostPort = { host: '127.0.0.1', port: 5683 };
/** 80 and 443 are for web servers; nobody else holds this one. */
export const DEFAULT_COAP_WS: HostPort = { host: '127.0.0.1', port: 8_683 };
export const DEFAULT_HTTP: HostPort = { host: '127.0.0.1', port: 8080 };

/**
 * Reads `HOST:PORT`, `[IPV6]:PORT`, `:PORT` or `PORT`; what is left out comes from `fallback`.
 * @throws CodedError `options.bad_address`
 */
export function parseHostPort(text: string, fallback: HostPort, flag: string): HostPort {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]*)):)?(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[3] ?? NaN);
  if (match === null || !(port <= 65_535)) {
    throw new CodedError(
      'options.bad_address',
      `${flag} needs HOST:PORT, for example ${formatHostPort(fallback)}, and got "${text}".`,
    );
  }
  return { host: match[1] ?? (match[2] || fallback.host), port };
}

/** `host:port`, with an IPv6 host in brackets. */
export function formatHostPort(address: HostPort): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
