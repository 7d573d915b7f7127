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
  textOption,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { LOOPBACK, STRANGER, ServerBench } from './incoming-for-tests.ts';
import type { FakeCarrier } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';

const LIMITS: Partial<ServerLimits> = {
  bodyBytes: 10_000,
  assemblyBytes: 60_000,
  assemblyBytesPerPeer: 30_000,
  assemblies: 10,
  keptBytes: 20_000,
  keptBodies: 5,
  observers: 8,
  observersPerPeer: 3,
  requestsPerSecond: 50,
  requestBurst: 20,
  ratedPeers: 4,
  underWay: 6,
  underWayPerPeer: 3,
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
  code: fc.oneof(fc.constantFrom(1, 1, 2, 3, 5), fc.nat(31)),
  path: fc.constantFrom('small', 'large', 'late', 'never', 'throws', 'none', '.well-known/core'),
  options: fc.array(fc.oneof(option, block, block), { maxLength: 4 }),
  observe: fc.option(fc.nat(2), { nil: undefined }),
  payload: fc.oneof(
    fc.constantFrom(new Uint8Array(16), new Uint8Array(1_024)),
    fc.uint8Array({ maxLength: 40 }),
  ),
  token: fc.nat(3),
  port: fc.nat(5),
  stranger: fc.boolean(),
  transport: fc.constantFrom('udp', 'udp', 'tcp', 'dtls'),
  confirmable: fc.boolean(),
  multicast: fc.boolean(),
  advanceMs: fc.constantFrom(0, 0, 0, 10, 500, 70_000),
  then: fc.constantFrom('nothing', 'changed', 'acknowledge', 'reset', 'timeout', 'close'),
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
      const carriers: FakeCarrier[] = [];
      for (const one of steps) {
        const from = { ...(one.stranger ? STRANGER : LOOPBACK), port: one.port };
        const options: CoapOption[] = [...one.options];
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
