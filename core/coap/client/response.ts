import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport } from '../carrier.ts';
import { codeName, codeText } from '../codec/codes.ts';
import { CONTENT_FORMAT, ETAG, MAX_AGE, OBSERVE, findOption, findUint } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { NOT_ASKED_FOR } from './exchange.ts';
import type { TransferResult } from './transfer.ts';

/** Freshness of a response that does not say (RFC 7252 §5.10.5). */
export const DEFAULT_MAX_AGE_S = 60;

/** A response or notification, whole. */
export interface CoapResponse {
  /** Canonical URI that was asked. */
  uri: string;
  /** `2.05`; `0.00` when No-Response told the server to keep its answer and it was sent (RFC 7967). */
  code: string;
  /** As on the wire: 69 for 2.05. */
  codeNumber: number;
  /** `Content`; `Not asked for` for 0.00. */
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
  transport: CoapTransport;
}

export function toResponse(
  uri: string,
  carrier: Pick<Carrier, 'address' | 'transport'>,
  result: TransferResult,
): CoapResponse {
  const { message, rttMs, retransmissions, blocks } = result;
  const { code, options, payload } = message;
  return {
    uri,
    code: codeText(code),
    codeNumber: code,
    codeName: code === NOT_ASKED_FOR ? 'Not asked for' : codeName(code),
    options,
    contentFormat: findUint(options, CONTENT_FORMAT) ?? null,
    payload,
    etag: findOption(options, ETAG) ?? null,
    maxAgeSeconds: findUint(options, MAX_AGE) ?? DEFAULT_MAX_AGE_S,
    observe: findUint(options, OBSERVE) ?? null,
    rttMs,
    retransmissions,
    blocks,
    peer: carrier.address,
    transport: carrier.transport,
  };
}
