import { describe, expect, it } from 'vitest';
import { CONTENT_FORMAT_NAMES } from '../codec/content-formats.ts';
import { acceptAttempts } from './accept.ts';
import { contentFormatOf, httpMediaType, parseMediaType } from './media-types.ts';

describe('a media type', () => {
  it.each([
    ['text/plain', 'text/plain', {}],
    [' Text/PLAIN ; Charset=UTF-8 ; a="b;\\"c" ', 'text/plain', { charset: 'UTF-8', a: 'b;"c' }],
    ['application/json;', 'application/json', {}],
    ['*/*;q=0.1', '*/*', { q: '0.1' }],
    ['a/b;x=1;x=2', 'a/b', { x: '1' }],
  ])('%j is read', (text, type, parameters) => {
    const media = parseMediaType(text);
    expect([media?.type, Object.fromEntries(media?.parameters ?? [])]).toEqual([type, parameters]);
  });

  it.each(['', 'text', 'text/', '/plain', 'text/plain x', 'text/plain;a', 'text/plain;a="b', 'a/b,c/d'])(
    '%j is none',
    (text) => {
      expect(parseMediaType(text)).toBeUndefined();
    },
  );
});

describe('Content-Type to Content-Format', () => {
  it('is the way back for every number of the registry', () => {
    for (const format of CONTENT_FORMAT_NAMES.keys()) {
      const { contentType, contentEncoding } = httpMediaType(format);
      expect([contentType, contentFormatOf(contentType, contentEncoding ?? undefined)]).toEqual([
        contentType,
        format,
      ]);
    }
  });

  it.each([
    ['text/plain', undefined, 0],
    ['text/plain; charset=UTF-8', undefined, 0],
    ['text/plain;charset="us-ascii"', undefined, 0],
    ['text/plain;charset=iso-8859-1', undefined, undefined],
    ['application/json; charset=utf-8', undefined, 50],
    ['application/json', 'identity', 50],
    ['application/json', 'deflate', 11_050],
    ['application/cbor', 'Deflate', 11_060],
    ['application/json', 'gzip', undefined],
    ['application/json', 'deflate, deflate', undefined],
    ['application/xml', 'deflate', undefined],
    ['application/cose; cose-type="cose-sign1"', undefined, 18],
    ['application/cose; cose-type=cose-mac0', undefined, 17],
    ['application/yang-data+cbor; id=sid', undefined, 140],
    ['application/yang-data+cbor', undefined, 340],
    ['application/vnd.oma.lwm2m+tlv', undefined, 11_542],
    // §6.3, table 1
    ['application/soap+xml', undefined, 41],
    ['application/vnd.x+json', undefined, 50],
    ['application/vnd.x+cbor', undefined, 60],
    ['text/xml', undefined, 41],
    ['text/csv', undefined, 0],
    ['text/html;charset=latin1', undefined, undefined],
    // Not its last line
    ['application/x-www-form-urlencoded', undefined, undefined],
    ['image/webp', undefined, undefined],
    ['nonsense', undefined, undefined],
    ['', undefined, undefined],
    // §6.2
    ['application/coap-payload;cf=65000', undefined, 65_000],
    ['application/coap-payload;cf=50', undefined, undefined],
    ['application/coap-payload;cf=65536', undefined, undefined],
    ['application/coap-payload;cf=-1', undefined, undefined],
    ['application/coap-payload', undefined, undefined],
    ['application/coap-payload;cf=65000', 'deflate', undefined],
  ])('%s with %s is %s', (type, coding, format) => {
    expect(contentFormatOf(type, coding)).toBe(format);
  });

  it('has a name for numbers that nobody knows (§6.2)', () => {
    expect(httpMediaType(65_000)).toEqual({
      contentType: 'application/coap-payload;cf=65000',
      contentEncoding: null,
    });
    expect(httpMediaType(11_050)).toEqual({ contentType: 'application/json', contentEncoding: 'deflate' });
  });
});

describe('Accept', () => {
  it.each([
    [undefined, [undefined]],
    ['', [undefined]],
    ['*/*', [undefined]],
    ['application/json', [50]],
    ['application/json;q=0.5, application/cbor', [60, 50]],
    ['application/cbor, */*;q=0.1', [60, undefined]],
    ['application/json, text/plain, */*', [undefined]],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', [undefined]],
    ['text/html', [undefined]],
    ['application/json;q=0, text/plain', [0]],
    ['application/json;q=2', [undefined]],
    ['application/vnd.x+json', [undefined]],
    ['application/coap-payload;cf=65000', [65_000]],
    ['application/json, application/json', [50]],
    ['image/png, image/gif, image/jpeg, text/plain, application/cbor', [23, 21, 22, 0]],
    ['image/png, image/gif, image/jpeg, text/plain, */*;q=0.1', [23, 21, 22, undefined]],
    ['bad value, application/json', [50]],
  ])('%s asks for %j', (accept, attempts) => {
    expect(acceptAttempts(accept, undefined)).toEqual({ eventStream: false, attempts });
  });

  it('asks for a coding only where nothing else will do', () => {
    const attempts = (coding: string) => acceptAttempts('application/json', coding).attempts;
    expect(attempts('gzip, deflate, br')).toEqual([50]);
    expect(attempts('deflate, identity;q=0')).toEqual([11_050]);
    expect(attempts('deflate;q=0, identity;q=0')).toEqual([50]);
  });

  it('knows who wants to observe', () => {
    expect(acceptAttempts('text/event-stream', undefined)).toEqual({
      eventStream: true,
      attempts: [undefined],
    });
    expect(acceptAttempts('text/event-stream, application/json', undefined)).toEqual({
      eventStream: true,
      attempts: [50],
    });
    expect(acceptAttempts('text/event-stream;q=0', undefined).eventStream).toBe(false);
    expect(acceptAttempts('text/*', undefined).eventStream).toBe(false);
  });
});
