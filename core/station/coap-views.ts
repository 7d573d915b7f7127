import { addressText } from '../coap/address.ts';
import { contentFormatName } from '../coap/codec/content-formats.ts';
import { viewOptions } from '../coap/codec/option-view.ts';
import type { CoapResponse } from '../coap/client/response.ts';
import type { Link } from '../coap/links/link-format.ts';
import type { CoapLink, CoapResource, CoapResponseView } from '../contract/coap.ts';
import type { CoapResourceRecord } from '../store/types.ts';

const TEXT_PREVIEW_BYTES = 512;
const MAX_VIEW_BYTES = 1024 * 1024;

const strictUtf8 = new TextDecoder('utf-8', { fatal: true });

/** Text of the bytes, or null when they are not UTF-8. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return null;
  }
}

/** The beginning of a payload as text; a code point that the cut splits is left out. */
export function shortText(bytes: Uint8Array): { text: string | null; truncated: boolean } {
  const truncated = bytes.byteLength > TEXT_PREVIEW_BYTES;
  if (!truncated) return { text: textOf(bytes), truncated };
  let end = TEXT_PREVIEW_BYTES;
  while (end > TEXT_PREVIEW_BYTES - 4 && (bytes[end]! & 0xc0) === 0x80) end--;
  return { text: textOf(bytes.subarray(0, end)), truncated };
}

export function linkView({ uri, path, attributes, observable }: Link): CoapLink {
  return { uri, path, attributes, observable };
}

export function resourceFromRecord({ uri, authority, path, attributes }: CoapResourceRecord): CoapResource {
  const observable = attributes['obs'] !== undefined;
  return { authority, path, uri, attributes, observable, observation: null, last: null, seriesIds: [] };
}

export function responseView(uri: string, response: CoapResponse, deviceId: number | null): CoapResponseView {
  const { code, codeName, contentFormat, rttMs, retransmissions, blocks } = response;
  const payload = response.payload.subarray(0, MAX_VIEW_BYTES);
  return {
    uri,
    code,
    codeName,
    options: viewOptions(response.options),
    contentFormat,
    contentFormatName: contentFormat === null ? null : contentFormatName(contentFormat),
    payload,
    text: textOf(payload),
    leftOutBytes: response.payload.byteLength - payload.byteLength,
    rttMs,
    retransmissions,
    blocks,
    deviceId,
    transport: 'udp',
    peer: addressText(response.peer),
    maxAgeSeconds: response.maxAgeSeconds,
    etag: response.etag === null ? null : Buffer.from(response.etag).toString('hex'),
    location: null,
  };
}
