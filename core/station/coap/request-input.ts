import type { RequestOptions } from '../../coap/client/client.ts';
import { encodeUint } from '../../coap/codec/options.ts';
import type { ParsedInputOf } from '../../contract/define.ts';
import type { coapMethods } from '../../contract/methods-coap.ts';

/** `coap.request` as it has passed the border. */
export type CoapRequestInput = ParsedInputOf<(typeof coapMethods)['coap.request']>;
type Bytes = string | number | Uint8Array | { base64: string };

/** What the CoAP client is asked for it; the URI is told apart. */
export function requestOptions(input: CoapRequestInput): RequestOptions {
  const { method, payload, contentFormat, accept, options, confirmable, blockBytes } = input;
  return {
    method,
    confirmable,
    ...(payload === undefined ? {} : { payload: bytesOf(payload) }),
    ...(contentFormat === undefined ? {} : { contentFormat }),
    ...(accept === undefined ? {} : { accept }),
    ...(blockBytes === undefined ? {} : { blockBytes }),
    ...(options === undefined
      ? {}
      : { options: options.map(({ number, value }) => ({ number, value: bytesOf(value) })) }),
  };
}

function bytesOf(value: Bytes): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (typeof value === 'number') return encodeUint(value);
  return value instanceof Uint8Array ? value : Buffer.from(value.base64, 'base64');
}
