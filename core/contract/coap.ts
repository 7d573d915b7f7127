/** CoAP as a screen sees it. */

export const COAP_METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const;
export type CoapMethod = (typeof COAP_METHODS)[number];

/** One link of `/.well-known/core` (RFC 6690). */
export interface CoapLink {
  /** As given by the server, resolved against its authority when relative: `coap://host:port/path`. */
  uri: string;
  path: string;
  /** rt, if, ct, sz, obs, title and the rest, values as text; a flag has an empty value. */
  attributes: Record<string, string>;
  observable: boolean;
}

export interface CoapOptionView {
  number: number;
  name: string;
  /** Readable value: text, number, or hex for opaque. */
  value: string;
}

export interface CoapResponseView {
  uri: string;
  /** `2.05`. */
  code: string;
  /** `Content`. */
  codeName: string;
  options: CoapOptionView[];
  contentFormat: number | null;
  contentFormatName: string | null;
  payload: Uint8Array;
  /** The payload as text when it is UTF-8, else null. */
  text: string | null;
  /** Bytes past `payload` that were left out of this view (limit 1 MiB). */
  leftOutBytes: number;
  rttMs: number;
  retransmissions: number;
  blocks: number;
  deviceId: number | null;
}

export type ObservationState = 'starting' | 'active' | 'stale' | 'retrying' | 'ended';

export interface CoapResource {
  /** `coap://host:port`. */
  authority: string;
  path: string;
  uri: string;
  attributes: Record<string, string>;
  observable: boolean;
  observation: {
    state: ObservationState;
    sinceMs: number;
    notifications: number;
    /** Why it ended or is retried, one line; null while all is well. */
    problem: string | null;
  } | null;
  /** Last representation seen, by GET or notification. */
  last: {
    receivedMs: number;
    code: string;
    contentFormat: number | null;
    bytes: number;
    text: string | null;
    truncated: boolean;
  } | null;
  /** Series that it feeds. */
  seriesIds: number[];
}

export interface CoapDiscovery {
  authority: string;
  /** Null when the station may have no more devices. */
  deviceId: number | null;
  links: CoapLink[];
}

export interface CoapSnapshot {
  resources: CoapResource[];
}

export interface CoapDelta {
  upsert: CoapResource[];
  /** URIs. */
  removed: string[];
}
