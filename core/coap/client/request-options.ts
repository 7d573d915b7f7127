import type { WireTap } from '../carrier.ts';
import { szxOf } from '../codec/block.ts';
import { METHOD_CODES } from '../codec/codes.ts';
import type { Method } from '../codec/codes.ts';
import {
  ACCEPT,
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  OBSERVE,
  PROXY_SCHEME,
  PROXY_URI,
  URI_HOST,
  URI_PATH,
  URI_PORT,
  URI_QUERY,
  optionName,
  uintOption,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';
import type { HostResolver } from '../resolve.ts';
import type { TransferProgress, TransferRequest } from './transfer.ts';

export interface RequestOptions {
  /** GET unless said otherwise. */
  method?: Method;
  payload?: Uint8Array;
  /** Content-Format number of the payload. */
  contentFormat?: number;
  /** Content-Format number wanted. */
  accept?: number;
  /** More options, for instance If-Match or No-Response; not Uri-*, Proxy-*, Block*, Observe, Content-Format, Accept. */
  options?: CoapOption[];
  signal?: AbortSignal;
  /** CON unless false. */
  confirmable?: boolean;
  /** Bytes per block, a power of two from 16 to 1024. Without it a body is split at 1024 or as the server wishes. */
  blockBytes?: number;
  /** Asked for the addresses of a name instead of the endpoint's own, for this request alone. */
  resolver?: HostResolver;
  /** Every message of this request as it goes over the wire, until the request ends. */
  onWire?: WireTap;
  /** With `onWire`: the next message must wait so long, since 65,536 went to the server lately (RFC 7252 §4.4). */
  onWaiting?: (waitMs: number) => void;
  /** After each message of a body that goes in blocks. */
  onProgress?: (progress: TransferProgress) => void;
}

const NO_BYTES = new Uint8Array(0);

/** Those that follow from the URI, from other arguments, or from how a request is sent. */
const RESERVED = new Set([
  URI_HOST,
  OBSERVE,
  URI_PORT,
  URI_PATH,
  CONTENT_FORMAT,
  URI_QUERY,
  ACCEPT,
  BLOCK2,
  BLOCK1,
  PROXY_URI,
  PROXY_SCHEME,
]);

/** `uriOptions` are shared and not changed. Fails with `coap.bad_request`. */
export function transferRequest(uriOptions: CoapOption[], request: RequestOptions): TransferRequest {
  const { method = 'GET', payload = NO_BYTES, contentFormat, accept, confirmable = true } = request;
  if (payload.length > 0 && (method === 'GET' || method === 'DELETE')) {
    throw coapError('coap.bad_request', `A ${method} request carries no payload.`);
  }
  let options = uriOptions;
  if (contentFormat !== undefined || accept !== undefined || request.options !== undefined) {
    options = [...uriOptions];
    if (contentFormat !== undefined) options.push(uintOption(CONTENT_FORMAT, contentFormat));
    if (accept !== undefined) options.push(uintOption(ACCEPT, accept));
    for (const option of request.options ?? []) {
      checkOption(option);
      options.push(option);
    }
  }
  const made: TransferRequest = { code: METHOD_CODES[method], options, payload, confirmable };
  if (request.blockBytes !== undefined) made.szx = blockSize(request.blockBytes);
  return made;
}

/** Fails with `coap.bad_request`. */
export function blockSize(bytes: number): number {
  const szx = szxOf(bytes);
  if (szx === undefined) {
    throw coapError('coap.bad_request', 'A block has 16, 32, 64, 128, 256, 512 or 1024 bytes.');
  }
  return szx;
}

function checkOption({ number }: CoapOption): void {
  if (RESERVED.has(number)) {
    throw coapError(
      'coap.bad_request',
      `${optionName(number)} cannot be given as an option: it follows from the URI and the other fields.`,
      { option: number },
    );
  }
  if (!Number.isInteger(number) || number < 0 || number > 0xffff) {
    throw coapError('coap.bad_request', `${number} is no number of a CoAP option.`, { option: number });
  }
}
