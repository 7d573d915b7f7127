import { addressText } from '../../coap/address.ts';
import type { CoapResponse } from '../../coap/client/response.ts';
import { codeName, codeText } from '../../coap/codec/codes.ts';
import { contentFormatName } from '../../coap/codec/content-formats.ts';
import { viewOptions } from '../../coap/codec/option-view.ts';
import { LOCATION_PATH, LOCATION_QUERY } from '../../coap/codec/options.ts';
import type { CoapOption } from '../../coap/codec/options.ts';
import type { Link } from '../../coap/links/link-format.ts';
import type { CoapLink, CoapResource, CoapResponseView, ObservePolicy } from '../../contract/coap.ts';
import type { CoapNotification } from '../../contract/coap-browser.ts';
import type { CoapResourceRecord } from '../../store/types.ts';

const TEXT_PREVIEW_BYTES = 512;
const MAX_VIEW_BYTES = 1024 * 1024;
const MAX_NOTIFICATION_BYTES = 64 * 1024;

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

/** How a wanted observation stands that the endpoint does not run. */
export function notRunning(
  policy: ObservePolicy,
  state: 'starting' | 'ended',
  sinceMs: number,
  problem: string | null,
): NonNullable<CoapResource['observation']> {
  return { policy, state, sinceMs, notifications: 0, problem };
}

export function responseView(uri: string, response: CoapResponse, deviceId: number | null): CoapResponseView {
  const { code, contentFormat, rttMs, retransmissions, blocks, transport, maxAgeSeconds } = response;
  const payload = response.payload.subarray(0, MAX_VIEW_BYTES);
  return {
    uri,
    code,
    codeName: response.codeName,
    options: viewOptions(response.options),
    contentFormat,
    contentFormatName: contentFormat === null ? null : contentFormatName(contentFormat),
    payload,
    text: textOf(payload),
    leftOutBytes: response.payload.byteLength - payload.byteLength,
    ...{ rttMs, retransmissions, blocks, deviceId, transport, maxAgeSeconds },
    peer: addressText(response.peer),
    etag: response.etag === null ? null : Buffer.from(response.etag).toString('hex'),
    location: locationOf(response.options),
  };
}

/** Location-Path and Location-Query as one relative reference (RFC 7252 §5.10.7). */
function locationOf(options: readonly CoapOption[]): string | null {
  const parts = (number: number) =>
    options
      .filter((option) => option.number === number)
      .map((option) => encodeURIComponent(new TextDecoder().decode(option.value)));
  const path = parts(LOCATION_PATH);
  const query = parts(LOCATION_QUERY);
  if (path.length === 0 && query.length === 0) return null;
  return `/${path.join('/')}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

export function notificationView(
  response: CoapResponse,
  receivedMs: number,
  values: CoapNotification['values'],
): CoapNotification {
  const { codeNumber, observe, contentFormat, maxAgeSeconds, payload } = response;
  return {
    receivedMs,
    code: codeText(codeNumber),
    codeName: codeName(codeNumber),
    ...{ observe, contentFormat, maxAgeSeconds, values },
    payload: payload.subarray(0, MAX_NOTIFICATION_BYTES),
    bytes: payload.byteLength,
  };
}
