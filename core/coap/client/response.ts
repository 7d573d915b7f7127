import type { PeerAddress } from '../address.ts';
import { codeName, codeText } from '../codec/codes.ts';
import { CONTENT_FORMAT, ETAG, MAX_AGE, OBSERVE, findOption, findUint } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import type { TransferResult } from './transfer.ts';

/** Freshness of a response that does not say (RFC 7252 §5.10.5). */
export const DEFAULT_MAX_AGE_S = 60;

/** A response or notification, whole. */
export interface CoapResponse {
  /** Canonical URI that was asked. */
  uri: string;
  /** `2.05`. */
  code: string;
  /** As on the wire: 69 for 2.05. */
  codeNumber: number;
  /** `Content`. */
  codeName: string;
  /** Of its first message, in ascending order of number. */
  options: CoapOption[];
  contentFormat: number | null;
  payload: Uint8Array;
  etag: Uint8Array | null;
  maxAgeSeconds: number;
  /** Value of the Observe option of a notification, else null. */
  observe: number | null;
  /** From the first transmission of the request to its answer; for a notification 0, as nobody asked. */
  rttMs: number;
  retransmissions: number;
  /** Messages that carried a part of a body; 1 when nothing was split. */
  blocks: number;
  peer: PeerAddress;
}

export function toResponse(uri: string, peer: PeerAddress, result: TransferResult): CoapResponse {
  const { message, rttMs, retransmissions, blocks } = result;
  const { code, options, payload } = message;
  return {
    uri,
    code: codeText(code),
    codeNumber: code,
    codeName: codeName(code),
    options,
    contentFormat: findUint(options, CONTENT_FORMAT) ?? null,
    payload,
    etag: findOption(options, ETAG) ?? null,
    maxAgeSeconds: findUint(options, MAX_AGE) ?? DEFAULT_MAX_AGE_S,
    observe: findUint(options, OBSERVE) ?? null,
    rttMs,
    retransmissions,
    blocks,
    peer,
  };
}
