import { describe, expect, it } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { LOCATION_PATH, LOCATION_QUERY, textOption } from '../codec/options.ts';
import { parseCoapUri } from '../uri.ts';
import { hostingLocation, hostingPath, targetOf } from './target.ts';

const uri = (requestTarget: string) => targetOf(requestTarget)?.uri;

describe('the target of a request', () => {
  it.each([
    // §5.3, §5.3.2
    ['/hc/coap://s.example.com/light', 'coap://s.example.com:5683/light'],
    ['/hc/coap://%5B2001:db8::1%5D/light?on', 'coap://[2001:db8::1]:5683/light?on'],
    ['/hc/coap://%5b2001:db8::1%5d:61616/', 'coap://[2001:db8::1]:61616/'],
    ['/hc/coap://[2001:db8::1]/light', 'coap://[2001:db8::1]:5683/light'],
    ['/hc/coap://%5Bfe80::1%25eth0%5D/', 'coap://[fe80::1%25eth0]:5683/'],
    ['/hc/coap://10.0.0.7:5684/a/b?x=1&y', 'coap://10.0.0.7:5684/a/b?x=1&y'],
    ['/hc/coap://h/a%2Fb?q=%26', 'coap://h:5683/a%2Fb?q=%26'],
    ['/hc/coap://h', 'coap://h:5683/'],
    ['/hc/COAP://H/', 'coap://h:5683/'],
    // Two slashes become one on the way.
    ['/hc/coap:/s.example.com/light?on', 'coap://s.example.com:5683/light?on'],
    ['/hc/coap:/%5B::1%5D:5683/light', 'coap://[::1]:5683/light'],
    // All of it encoded, as encodeURIComponent does.
    ['/hc/coap%3A%2F%2Fs.example.com%2Flight%3Fon', 'coap://s.example.com:5683/light?on'],
    ['/hc/coap%3A%2F%2Fh%2Fa%252Fb', 'coap://h:5683/a%2Fb'],
    ['/hc/coap%3A%2F%2Fh%2Fp?x', 'coap://h:5683/p?x'],
    ['/hc/coap%2Btcp%3A%2F%2Fh%2Fp', 'coap+tcp://h:5683/p'],
    // Schemes of RFC 8323, with their ports.
    ['/hc/coap+tcp://h/p', 'coap+tcp://h:5683/p'],
    ['/hc/coaps+tcp://h/p', 'coaps+tcp://h:5684/p'],
    ['/hc/coap+ws://h/p', 'coap+ws://h:80/p'],
    ['/hc/coaps+ws://h/p', 'coaps+ws://h:443/p'],
    ['/hc/coaps://h/p', 'coaps://h:5684/p'],
    // §5.4.1.1
    ['/hc/?target_uri=coap://s.example.com/light', 'coap://s.example.com:5683/light'],
    ['/hc/?target_uri=coap://s.example.com/light?a=1&b=2', 'coap://s.example.com:5683/light?a=1&b=2'],
    ['/hc/?target_uri=coap%3A%2F%2Fs.example.com%2Flight%3Fa%3D1', 'coap://s.example.com:5683/light?a=1'],
    ['/hc/?target_uri=coap%2Bws%3A%2F%2Fh%2Fp', 'coap+ws://h:80/p'],
    // §5.4.2.1
    ['/hc/coap/s.example.com/light', 'coap://s.example.com:5683/light'],
    ['/hc/coap/s.example.com/light?on', 'coap://s.example.com:5683/light?on'],
    ['/hc/coap+tcp/h:7/light?on', 'coap+tcp://h:7/light?on'],
    ['/hc/coap/%5B::1%5D/light', 'coap://[::1]:5683/light'],
    ['/hc/?s=coap&hp=s.example.com&p=/light&q=', 'coap://s.example.com:5683/light'],
    ['/hc/?s=coaps&hp=s.example.com&p=/light&q=on', 'coaps://s.example.com:5684/light?on'],
    ['/hc/?s=coap%2Btcp&hp=h%3A99&p=%2Fa%2Fb&q=x%3D1', 'coap+tcp://h:99/a/b?x=1'],
    ['/hc/?s=coap&hp=h&p=/a%2Fb&q=', 'coap://h:5683/a%2Fb'],
  ])('%s is %s', (requestTarget, expected) => {
    // The parts count, not which of two spellings the canonical one is.
    expect(targetOf(requestTarget)).toEqual(parseCoapUri(expected));
  });

  it('is none where nothing follows', () => {
    expect([uri('/hc/'), uri('/hc/?')]).toEqual([undefined, undefined]);
  });

  it.each([
    '/hc/s.example.com/light',
    '/hc/10.0.0.7/light',
    '/hc/http://h/',
    '/hc/file:///etc/passwd',
    '/hc/coap://',
    '/hc/coap:///p',
    '/hc/coap:h/p',
    '/hc/coap://u@h/p',
    '/hc/coap://h:0/p',
    '/hc/coap://a%3Ab/p',
    '/hc/coap://a%2Fb/p',
    '/hc/coap://a%20b/p',
    '/hc/coap://%00/p',
    '/hc/coap://*.local/p',
    '/hc/coap://h:70000/p',
    '/hc/coap://h/%zz',
    '/hc/coap%3A%2F%2F%zz',
    '/hc/coap://[::1/p',
    '/hc/coap://h/%FF',
    `/hc/coap://h/${'a'.repeat(256)}`,
    `/hc/coap://h/${'a/'.repeat(3_000)}`,
    '/hc/../metrics',
    '/hc/?target_uri=',
    '/hc/?target_uri=h/p',
    '/hc/?target_uri=%zz',
    '/hc/?uri=coap://h/p',
    '/hc/?s=coap&hp=&p=/&q=',
    '/hc/?s=http&hp=h&p=/&q=',
  ])('%s is refused', (requestTarget) => {
    let error: unknown;
    try {
      targetOf(requestTarget);
    } catch (thrown) {
      error = thrown;
    }
    expect(codeOf(error)).toBe('coap.bad_uri');
  });
});

