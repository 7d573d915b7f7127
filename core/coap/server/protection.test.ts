import { describe, expect, it } from 'vitest';
import { encodeBlock } from '../codec/block.ts';
import { CHANGED, CONTENT, code } from '../codec/codes.ts';
import { BLOCK2, ECHO, findOption, textOption } from '../codec/options.ts';
import { STRANGER, ServerBench, answerText } from './incoming-for-tests.ts';
import type { Asking, Exchange } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';

function setUp(limits: Partial<ServerLimits> = {}) {
  const bench = new ServerBench({ limits });
  const state = { asked: 0 };
  const answer = (bytes: number) => () => {
    state.asked++;
    return { code: CONTENT, payload: new Uint8Array(bytes) };
  };
  bench.server.add('small', { methods: ['GET'], observable: true, handle: answer(100) });
  bench.server.add('large', { methods: ['GET'], observable: true, handle: answer(500) });
  bench.server.add('late', {
    methods: ['GET'],
    handle: () => Promise.resolve({ code: CONTENT, payload: new Uint8Array(500) }),
  });
  const ask = (path: string, asking: Asking = {}): Exchange =>
    bench.ask('GET', { path, from: STRANGER, ...asking });
  const echoOf = ({ answers }: Exchange): { number: number; value: Uint8Array } => ({
    number: ECHO,
    value: findOption(answers[0]!.options, ECHO)!,
  });
  return { bench, state, ask, echoOf };
}

describe('an address that may be forged (RFC 9175 §2.4)', () => {
  it('gets no answer much larger than its request before it returned an Echo', () => {
    const { bench, ask, echoOf } = setUp();
    expect(answerText(ask('small'))).toBe('2.05 100 bytes');
    const challenge = ask('large');
    expect(answerText(challenge)).toMatch(/^4\.01 Echo=\w{24}$/);
    expect(answerText(ask('large', { more: [echoOf(challenge)] }))).toBe('2.05 500 bytes');
    expect(answerText(ask('large'))).toBe('2.05 500 bytes');
    expect(answerText(ask('large', { from: { ...STRANGER, port: 9 } }))).toBe('2.05 500 bytes');
    expect(bench.server.counters).toMatchObject({ echoChallenges: 1, addressesVerified: 1 });
  });

  it('may be answered with three times of what it sent', () => {
    const { ask } = setUp();
    expect(answerText(ask('large', { bytes: 168 }))).toMatch(/^4\.01/);
    expect(answerText(ask('large', { bytes: 169 }))).toBe('2.05 500 bytes');
  });

  it('is forged with the Echo of another one, an old one, or one that was made up', () => {
    const { bench, ask, echoOf } = setUp();
    const echo = echoOf(ask('large'));
    const other = { ...STRANGER, address: '198.51.100.8' };
    expect(answerText(ask('large', { from: other, more: [echo] }))).toMatch(/^4\.01/);
    for (let at = 0; at < echo.value.length; at++) {
      const value = echo.value.slice();
      value[at]! ^= 1;
      expect(answerText(ask('large', { more: [{ number: ECHO, value }] }))).toMatch(/^4\.01/);
    }
    expect(answerText(ask('large', { more: [{ number: ECHO, value: echo.value.slice(1) }] }))).toMatch(
      /^4\.01/,
    );
    bench.clock.advance(62_000);
    expect(answerText(ask('large', { more: [echo] }))).toMatch(/^4\.01/);
    expect(bench.server.counters.addressesVerified).toBe(0);
  });

  it('is asked anew after some minutes, and when others proved theirs meanwhile', () => {
    const { bench, ask, echoOf } = setUp({ verifiedPeers: 2 });
    const prove = (from: Asking['from']) =>
      answerText(ask('large', { from: from!, more: [echoOf(ask('large', { from: from! }))] }));
    expect(prove(STRANGER)).toMatch(/^2\.05/);
    bench.clock.advance(299_000);
    expect(answerText(ask('large'))).toMatch(/^2\.05/);
    bench.clock.advance(2_000);
    expect(answerText(ask('large'))).toMatch(/^4\.01/);
    prove(STRANGER);
    prove({ ...STRANGER, address: '198.51.100.8' });
    prove({ ...STRANGER, address: '198.51.100.9' });
    expect(answerText(ask('large'))).toMatch(/^4\.01/);
  });

  it('observes nothing before, however small', async () => {
    const { bench, state, ask, echoOf } = setUp();
    const challenge = ask('small', { observe: 0 });
    expect(answerText(challenge)).toMatch(/^4\.01 Echo/);
    expect([bench.server.observers, state.asked]).toEqual([0, 0]);
    expect(answerText(ask('small', { observe: 0, more: [echoOf(challenge)] }))).toMatch(/^2\.05 Observe/);
    expect(bench.server.observers).toBe(1);
  });

  it('gets the challenge of a late answer as a NON, never as a CON of its own', async () => {
    const { bench, ask } = setUp();
    const exchange = ask('late');
    await bench.settle();
    expect(answerText(exchange)).toBe('silence');
    expect(exchange.carrier.unawaited).toMatchObject([
      { confirmable: false, code: code(4, 1), token: Uint8Array.of(1) },
    ]);
  });

  it('is challenged when it asks as if for a group', () => {
    const { ask } = setUp();
    expect(answerText(ask('large', { multicast: true, confirmable: false }))).toMatch(/^4\.01 Echo/);
  });

  it('has its changes carried out once, with what may be said of them', () => {
    const { bench } = setUp();
    let done = 0;
    bench.server.add('do', {
      methods: ['POST'],
      handle() {
        done++;
        return { code: CHANGED, options: [textOption(8, 'x')], payload: new Uint8Array(500) };
      },
    });
    expect(bench.say('POST', { path: 'do', from: STRANGER })).toBe('2.04 Location-Path=x');
    expect(done).toBe(1);
  });

  it('is none on loopback, over DTLS and over connections, or where nobody minds', () => {
    const { ask } = setUp();
    expect(answerText(ask('large', { from: { address: '::1', port: 1, family: 6 } }))).toMatch(/^2\.05/);
    expect(answerText(ask('large', { transport: 'dtls' }))).toMatch(/^2\.05/);
    expect(answerText(ask('large', { transport: 'tcp' }))).toMatch(/^2\.05/);
    expect(answerText(setUp({ amplification: Infinity }).ask('large'))).toMatch(/^2\.05/);
  });
});

