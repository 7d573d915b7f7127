import { describe, expect, it } from 'vitest';
import { coapMethod, httpStatus, httpStatusOfFailure } from './status.ts';

/** `4.05` as on the wire. */
const code = (text: string) => (Number(text[0]) << 5) | Number(text.slice(2));
const plain = { payload: false, conditional: false, criticalOptions: false };

describe('RFC 8075 table 2', () => {
  it.each([
    ['2.01', plain, 201],
    ['2.01', { ...plain, payload: true }, 201],
    ['2.02', { ...plain, payload: true }, 200],
    ['2.02', plain, 204],
    ['2.03', { ...plain, conditional: true }, 304],
    ['2.04', { ...plain, payload: true }, 200],
    ['2.04', plain, 204],
    ['2.05', { ...plain, payload: true }, 200],
    ['2.05', plain, 200],
    ['4.00', plain, 400],
    ['4.01', plain, 403],
    ['4.02', { ...plain, criticalOptions: true }, 400],
    ['4.02', plain, 500],
    ['4.03', plain, 403],
    ['4.04', plain, 404],
    ['4.05', plain, 400],
    ['4.06', plain, 406],
    ['4.12', plain, 412],
    ['4.13', plain, 413],
    ['4.15', plain, 415],
    ['5.00', plain, 500],
    ['5.01', plain, 501],
    ['5.02', plain, 502],
    ['5.03', plain, 503],
    ['5.04', plain, 504],
    ['5.05', plain, 502],
  ])('%s %o is %i', (text, context, status) => {
    expect(httpStatus(code(text), context).status).toBe(status);
  });

  it('says in the reason what a 4.05 was (note 7)', () => {
    expect(httpStatus(code('4.05'), plain).reason).toMatch(/^CoAP server returned 4\.05/);
    expect(httpStatus(code('4.04'), plain).reason).toBeUndefined();
  });

  it.each([
    ['a validation that nobody asked for', '2.03', 502],
    ['Continue, which is for blocks alone (note 10)', '2.31', 502],
    ['Request Entity Incomplete, likewise', '4.08', 502],
    ['Conflict (RFC 8132)', '4.09', 409],
    ['Unprocessable Entity (RFC 8132)', '4.22', 422],
    ['Too Many Requests (RFC 8516)', '4.29', 429],
    ['Hop Limit Reached (RFC 8768)', '5.08', 508],
    ['an unknown success', '2.17', 204],
    ['an unknown client error', '4.27', 400],
    ['an unknown server error', '5.30', 500],
    ['a code that is no response', '7.01', 502],
  ])('%s: %s is %i', (_what, text, status) => {
    expect(httpStatus(code(text), plain).status).toBe(status);
  });
});

describe('what has no answer', () => {
  it.each([
    ['coap.timeout', 504],
    ['coap.host_not_found', 502],
    ['coap.unreachable', 502],
    ['coap.reset', 502],
    ['coap.malformed', 502],
    ['coap.bad_option', 502],
    ['coap.blocks_broken', 502],
    ['coap.too_large', 502],
    ['coap.closed', 502],
    ['coap.handshake', 502],
    ['coap.tls', 502],
    ['coap.bad_uri', 400],
    ['coap.bad_request', 400],
    ['coap.forbidden', 403],
    ['coap.scheme', 501],
    ['coap.busy', 503],
    ['coap.not_running', 503],
    ['internal', undefined],
  ])('%s is %s', (failure, status) => {
    expect(httpStatusOfFailure(failure)).toBe(status);
  });
});

describe('methods', () => {
  it.each([
    ['GET', 'GET'],
    ['HEAD', 'GET'],
    ['POST', 'POST'],
    ['PUT', 'PUT'],
    ['DELETE', 'DELETE'],
    ['PATCH', 'PATCH'],
    ['OPTIONS', undefined],
    ['TRACE', undefined],
    ['CONNECT', undefined],
    ['QUERY', undefined],
    ['get', undefined],
  ])('%s is %s', (http, coap) => {
    expect(coapMethod(http)).toBe(coap);
  });
});
