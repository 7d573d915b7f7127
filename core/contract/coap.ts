/** CoAP as a screen sees it. */

export const COAP_METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'FETCH', 'PATCH', 'iPATCH'] as const;
export type CoapMethod = (typeof COAP_METHODS)[number];

export type CoapTransportName = 'udp' | 'dtls' | 'tcp' | 'tls' | 'ws' | 'wss';

/** Schemes that can be asked (RFC 7252 §6, RFC 8323 §8). `coaps` comes with DTLS. */
export const COAP_SCHEMES = ['coap', 'coap+tcp', 'coaps+tcp', 'coap+ws', 'coaps+ws'] as const;

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
  transport: CoapTransportName;
  /** `127.0.0.1:5683`. */
  peer: string;
  maxAgeSeconds: number;
  /** Hex, null without one. */
  etag: string | null;
  /** Location-Path and Location-Query as one relative reference, null without them. */
  location: string | null;
}

/** `open`: as long as a screen has it open, nothing is recorded. `always`: whenever the station runs, recorded. */
export type ObservePolicy = 'open' | 'always';

export type ObservationState = 'starting' | 'active' | 'stale' | 'retrying' | 'ended';

export interface CoapResource {
  /** `coap://host:port`, with whatever scheme it is reached by. */
  authority: string;
  path: string;
  uri: string;
  attributes: Record<string, string>;
  observable: boolean;
  observation: {
    policy: ObservePolicy;
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