describe('the way back', () => {
  const target = parseCoapUri('coap://[2001:db8::1]:61616/store?x');
  const path = (...segments: string[]) => segments.map((segment) => textOption(LOCATION_PATH, segment));
  const query = (...args: string[]) => args.map((arg) => textOption(LOCATION_QUERY, arg));

  it('is what the request would ask', () => {
    expect(hostingPath(target)).toBe('/hc/coap://%5B2001:db8::1%5D:61616/store?x');
    expect(uri(hostingPath(target))).toBe(target.uri);
  });

  it('maps Location-Path and Location-Query', () => {
    const base = '/hc/coap://%5B2001:db8::1%5D:61616';
    expect(hostingLocation(target, path('a', 'b c', 'd/e'))).toBe(`${base}/a/b%20c/d%2Fe`);
    const both = hostingLocation(target, [...path('a'), ...query('x=1', 'y&z')])!;
    expect(targetOf(both)).toMatchObject({ segments: ['a'], query: ['x=1', 'y&z'] });
    expect(targetOf(hostingLocation(target, query('k=v'))!)).toMatchObject({ segments: [], query: ['k=v'] });
  });

  it('leaves out what no URI can say', () => {
    expect(hostingLocation(target, [])).toBeUndefined();
    expect(hostingLocation(target, path('a', '..'))).toBeUndefined();
    expect(hostingLocation(target, path('.'))).toBeUndefined();
    expect(hostingLocation(target, [{ number: LOCATION_PATH, value: Uint8Array.of(0xed, 0xa0, 0x80) }])).toBe(
      '/hc/coap://%5B2001:db8::1%5D:61616/%EF%BF%BD%EF%BF%BD%EF%BF%BD',
    );
  });

  it('cannot break out of the header', () => {
    const location = hostingLocation(target, path('a\r\nSet-Cookie: x=1'));
    expect(location).not.toMatch(/[\r\n]/);
  });
});
