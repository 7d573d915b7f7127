import { describe, expect, it } from 'vitest';
import { textBytes } from '../../../test/support/coap-net.ts';
import { CHANGED, CONTENT, code } from '../codec/codes.ts';
import {
  ACCEPT,
  CONTENT_FORMAT,
  ECHO,
  ETAG,
  HOP_LIMIT,
  NO_RESPONSE,
  PROXY_SCHEME,
  PROXY_URI,
  URI_HOST,
  URI_PATH,
  URI_PORT,
  textOption,
  uintOption,
} from '../codec/options.ts';
import { ServerBench, textResource } from './incoming-for-tests.ts';
import type { ServedRequest } from './resource.ts';
import { pathKey } from './routes.ts';

describe('paths', () => {
  it('are answered by the exact resource, else by the longest subtree, else 4.04', () => {
    const bench = new ServerBench();
    bench.server.add('a', textResource('a'), { subtree: true });
    bench.server.add('a/b', textResource('a/b'), { subtree: true });
    bench.server.add('a/b/c', textResource('a/b/c'));
    bench.server.add('leaf', textResource('leaf'));
    expect(bench.say('GET', { path: 'a' })).toBe('2.05 "a"');
    expect(bench.say('GET', { path: 'a/x' })).toBe('2.05 "a"');
    expect(bench.say('GET', { path: 'a/b/x/y' })).toBe('2.05 "a/b"');
    expect(bench.say('GET', { path: 'a/b/c' })).toBe('2.05 "a/b/c"');
    expect(bench.say('GET', { path: 'ab' })).toBe('4.04');
    expect(bench.say('GET', { path: 'leaf/x' })).toBe('4.04');
    expect(bench.say('GET', { path: 'leaf/' })).toBe('4.04');
    expect(bench.say('GET')).toBe('4.04');
    expect(bench.server.counters.unknownPath).toBe(4);
  });

  it('may be removed again, and taken only once', () => {
    const bench = new ServerBench();
    const remove = bench.server.add('', textResource('root'), { subtree: true });
    expect(() => bench.server.add('', textResource('another'))).toThrow(/taken/);
    expect(bench.say('GET')).toBe('2.05 "root"');
    expect(bench.say('GET', { path: 'x/y' })).toBe('2.05 "root"');
    remove();
    expect(bench.say('GET')).toBe('4.04');
    bench.server.add('', textResource('again'));
    remove();
    expect(bench.say('GET')).toBe('2.05 "again"');
  });

  it('tell a slash inside a segment from one between two', () => {
    const bench = new ServerBench();
    bench.server.add('a/b', textResource('two'));
    bench.server.add(pathKey(['a/b']), textResource('one'));
    const one = [textOption(URI_PATH, 'a/b')];
    expect(bench.say('GET', { more: one })).toBe('2.05 "one"');
    expect(bench.say('GET', { path: 'a/b' })).toBe('2.05 "two"');
    expect(bench.say('GET', { more: [textOption(URI_PATH, 'a%2Fb')] })).toBe('4.04');
  });

  it('refuse dot segments and what is no UTF-8 with 4.02', () => {
    const bench = new ServerBench();
    bench.server.add('', textResource('root'), { subtree: true });
    expect(bench.say('GET', { path: '..' })).toMatch(/^4\.02 /);
    expect(bench.say('GET', { path: 'a/.' })).toMatch(/^4\.02 /);
    expect(bench.say('GET', { more: [{ number: URI_PATH, value: Uint8Array.of(0xc3) }] })).toMatch(/^4\.02 /);
    expect(bench.say('GET', { path: '..', confirmable: false })).toBe('reset');
    expect(bench.server.counters.badOption).toBe(4);
  });
});

