/** What the CoAP browser shows: requests step by step, resources being watched, requests that are kept. */
import type { CoapMethod, CoapOptionView, CoapResource, CoapTransportName } from './coap.ts';

/** One message of an exchange, as it went over the wire. */
export interface CoapStep {
  /** ms since the epoch. */
  atMs: number;
  /** ms since the first step of the exchange, to a tenth or better. */
  sinceMs: number;
  direction: 'out' | 'in';
  transport: CoapTransportName;
  /** CON, NON, ACK, RST; null over reliable transports, which have no types. */
  type: 'CON' | 'NON' | 'ACK' | 'RST' | null;
  /** `0.01`, `2.05`, `0.00` for an empty message, `7.02` for a signal. */
  code: string;
  codeName: string;
  /** Null over reliable transports. */
  messageId: number | null;
  /** Hex; empty for an empty token. */
  token: string;
  options: CoapOptionView[];
  payloadBytes: number;
  /** The whole message. */
  bytes: number;
  /** Of ours: 0 for the first transmission, n for the nth repeat. */
  repeat: number;
  /** Of theirs: what became of it. */
  verdict: 'ok' | 'duplicate' | 'unmatched' | 'malformed' | 'refused';
}

export interface CoapExchange {
  exchange: string;
  /** Null before it was asked. */
  uri: string | null;
  method: CoapMethod | null;
  state: 'waiting' | 'running' | 'answered' | 'failed' | 'cancelled';
  steps: CoapStep[];
  /** Steps past the bound of 4,000 (of an observation: all but the newest 500), counted and not kept. */
  leftOut: number;
  /** Why it failed or, while it runs, what it waits for; null while all is well. */
  problem: { code: string; message: string } | null;
}

/** `steps` are the new ones. */
export type CoapExchangeDelta = Pick<
  CoapExchange,
  'uri' | 'method' | 'state' | 'steps' | 'leftOut' | 'problem'
>;

/** Exchange id under which the messages of an observation are kept. */
export function observedExchange(uri: string): string {
  return `observe ${uri}`;
}

/** One representation of a watched resource. */
export interface CoapNotification {
  receivedMs: number;
  code: string;
  codeName: string;
  /** Value of the Observe option; null for a plain answer. */
  observe: number | null;
  contentFormat: number | null;
  maxAgeSeconds: number;
  /** At most the first 64 KiB; `bytes` is the whole. */
  payload: Uint8Array;
  bytes: number;
  /** Numbers found in it, as readings would be made of them; `name` is empty for a bare number. */
  values: { name: string; unit: string; value: number }[];
}

export interface CoapWatch {
  resource: CoapResource;
  /** Newest last, at most 200. */
  notifications: CoapNotification[];
  /** Notifications that this screen did not get, because they came faster than it takes them. */
  leftOut: number;
}

/** `notifications` are the new ones. */
export type CoapWatchDelta = CoapWatch;

export interface SavedCoapRequest {
  id: string;
  name: string;
  uri: string;
  method: CoapMethod;
  confirmable: boolean;
  /** Null: as the server wishes. */
  blockBytes: number | null;
  accept: number | null;
  contentFormat: number | null;
  options: { number: number; value: Uint8Array }[];
  payload: Uint8Array;
  /** How the payload was being edited. */
  payloadAs: 'text' | 'hex' | 'base64';
}
