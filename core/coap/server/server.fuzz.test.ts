import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CONTENT } from '../codec/codes.ts';
import {
  ACCEPT,
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  ECHO,
  ETAG,
  IF_MATCH,
  NO_RESPONSE,
  OBSERVE,
  REQUEST_TAG,
  SIZE1,
  SIZE2,
  URI_PATH,
  URI_QUERY,
  findOption,
  textOption,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { LOOPBACK, STRANGER, ServerBench } from './incoming-for-tests.ts';
import type { FakeCarrier } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';

const LIMITS: Partial<ServerLimits> = {
  bodyBytes: 2_500,
  assemblyBytes: 10_000,
  assemblyBytesPerPeer: 9_000,
  assemblies: 3,
  keptBytes: 8_000,
  keptBodies: 3,
  observers: 3,
  observersPerPeer: 2,
  requestsPerSecond: 1,
  requestBurst: 6,
  ratedPeers: 6,
  underWay: 4,
  underWayPerPeer: 2,
  verifiedPeers: 2,
  handlerMs: 2_000,
};

const NUMBERS = [
  ACCEPT,
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  ECHO,
  ETAG,
  IF_MATCH,
  NO_RESPONSE,
  OBSERVE,
  REQUEST_TAG,
];
const option = fc.record({
  number: fc.oneof(
    fc.constantFrom(...NUMBERS, SIZE1, SIZE2, URI_PATH, URI_QUERY),
    fc.integer({ min: 0, max: 65_535 }),
  ),
  value: fc.uint8Array({ maxLength: 9 }),
});
/** Mostly such blocks as fit together. */
const block = fc.record({
  number: fc.constantFrom(BLOCK1, BLOCK2),
  value: fc
    .tuple(fc.nat(4), fc.boolean(), fc.constantFrom(0, 0, 0, 1, 6, 7))
    .map(([number, more, szx]) => Uint8Array.of((number << 4) | (more ? 8 : 0) | szx)),
});
const step = fc.record({
  code: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(1, 1, 1, 2, 3, 5) }, fc.nat(31)),
  path: fc.constantFrom('small', 'large', 'large', 'late', 'never', 'throws', 'none', '.well-known/core'),
  block: fc.option(block, { nil: undefined }),
  // Random ones are mostly refused at once, so that they are few.
  options: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.array(option, { maxLength: 3 })),
  echoes: fc.boolean(),
  observe: fc.constantFrom(undefined, undefined, 0, 0, 0, 1, 2),
  payload: fc.oneof(
    fc.constantFrom(new Uint8Array(16), new Uint8Array(1_024)),
    fc.uint8Array({ maxLength: 40 }),
  ),
  token: fc.nat(3),
  peer: fc.nat(2),
  stranger: fc.nat(3).map((one) => one === 0),
  transport: fc.constantFrom('udp', 'udp', 'udp', 'tcp', 'dtls'),
  confirmable: fc.boolean(),
  multicast: fc.nat(9).map((one) => one === 0),
  advanceMs: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 10, 500, 70_000),
  then: fc.constantFrom(
    'nothing',
    'nothing',
    'changed',
    'changed',
    'acknowledge',
    'reset',
    'timeout',
    'close',
  ),
});

it('whatever comes, nothing is thrown, each request is answered once, and all tables keep their bounds', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const bench = new ServerBench({ limits: LIMITS });
      const { server } = bench;
      const methods = ['GET', 'POST', 'PUT', 'FETCH'] as const;
      const add = (
        path: string,
        handle: () => never | { code: number; payload?: Uint8Array } | Promise<{ code: number }>,
      ) =>
        server.add(path, {
          methods,
          observable: true,
          preconditions: true,
          handle,
          links: () => [{ target: `/${path}`, attributes: [] }],
        });
      add('small', () => ({ code: CONTENT, payload: new Uint8Array(10) }));
      add('large', () => ({ code: CONTENT, payload: new Uint8Array(3_000) }));
      add('late', () => Promise.resolve({ code: CONTENT }));
      add('never', () => new Promise(() => {}));
      add('throws', () => {
        throw new Error('as it does');
      });
      const exchanges = [];
      const echoes = new Map<string, Uint8Array>();
      const carriers: FakeCarrier[] = [];
      for (const one of steps) {
        const place = one.stranger ? STRANGER : LOOPBACK;
        const from = one.stranger
          ? { ...place, address: `198.51.100.${one.peer}` }
          : { ...place, port: one.peer };
        const options: CoapOption[] = [...one.options];
        if (one.block !== undefined) options.push(one.block);
        const echo = echoes.get(from.address);
        if (one.echoes && echo !== undefined) options.push({ number: ECHO, value: echo });
        for (const segment of one.path.split('/')) options.push(textOption(URI_PATH, segment));
        const { code, payload: body, transport, confirmable, multicast } = one;
        const exchange = bench.ask(code, {
          more: options,
          body,
          transport: transport as 'udp',
          confirmable,
          multicast,
          from,
          token: Uint8Array.of(one.token),
          ...(one.observe === undefined ? {} : { observe: one.observe }),
        });
        exchanges.push(exchange);
        const challenged = exchange.answers[0];
        const value = challenged ? findOption(challenged.options, ECHO) : undefined;
        if (value !== undefined) echoes.set(from.address, value);
        carriers.push(exchange.carrier);
        if (one.then === 'changed') server.changedBelow('');
        await bench.settle();
        for (const carrier of carriers) {
          const { sending, watcher } = carrier.sent.at(-1) ?? {};
          if (one.then === 'close' && carrier.reliable) carrier.close();
          if (sending?.state !== 'sent') continue;
          if (one.then === 'acknowledge' && !carrier.reliable && carrier.last.message.confirmable) {
            sending.state = 'acknowledged';
            watcher!.acknowledged();
          } else if (one.then === 'reset') carrier.fail('coap.reset');
          else if (one.then === 'timeout' && carrier.last.message.confirmable) carrier.fail('coap.timeout');
        }
        bench.clock.advance(one.advanceMs);
        for (const [name, held] of Object.entries(server.holdings)) {
          expect(held, name).toBeLessThanOrEqual(LIMITS[name as keyof ServerLimits]!);
        }
      }
      await bench.settle();
      bench.clock.advance(3_000);
      for (const { answers } of exchanges) expect(answers).toHaveLength(1);
      // Only the resource that fails on purpose did.
      expect(new Set(bench.logged)).toEqual(
        new Set(bench.logged.length > 0 ? ['a CoAP resource failed'] : []),
      );
      server.stop();
      expect(server.observers).toBe(0);
      expect(bench.wheel.size).toBe(0);
    }),
    { numRuns: Number(process.env['COAP_FUZZ_RUNS'] ?? 300) },
  );
}, 600_000);
