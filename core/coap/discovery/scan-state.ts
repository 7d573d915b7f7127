/** What a scan is doing and what it has found, for those who look on. */
import type { Link } from '../links/link-format.ts';

export type ScanKind = 'multicast' | 'mdns' | 'directory' | 'range';

export interface ScanStep {
  kind: ScanKind;
  /** `eth0 ff02::fd`, `10.0.0.0/24`. */
  label: string;
  state: 'waiting' | 'running' | 'done' | 'failed' | 'stopped';
  /** Asked of all that are to be asked; for groups and mDNS: ms waited of all. */
  done: number;
  total: number;
  found: number;
  /** One line when `failed`. */
  problem: string | null;
}

export interface FoundServer {
  /** `coap://host:port`. */
  authority: string;
  /** Each way once, in the order in which they found it. */
  how: ScanKind[];
  /** Instance name of mDNS or endpoint name of a directory. */
  name: string | null;
  /** Links of its `/.well-known/core`; null where it did not tell them, or not yet. */
  links: number | null;
  /** Wall time, ms since the epoch. */
  foundMs: number;
  /** Why its links are not known. */
  problem: string | null;
}

export interface ScanView {
  state: 'idle' | 'running' | 'done' | 'stopped';
  startedMs: number | null;
  endedMs: number | null;
  steps: ScanStep[];
  found: FoundServer[];
  /** Servers past the bound, counted and not kept. */
  leftOut: number;
}

/** A server has told what it has. */
export interface DiscoveredLinks {
  authority: string;
  name: string | null;
  how: readonly ScanKind[];
  links: Link[];
}
