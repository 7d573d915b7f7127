import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../base/errors.ts';
import { viewOptions } from './codec/option-view.ts';
import { parseCoapUri, resolveTarget, uriOptions } from './uri.ts';

const options = (uri: string) =>
  viewOptions(uriOptions(parseCoapUri(uri))).map(({ name, value }) => `${name}=${value}`);

describe('URI to options (RFC 7252 §6.4)', () => {
  test('an address is not repeated as Uri-Host, nor the port', () => {
    expect(options('coap://192.0.2.7:61616/sensors/temp?u=Cel&n')).toEqual([
      'Uri-Path=sensors',
      'Uri-Path=temp',
      'Uri-Query=u=Cel',
      'Uri-Query=n',
    ]);
  });
  test('a name is, in lower case', () => {
    expect(options('COAP://Example.NET/')).toEqual(['Uri-Host=example.net']);
  });
  test('no path, a slash and a trailing slash', () => {
    expect(options('coap://[::1]')).toEqual([]);
    expect(options('coap://[::1]/')).toEqual([]);
    expect(options('coap://[::1]/a/')).toEqual(['Uri-Path=a', 'Uri-Path=']);
    expect(options('coap://[::1]//a')).toEqual(['Uri-Path=', 'Uri-Path=a']);
  });
  test('percent-encoding is taken away, also of separators', () => {
    expect(options('coap://h/a%2Fb/r%C3%A4ume?x%26y')).toEqual([
      'Uri-Host=h',
      'Uri-Path=a/b',
      'Uri-Path=räume',
      'Uri-Query=x&y',
    ]);
  });
  test('dot segments are resolved first', () => {
    expect(options('coap://1.2.3.4/a/./b/../c/%2e%2e/d')).toEqual(['Uri-Path=a', 'Uri-Path=d']);
    expect(options('coap://1.2.3.4/../..')).toEqual([]);
  });
});

describe('hosts', () => {
  test.each([
    ['coap://127.0.0.1/t', 'coap://127.0.0.1:5683/t', true],
    ['coap://[::1]:61000/t', 'coap://[::1]:61000/t', true],
    ['coap://[fe80::1%25Eth0]/t', 'coap://[fe80::1%25Eth0]:5683/t', true],
    ['coap://[FE80::1%Eth0]/t', 'coap://[fe80::1%25Eth0]:5683/t', true],
    // One device, however its address is written (RFC 5952).
    ['coap://[0:0:0:0:0:0:0:1]/t', 'coap://[::1]:5683/t', true],
    ['coap://[2001:0DB8:0::0:7]/t', 'coap://[2001:db8::7]:5683/t', true],
    ['coap://[fe80:0::01%eth0]/t', 'coap://[fe80::1%25eth0]:5683/t', true],
    ['coap://Sensor-7.local:/t', 'coap://sensor-7.local:5683/t', false],
    ['coap://h/%7Eme?a=/b', 'coap://h:5683/~me?a=/b', false],
    ['coaps://h/t', 'coaps://h:5684/t', false],
    ['COAP+TCP://h/t', 'coap+tcp://h:5683/t', false],
    ['coaps+tcp://[::1]/t', 'coaps+tcp://[::1]:5684/t', true],
    ['coap+ws://h/t', 'coap+ws://h:80/t', false],
    ['coaps+ws://h:/t?q', 'coaps+ws://h:443/t?q', false],
    ['coaps+ws://10.0.0.7:8443', 'coaps+ws://10.0.0.7:8443/', true],
  ])('%s is %s', (given, canonical, numeric) => {
    const parsed = parseCoapUri(given);
    expect(parsed.uri).toBe(canonical);
    expect(parsed.numeric).toBe(numeric);
    expect(parseCoapUri(canonical)).toEqual(parsed);
  });
});

test.each([
  'http://h/',
  'coapt://h/',
  'coap+udp://h/',
  'coap:h',
  'coap:///path',
  'coap://h:0/',
  'coap://h:65536/',
  'coap://h:x/',
  'coap://me@h/',
  'coap://h/#top',
  'coap://::1/',
  'coap://[::1/',
  'coap://[h]/',
  'coap://[fe80::1%]/',
  'coap://h/%zz',
  'coap://h/%ff',
  `coap://h/${'x'.repeat(256)}`,
  `coap://h/${'x/'.repeat(3_000)}`,
  '/time',
  '',
])('%s is refused', (uri) => {
  let code = 'accepted';
  try {
    parseCoapUri(uri);
  } catch (error) {
    code = codeOf(error);
  }
  expect(code).toBe('coap.bad_uri');
});

test('any path and query come back from their canonical text', () => {
  const part = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => !/^\.{1,2}$/.test(text));
  fc.assert(
    fc.property(
      fc.array(part, { minLength: 1, maxLength: 5 }),
      fc.array(part, { maxLength: 4 }),
      (path, query) => {
        // A single empty segment is the same as none (§6.5).
        if (path.length === 1 && path[0] === '') return;
        const text = `coap://h/${path.map(encodeURIComponent).join('/')}?${query.map(encodeURIComponent).join('&')}`;
        const parsed = parseCoapUri(text);
        expect(parsed.segments).toEqual(path);
        expect(parsed.query).toEqual(query.length === 0 ? [''] : query);
        expect(parseCoapUri(parsed.uri)).toEqual(parsed);
      },
    ),
    { numRuns: 300 },
  );
});

test('a relative target keeps the scheme of the list', () => {
  const base = parseCoapUri('coaps+tcp://sensor.local/.well-known/core');
  const targets = ['/time', '//other/x', 'coap://other/x'].map((one) => resolveTarget(one, base)?.uri);
  expect(targets).toEqual([
    'coaps+tcp://sensor.local:5684/time',
    'coaps+tcp://other:5684/x',
    'coap://other:5683/x',
  ]);
});

describe('targets of links', () => {
  const base = parseCoapUri('coap://10.0.0.7:61616/.well-known/core');
  test.each([
    ['/time', 'coap://10.0.0.7:61616/time'],
    ['time', 'coap://10.0.0.7:61616/time'],
    ['/a?b=1', 'coap://10.0.0.7:61616/a?b=1'],
    ['', 'coap://10.0.0.7:61616/'],
    ['//other/x', 'coap://other:5683/x'],
    ['coap://[::1]/x', 'coap://[::1]:5683/x'],
    ['http://example.net/manual', undefined],
    ['/%zz', undefined],
  ])('<%s>', (target, uri) => expect(resolveTarget(target, base)?.uri).toBe(uri));
});