describe('a request', () => {
  it('is given to the resource with all that it says', () => {
    const bench = new ServerBench();
    let seen: ServedRequest | undefined;
    bench.server.add('a', {
      methods: ['PUT'],
      handle(request) {
        seen = request;
        return { code: CHANGED };
      },
    });
    const more = [uintOption(CONTENT_FORMAT, 50), uintOption(ACCEPT, 60)];
    expect(bench.say('PUT', { path: 'a', query: ['x=1', 'y'], body: '{}', more, identity: 'pump' })).toBe(
      '2.04',
    );
    expect(seen).toMatchObject({
      method: 'PUT',
      code: 3,
      path: ['a'],
      query: ['x=1', 'y'],
      contentFormat: 50,
      accept: 60,
      observe: false,
      transport: 'udp',
      identity: 'pump',
      multicast: false,
      peerKey: 'udp 127.0.0.1:40001',
    });
    expect(new TextDecoder().decode(seen!.payload)).toBe('{}');
    expect(seen!.signal.aborted).toBe(false);
  });

  it('with a method that the resource has not, or nobody knows, gets 4.05', () => {
    const bench = new ServerBench();
    bench.server.add('a', textResource('a'));
    expect(bench.say('POST', { path: 'a' })).toBe('4.05');
    expect(bench.say(31, { path: 'a' })).toBe('4.05');
  });

  it('with a critical option that is not understood gets 4.02, or RST for a NON', () => {
    const bench = new ServerBench();
    bench.server.add('a', textResource('a'));
    const more = [{ number: 9, value: Uint8Array.of(1) }];
    expect(bench.say('GET', { path: 'a', more })).toBe('4.02 "Option 9 cannot be used here"');
    expect(bench.say('GET', { path: 'a', more, confirmable: false })).toBe('reset');
    const twice = [uintOption(ACCEPT, 0), uintOption(ACCEPT, 0)];
    expect(bench.say('GET', { path: 'a', more: twice })).toBe('4.02 "Accept cannot be used here"');
    expect(bench.server.counters.badOption).toBe(3);
  });

  it('for another host or port, with a hop limit or unknown elective options is served', () => {
    const bench = new ServerBench();
    bench.server.add('a', textResource('a'));
    const more = [
      textOption(URI_HOST, 'other.example'),
      uintOption(URI_PORT, 9),
      uintOption(HOP_LIMIT, 1),
      { number: 2048, value: Uint8Array.of(1) },
    ];
    expect(bench.say('GET', { path: 'a', more })).toBe('2.05 "a"');
  });

  it('to a proxy gets 5.05', () => {
    const bench = new ServerBench();
    expect(bench.say('GET', { more: [textOption(PROXY_URI, 'coap://a/')] })).toBe('5.05');
    expect(bench.say('GET', { path: 'a', more: [textOption(PROXY_SCHEME, 'coap')] })).toBe('5.05');
  });

  it('is refused by whoever guards the server, before its path is looked up', () => {
    const bench = new ServerBench({
      allow: ({ method }) => (method === 'GET' ? undefined : { code: code(4, 3), diagnostic: 'read only' }),
    });
    bench.server.add('a', textResource('a'));
    expect(bench.say('GET', { path: 'a' })).toBe('2.05 "a"');
    expect(bench.say('PUT', { path: 'a' })).toBe('4.03 "read only"');
    expect(bench.say('PUT', { path: 'nowhere' })).toBe('4.03 "read only"');
    expect(bench.server.counters).toMatchObject({ denied: 2, unknownPath: 0 });
  });

  it('gets 5.03 from a server that was stopped', () => {
    const bench = new ServerBench();
    bench.server.add('a', textResource('a'));
    bench.server.stop();
    bench.server.stop();
    expect(bench.say('GET', { path: 'a' })).toBe('5.03');
    expect(bench.clock.pendingTimers).toBe(0);
  });
});

