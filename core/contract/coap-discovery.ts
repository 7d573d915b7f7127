/** Finding CoAP servers, and those that register themselves (RFC 7252 §7, RFC 9176, RFC 6763). */
import type { CoapLink } from './coap.ts';

export interface CoapInterface {
  /** `eth0`. */
  name: string;
  loopback: boolean;
  addresses: { address: string; family: 4 | 6; /** `10.0.0.0/24`. */ network: string }[];
}

export type CoapScanKind = 'multicast' | 'mdns' | 'directory' | 'range';

export interface CoapScanStep {
  kind: CoapScanKind;
  /** `eth0 ff02::fd`, `10.0.0.0/24`. */
  label: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'stopped';
  /** Asked of all that are to be asked; for multicast: ms waited of all. */
  done: number;
  total: number;
  found: number;
  /** One line when `failed`. */
  problem: string | null;
}

export interface CoapFound {
  /** `coap://host:port`. */
  authority: string;
  how: CoapScanKind[];
  /** Instance name of mDNS or endpoint name of a directory. */
  name: string | null;
  /** Links of its `/.well-known/core`; null where it did not tell them. */
  links: number | null;
  deviceId: number | null;
  foundMs: number;
  /** Why its links are not known. */
  problem: string | null;
}

export interface CoapScan {
  state: 'idle' | 'running' | 'done' | 'stopped';
  startedMs: number | null;
  endedMs: number | null;
  steps: CoapScanStep[];
  found: CoapFound[];
  /** Servers past the bound of 2,000, counted and not kept. */
  leftOut: number;
}

/** One endpoint in the station's resource directory (RFC 9176). */
export interface CoapRegistration {
  /** Its registration resource: `/rd/4521`. */
  location: string;
  endpoint: string;
  sector: string | null;
  /** Where it serves: `coap://10.0.0.7:5683`. */
  base: string;
  endpointType: string | null;
  lifetimeSeconds: number;
  registeredMs: number;
  updatedMs: number;
  expiresMs: number;
  /** Who registered it, `udp 10.0.0.7:5683`. */
  from: string;
  links: CoapLink[];
  deviceId: number | null;
}

export interface CoapDirectory {
  registrations: CoapRegistration[];
  /** Registrations refused because the directory was full or its peer had too many. */
  refused: number;
}
