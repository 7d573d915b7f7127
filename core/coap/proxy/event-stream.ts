/**
 * Notifications and states as server-sent events (HTML, "Server-sent events"). The data is one line of JSON: lines of a
 * raw payload would lose their own line ends on the way, and a script could not see code and format beside them.
 */
import { codeText } from '../codec/codes.ts';
import { CONTENT_FORMAT, ETAG, MAX_AGE, OBSERVE, findOption, findUint } from '../codec/options.ts';
import { httpEtag } from './etags.ts';
import { httpMediaType } from './media-types.ts';
import type { ProxiedAnswer, ProxiedObservation } from './types.ts';

export const HEARTBEAT = ':\n\n';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `text` when the payload is UTF-8, else `base64`. The id is the value of Observe. */
export function notificationEvent(answer: ProxiedAnswer): string {
  const { codeNumber, options, payload } = answer;
  const observe = findUint(options, OBSERVE);
  const format = findUint(options, CONTENT_FORMAT);
  const etag = findOption(options, ETAG);
  const data = {
    code: codeText(codeNumber),
    contentFormat: format ?? null,
    contentType: format === undefined ? null : httpMediaType(format).contentType,
    maxAge: findUint(options, MAX_AGE) ?? 60,
    ...(etag === undefined ? {} : { etag: httpEtag(etag) }),
    ...content(payload),
  };
  return event('notification', data, observe);
}

/** `stale`, `retrying`, `active`, `ended`, with the reason. */
export function stateEvent({
  state,
  problem,
  problemCode,
}: Pick<ProxiedObservation, 'state' | 'problem' | 'problemCode'>): string {
  return event('state', { state, code: problemCode, problem });
}

/** How long an EventSource waits before it asks again, ms. */
export function retryField(ms: number): string {
  return `retry: ${ms}\n\n`;
}

function event(name: string, data: object, id?: number): string {
  const idField = id === undefined ? '' : `id: ${id}\n`;
  return `event: ${name}\n${idField}data: ${JSON.stringify(data)}\n\n`;
}

function content(payload: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: utf8.decode(payload) };
  } catch {
    return { base64: Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('base64') };
  }
}