describe('an answer', () => {
  it('carries its options in order', () => {
    const bench = new ServerBench();
    bench.server.add('a', {
      methods: ['GET'],
      handle: () => ({
        code: CONTENT,
        contentFormat: 50,
        maxAgeSeconds: 5,
        etag: Uint8Array.of(1, 2),
        options: [textOption(20, 'q')],
        payload: textBytes('{}'),
      }),
    });
    expect(bench.say('GET', { path: 'a' })).toBe(
      '2.05 ETag=0102 Content-Format=50 (application/json) Max-Age=5 Location-Query=q "{}"',
    );
  });

  it('becomes 2.03 when the client has that version', () => {
    const bench = new ServerBench();
    const etag = Uint8Array.of(1, 2);
    bench.server.add(
      'a',
      textResource('x', {
        handle: () => ({ code: CONTENT, etag, maxAgeSeconds: 9, payload: textBytes('x') }),
      }),
    );
    const has = (...value: number[]) => ({ number: ETAG, value: Uint8Array.from(value) });
    expect(bench.say('GET', { path: 'a', more: [has(9), has(1, 2)] })).toBe('2.03 ETag=0102 Max-Age=9');
    expect(bench.say('GET', { path: 'a', more: [has(1, 3)] })).toBe('2.05 ETag=0102 Max-Age=9 "x"');
  });

  it('is left out where No-Response says so (RFC 7967)', () => {
    const bench = new ServerBench();
    bench.server.add('a', textResource('a'));
    const quiet = (mask: number) => ({ more: [uintOption(NO_RESPONSE, mask)] });
    expect(bench.say('GET', { path: 'a', ...quiet(2) })).toBe('silence');
    expect(bench.say('GET', { path: 'a', ...quiet(0) })).toBe('2.05 "a"');
    expect(bench.say('GET', { path: 'a', ...quiet(24) })).toBe('2.05 "a"');
    expect(bench.say('GET', { path: 'b', ...quiet(8) })).toBe('silence');
    expect(bench.say('GET', { path: 'b', ...quiet(18) })).toBe('4.04');
    expect(bench.say('GET', { more: [uintOption(NO_RESPONSE, 16), textOption(PROXY_URI, 'coap://a')] })).toBe(
      'silence',
    );
  });

  it('to a group is only one that is of use (RFC 7252 §8.2)', () => {
    const bench = new ServerBench();
    bench.server.add('a', textResource('a', { methods: ['GET', 'PUT'] }));
    bench.server.add('empty', textResource(''));
    const group = { multicast: true, confirmable: false };
    expect(bench.say('GET', { path: 'a', ...group })).toBe('2.05 "a"');
    expect(bench.say('GET', { path: 'empty', ...group })).toBe('silence');
    expect(bench.say('GET', { path: 'b', ...group })).toBe('silence');
    expect(bench.say('PUT', { path: 'a', ...group })).toBe('silence');
    expect(bench.say('GET', { path: 'a', more: [{ number: 9, value: Uint8Array.of() }], ...group })).toBe(
      'silence',
    );
  });

  it('with an error has a short diagnostic, or a payload that fits', () => {
    const bench = new ServerBench();
    bench.server.add(
      'long',
      textResource('', { handle: () => ({ code: code(4, 0), diagnostic: 'ä'.repeat(500) }) }),
    );
    bench.server.add(
      'huge',
      textResource('', { handle: () => ({ code: code(4, 0), payload: new Uint8Array(5_000) }) }),
    );
    bench.server.add(
      'own',
      textResource('', {
        handle: () => ({ code: code(4, 22), contentFormat: 50, payload: textBytes('{}') }),
      }),
    );
    expect(bench.say('GET', { path: 'long' })).toBe('4.00 240 bytes');
    expect(bench.say('GET', { path: 'huge' })).toBe('4.00');
    expect(bench.say('GET', { path: 'own' })).toBe('4.22 Content-Format=50 (application/json) "{}"');
  });
});

it('an Echo that is not ours is not minded', () => {
  const bench = new ServerBench();
  bench.server.add('a', textResource('a'));
  expect(bench.say('GET', { path: 'a', more: [{ number: ECHO, value: new Uint8Array(12) }] })).toBe(
    '2.05 "a"',
  );
});
