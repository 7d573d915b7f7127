/** One host with many ports, against the bounds that are there for all. */
import { describe, expect, it } from 'vitest';
import { encodeBlock } from '../codec/block.ts';
import { BLOCK1, BLOCK2 } from '../codec/options.ts';
import type { PeerAddress } from '../address.ts';
import { CONTENT } from '../codec/codes.ts';
import { LOOPBACK, ServerBench, answerText, textResource } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';

const ATTACKER = '198.51.100.7';
const NEIGHBOUR = '198.51.100.8';

function bench(limits: Partial<ServerLimits>): ServerBench {
  return new ServerBench({ limits: { amplification: Infinity, ...limits } });
}

function from(address: string, port: number): PeerAddress {
  return { address, port, family: address.includes(':') ? 6 : 4 };
}

const code = (text: string): string => text.slice(0, 4);

describe('observers', () => {
  function observing(limits: Partial<ServerLimits>) {
    const one = bench(limits);
    one.server.add('t', textResource('1', { observable: true }));
    const observe = (address: string, port: number, token = 1): boolean =>
      answerText(
        one.ask('GET', { path: 't', observe: 0, from: from(address, port), token: Uint8Array.of(token) }),
      ).includes('Observe');
    return { server: one.server, ask: one.ask.bind(one), observe };
  }

  it('of one host are no more than are still free, so that others can observe too', () => {
    const { server, observe } = observing({ observers: 20, observersPerPeer: 3 });
    const ports = Array.from({ length: 40 }, (_, index) => 1_000 + index);
    expect(ports.filter((port) => observe(ATTACKER, port)).length).toBe(10);
    expect(ports.filter((port) => observe(NEIGHBOUR, port)).length).toBe(5);
    expect(server.counters).toMatchObject({ observersRefused: 65, hostShareReached: 65 });
    // One of a subnet of IPv6 is one host, and its neighbours in the next one are others.
    expect(ports.filter((port) => observe(`2001:db8:0:1::${port}`, 5683)).length).toBe(3);
    expect(observe('2001:db8:0:2::1', 5683)).toBe(true);
    // Who observes already may say so again.
    expect(observe(ATTACKER, 1_000)).toBe(true);
    server.stop();
  });

  it('of this machine may take all, of as many ports as there are', () => {
    // Simulators: ten thousand devices with a port each.
    const { server, observe } = observing({});
    const ports = Array.from({ length: 10_000 }, (_, index) => 1_000 + index);
    expect(ports.filter((port) => !observe(LOOPBACK.address, port))).toEqual([]);
    expect(observe(LOOPBACK.address, 20_000)).toBe(false);
    expect(server.counters).toMatchObject({ observersRefused: 1, hostShareReached: 0 });
    server.stop();
  });

  it('that end make room for others of their host', () => {
    const { server, ask, observe } = observing({ observers: 8 });
    for (let round = 1; round <= 3; round++) {
      const ports = Array.from({ length: 8 }, (_, index) => round * 100 + index);
      expect(ports.filter((port) => observe(ATTACKER, port)).length).toBe(4);
      for (const port of ports) ask('GET', { path: 't', observe: 1, from: from(ATTACKER, port) });
      expect(server.observers).toBe(0);
    }
    server.stop();
  });
});