describe('a peer that asks too often (RFC 8516)', () => {
  it('gets 4.29 with the time to wait; others do not mind', () => {
    const { bench, ask } = setUp({ requestsPerSecond: 10, requestBurst: 3 });
    const says = (asking: Asking = {}) => answerText(ask('small', asking));
    expect([says(), says(), says(), says()]).toEqual([
      '2.05 100 bytes',
      '2.05 100 bytes',
      '2.05 100 bytes',
      '4.29 Max-Age=1',
    ]);
    expect(says({ multicast: true, confirmable: false })).toBe('silence');
    expect(says({ from: { ...STRANGER, port: 9 } })).toBe('2.05 100 bytes');
    bench.clock.advance(100);
    expect([says(), says()]).toEqual(['2.05 100 bytes', '4.29 Max-Age=1']);
    bench.clock.advance(60_000);
    expect([says(), says(), says(), says()].at(-1)).toBe('4.29 Max-Age=1');
    expect(bench.server.counters.tooManyRequests).toBe(4);
  });

  it('may send or fetch a body by ten times as many blocks', () => {
    const { bench, ask } = setUp({ requestsPerSecond: 10, requestBurst: 20 });
    bench.server.add('big', {
      methods: ['GET'],
      handle: () => ({ code: CONTENT, payload: new Uint8Array(16 * 300) }),
    });
    const block = (number: number) => ({
      transport: 'tcp' as const,
      more: [{ number: BLOCK2, value: encodeBlock(number, false, 0) }],
    });
    const answers = Array.from({ length: 300 }, (_, number) =>
      answerText(ask('big', block(number))).slice(0, 4),
    );
    // 1 for the first block, a tenth for each other, of 20.
    expect(Math.abs(answers.findIndex((code) => code !== '2.05') - 181)).toBeLessThan(2);
    expect(answers.at(-1)).toBe('4.29');
  });

  it('waits as long as its turn takes', () => {
    const { ask } = setUp({ requestsPerSecond: 0.1, requestBurst: 1 });
    ask('small');
    expect(answerText(ask('small'))).toBe('4.29 Max-Age=10');
  });
});
