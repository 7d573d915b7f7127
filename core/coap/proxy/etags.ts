/** Entity-tags: up to 8 bytes in CoAP (RFC 7252 §5.10.6), quoted text in HTTP (RFC 9110 §8.8.3): hex between. */
import { splitList } from './accept.ts';

/** Each of them is an option of the CoAP request. */
const MAX_TAGS = 16;

export function httpEtag(etag: Uint8Array): string {
  return `"${Buffer.from(etag.buffer, etag.byteOffset, etag.length).toString('hex')}"`;
}

export interface EtagList {
  /** `*`. */
  any: boolean;
  /** Tags that this proxy may have given out. Others never match, so that they are left out. */
  etags: Uint8Array[];
}

/** If-Match and If-None-Match. `weak` takes tags in the weak form too, as If-None-Match compares (§13.1.2). */
export function readEtags(header: string, weak: boolean): EtagList {
  if (header.trim() === '*') return { any: true, etags: [] };
  const etags: Uint8Array[] = [];
  for (const part of splitList(header)) {
    const match = /^(W\/)?"((?:[0-9a-f]{2}){1,8})"$/i.exec(part);
    if (match === null || (match[1] !== undefined && !weak)) continue;
    if (etags.length < MAX_TAGS) etags.push(new Uint8Array(Buffer.from(match[2]!, 'hex')));
  }
  return { any: false, etags };
}