describe('requests', () => {
  it('of one host are ten times those of a peer, whatever its number of ports; of this machine they have no such bound', () => {
    const one = bench({ requestsPerSecond: 10, requestBurst: 3 });
    const { server, clock } = one;
    server.add('t', textResource('1'));
    const served = (address: string) =>
      Array.from({ length: 100 }, (_, index) =>
        one.say('GET', { path: 't', from: from(address, 1_000 + index) }),
      ).filter((answer) => answer === '2.05 "1"').length;
    expect([served(ATTACKER), served(LOOPBACK.address), served(NEIGHBOUR)]).toEqual([30, 100, 30]);
    expect(server.counters).toMatchObject({ tooManyRequests: 140, hostShareReached: 140 });
    clock.advance(100);
    expect(served(ATTACKER)).toBe(10);
  });

  it('of a body in blocks cost a host a tenth, as they cost a peer', () => {
    const one = bench({ requestsPerSecond: 10, requestBurst: 20, requestsPerHost: 1, blockBytes: 16 });
    one.server.add('big', textResource('x'.repeat(16 * 300)));
    const get = (number: number) =>
      one.say('GET', {
        path: 'big',
        from: from(ATTACKER, 1),
        more: [{ number: BLOCK2, value: encodeBlock(number, false, 0) }],
      });
    const answers = Array.from({ length: 300 }, (_, number) => code(get(number)));
    expect(Math.abs(answers.findIndex((answer) => answer !== '2.05') - 181)).toBeLessThan(2);
  });

  it('that wait for their resource leave room for those of other hosts', async () => {
    const one = bench({ underWay: 8, underWayPerPeer: 2 });
    const { server } = one;
    const waiting: (() => void)[] = [];
    const answered = { code: CONTENT, payload: Uint8Array.of(0x31) };
    server.add(
      'slow',
      textResource('', { handle: () => new Promise((resolve) => waiting.push(() => resolve(answered))) }),
    );
    const ask = (address: string, port: number) =>
      one.ask('GET', { path: 'slow', from: from(address, port) });
    for (let round = 1; round <= 3; round++) {
      const asked = Array.from({ length: 10 }, (_, port) => ask(ATTACKER, 1 + port));
      expect(waiting.length).toBe(4);
      const refused = asked.filter(({ answers }) => answers.length > 0).map(answerText);
      expect(refused).toEqual(new Array(6).fill('5.03 Max-Age=5'));
      ask(NEIGHBOUR, 1);
      expect(waiting.length).toBe(5);
      expect(server.counters).toMatchObject({ overloaded: 6 * round, hostShareReached: 6 * round });
      for (const answer of waiting.splice(0)) answer();
      await one.settle();
      expect(server.holdings.underWay).toBe(0);
    }
    server.stop();
  });
});

describe('bodies', () => {
  const part = (number: number, more: boolean) => [{ number: BLOCK1, value: encodeBlock(number, more, 0) }];

  it.each([
    ['many', { assemblies: 6 }],
    ['much', { assemblyBytes: 6 * 4_096, assemblyBytesPerPeer: 4_096 }],
  ])('that one host begins, %s of them, do not drop that of another', (_what, limits) => {
    const one = bench(limits);
    const { server } = one;
    server.add('b', textResource('', { methods: ['PUT'] }));
    const put = (address: string, port: number, number: number, more = true) =>
      code(
        one.say('PUT', {
          path: 'b',
          from: from(address, port),
          body: new Uint8Array(16),
          more: part(number, more),
        }),
      );
    expect(put(NEIGHBOUR, 1, 0)).toBe('2.31');
    for (let port = 1; port <= 30; port++) expect(put(ATTACKER, port, 0)).toBe('2.31');
    expect(put(NEIGHBOUR, 1, 1, false)).toBe('2.05');
    expect(put(ATTACKER, 1, 1)).toBe('4.08');
    expect(put(ATTACKER, 30, 1)).toBe('2.31');
    expect(server.counters).toMatchObject({ assembliesDropped: 25, hostShareReached: 25 });
    server.stop();
  });

  it.each([
    ['many', { keptBodies: 6 }],
    ['much', { keptBytes: 6 * 40 }],
  ])('that one host fetches, %s of them, are not kept instead of that of another', (_what, limits) => {
    const one = bench(limits);
    const { server } = one;
    let version = 0;
    server.add('b', {
      methods: ['GET'],
      handle: () => ({ code: CONTENT, payload: new Uint8Array(40).fill(++version) }),
    });
    const get = (address: string, port: number, number: number) =>
      one.say('GET', {
        path: 'b',
        from: from(address, port),
        more: [{ number: BLOCK2, value: encodeBlock(number, false, 0) }],
      });
    get(NEIGHBOUR, 1, 0);
    for (let port = 1; port <= 30; port++) get(ATTACKER, port, 0);
    const asked = version;
    expect(code(get(NEIGHBOUR, 1, 1))).toBe('2.05');
    expect(version).toBe(asked); // from what was kept
    expect(server.counters).toMatchObject({ keptBodiesDropped: 25, hostShareReached: 25 });
    get(ATTACKER, 1, 1);
    expect(version).toBe(asked + 1);
    server.stop();
  });
});
