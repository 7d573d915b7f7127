import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EndpointRig, URI } from '../../../test/support/coap-endpoint.ts';
import { HandPeer, STATION, ipv4 } from '../../../test/support/coap-net.ts';
import { encodeMessage } from '../codec/codec.ts';
import type { MessageType } from '../codec/codes.ts';
import { ACK, CON, CONTENT, NON, RST } from '../codec/codes.ts';
import { OBSERVE, URI_PATH } from '../codec/options.ts';

test('no datagram makes the endpoint throw, fall silent or leak', async () => {
  const rig = await new EndpointRig().start();
  const outcome = rig.ask();
  await rig.net.settle();
  const { token, messageId } = rig.device.last();
  const observed = rig.endpoint.observe(URI, {}, { notification: () => undefined });
  const valid = fc.record({
    type: fc.constantFrom<MessageType>(CON, NON, ACK),
    code: fc.constantFrom(1, 3, CONTENT, 132),
    messageId: fc.oneof(fc.constant(messageId), fc.integer({ min: 0, max: 0xffff })),
    token: fc.oneof(fc.constant(token), fc.uint8Array({ maxLength: 8 })),
    options: fc.array(
      fc.record({
        number: fc.constantFrom(OBSERVE, URI_PATH, 14, 23, 27, 28, 9, 2_048),
        value: fc.uint8Array({ maxLength: 5 }),
      }),
      { maxLength: 4 },
    ),
    payload: fc.uint8Array({ maxLength: 40 }),
  });
  const mutated = fc.tuple(valid, fc.nat(), fc.nat(255)).map(([message, at, byte]) => {
    const bytes = encodeMessage(message);
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  const anything = fc.oneof(fc.uint8Array({ maxLength: 40 }), valid.map(encodeMessage), mutated);
  await fc.assert(
    fc.asyncProperty(fc.array(anything, { maxLength: 10 }), async (datagrams) => {
      for (const bytes of datagrams) rig.device.sendBytes(bytes, STATION);
      await rig.net.settle();
      rig.device.received.length = 0;
    }),
    { numRuns: 300 },
  );
  observed.stop();
  const pinged = new HandPeer(rig.net, ipv4(99));
  pinged.send({ type: CON, code: 0, messageId: 1 }, STATION);
  await rig.pass(100_000);
  expect(pinged.last().type).toBe(RST);
  expect(outcome.response ?? outcome.error).toBeDefined();
  expect(rig.endpoint.counters).toMatchObject({ exchanges: 0, observations: 0 });
  await rig.endpoint.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});
