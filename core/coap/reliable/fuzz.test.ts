/** Whatever comes over a connection: nothing is thrown, everything stays within its bounds. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import {
  CSM,
  answer,
  get,
  message,
  nobody,
  opened,
  rig,
  settle,
} from '../../../test/support/coap-reliable.ts';
import { encodeFramed } from './codec.ts';
import type { ReliableMessage } from './codec.ts';

/** More by `FUZZ_RUNS=50000`. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 600);

const anyOption = fc.record({
  number: fc.oneof(fc.constantFrom(1, 2, 4, 6, 9, 11), fc.integer({ min: 0, max: 2_000 })),
  value: fc.uint8Array({ maxLength: 12 }),
});
const anyMessage: fc.Arbitrary<ReliableMessage> = fc.record({
  code: fc.oneof(fc.constantFrom(0, 1, 2, 0x45, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5), fc.nat(255)),
  token: fc.uint8Array({ maxLength: 8 }),
  options: fc.array(anyOption, { maxLength: 4 }),
  payload: fc.uint8Array({ maxLength: 60 }),
});

/** Messages, some of them damaged, cut into pieces, with time between the pieces. */
const anyTraffic = fc.array(
  fc.record({
    messages: fc.array(anyMessage, { maxLength: 5 }),
    damageAt: fc.option(fc.nat(200), { freq: 3 }),
    damage: fc.nat(255),
    cutAt: fc.nat(200),
    waitMs: fc.constantFrom(0, 10, 1_000, 40_000, 200_000),
    act: fc.constantFrom('nothing', 'ask', 'answer', 'ping', 'release', 'end'),
  }),
  { maxLength: 12 },
);

test.each(['stream', 'websocket'] as const)(
  'over %s',
  async (framing) => {
    await fc.assert(
      fc.asyncProperty(anyTraffic, fc.constantFrom('initiator', 'acceptor'), async (traffic, role) => {
        const one = rig({ framing, role, limits: { servedPerConnection: 3, outBytes: 5_000 } });
        let token = 0;
        const broken: Error[] = [];
        const pings: Promise<unknown>[] = [];
        one.say(message(CSM));
        for (const { messages, damageAt, damage, cutAt, waitMs, act } of traffic) {
          const pieces = messages.map((each) => encodeFramed(each, framing, Infinity));
          const bytes = new Uint8Array(Buffer.concat(pieces));
          if (damageAt !== null && damageAt < bytes.length) bytes[damageAt] = damage;
          one.connection.receive(bytes.slice(0, cutAt));
          one.connection.receive(bytes.slice(cutAt));
          if (act === 'ping') pings.push(one.connection.ping().catch(() => undefined));
          if (act === 'release') one.connection.release('enough');
          if (act === 'end') one.connection.ended('cut');
          if (act === 'answer') for (const request of one.requests) request.answer(answer('x'));
          if (act === 'ask' && !one.connection.closed) {
            const own = Uint8Array.of(token++);
            const owner = { onResponse: () => undefined, onBrokenResponse: (e: Error) => broken.push(e) };
            one.connection.own(own, owner);
            try {
              one.connection.send(get(own), nobody);
            } catch (error) {
              // What the other end has said may leave no room for it.
              expect(['coap.too_large', 'coap.busy']).toContain(codeOf(error));
            }
          }
          one.clock.advance(waitMs);
        }
        await settle();
        // Peers may have been made to wait for, never for ever.
        one.clock.advance(3_600_000);
        one.connection.ended('over');
        await Promise.all(pings);
        expect(one.connection.closed).toBe(true);
        expect(broken).toHaveLength(token);
        expect([one.wheel.size, one.context.held.bytes]).toEqual([0, 0]);
      }),
      { numRuns: RUNS },
    );
  },
  600_000,
);

test('a sane connection beside it is not disturbed', async () => {
  const sane = await opened();
  const mad = await opened();
  mad.connection.receive(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
  sane.say(message(1, { token: Uint8Array.of(1) }));
  sane.requests[0]!.answer(answer('still here'));
  await settle();
  expect([mad.connection.closed, sane.heard().length]).toEqual([true, 1]);
});
