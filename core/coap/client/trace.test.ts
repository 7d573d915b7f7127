/** Which messages a traced request or observation is told, and which it is not. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EndpointRig, URI } from '../../../test/support/coap-endpoint.ts';
import { STATION, ipv4, textBytes } from '../../../test/support/coap-net.ts';
import type { HandPeer } from '../../../test/support/coap-net.ts';
import type { WireEvent } from '../carrier.ts';
import { encodeBlock } from '../codec/block.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON, RST, TYPE_NAMES, codeText } from '../codec/codes.ts';
import { BLOCK2, OBSERVE, uintOption } from '../codec/options.ts';
import { Traces } from './trace.ts';

let rig: EndpointRig;
let device: HandPeer;

beforeEach(async () => {
  rig = await new EndpointRig().start();
  device = rig.device;
});
afterEach(() => rig.endpoint.stop());

/** `out CON 0.01 +1` for the first repeat; `in ACK 2.05 duplicate`. */
function line({ direction, bytes, repeat, verdict }: WireEvent): string {
  const head = `${direction} ${TYPE_NAMES[(bytes[0]! >> 4) & 3]} ${codeText(bytes[1]!)}`;
  return `${head}${repeat > 0 ? ` +${repeat}` : ''}${verdict === 'ok' ? '' : ` ${verdict}`}`;
}

async function answer(change: Partial<CoapMessage> = {}): Promise<void> {
  const { messageId, token } = device.last();
  device.send({ type: ACK, code: CONTENT, messageId, token, ...change }, STATION);
  await rig.net.settle();
}

function traced(uri = URI) {
  const steps: string[] = [];
  const times: number[] = [];
  const done = rig.endpoint.request(uri, {
    onWire: (event) => {
      steps.push(line(event));
      times.push(event.atMs);
    },
  });
  return { steps, times, done };
}

test('a lost request, an ACK alone, a separate response, and nothing of another exchange', async () => {
  const { steps, times, done } = traced();
  await rig.net.settle();
  const { messageId, token } = device.last();
  await rig.pass(2_100);
  const empty = new Uint8Array(0);
  await answer({ code: 0, token: empty });
  await answer({ code: 0, token: empty });
  const quiet = rig.endpoint.request('coap://10.0.0.7/other');
  await rig.net.settle();
  await answer({ payload: textBytes('x') });
  await quiet;
  device.send({ type: CON, code: CONTENT, messageId: 9_000, token, payload: textBytes('21') }, STATION);
  expect(Buffer.from((await done).payload).toString()).toBe('21');
  expect(steps).toEqual([
    'out CON 0.01',
    'out CON 0.01 +1',
    'in ACK 0.00',
    'in ACK 0.00',
    'in CON 2.05',
    'out ACK 0.00',
  ]);
  expect(times.slice(0, 3)).toEqual([0, 2_000, 2_100]);
  // It is over: what comes later is not told.
  device.send({ type: CON, code: CONTENT, messageId: 9_000, token, payload: textBytes('21') }, STATION);
  device.send({ type: ACK, code: 0, messageId }, STATION);
  await rig.net.settle();
  expect(steps.length).toBe(6);
});

test('every block, and the duplicate of an earlier one', async () => {
  const { steps, done } = traced();
  await rig.net.settle();
  const block = (number: number, more: boolean) => ({
    options: [{ number: BLOCK2, value: encodeBlock(number, more, 0) }],
    payload: new Uint8Array(16),
  });
  const first = device.last();
  await answer(block(0, true));
  const again = { type: ACK, code: CONTENT, messageId: first.messageId, token: first.token };
  device.send({ ...again, ...block(0, true) }, STATION);
  await rig.net.settle();
  await answer(block(1, false));
  expect((await done).blocks).toBe(2);
  expect(steps).toEqual([
    'out CON 0.01',
    'in ACK 2.05',
    'out CON 0.01',
    'in ACK 2.05 unmatched',
    'in ACK 2.05',
  ]);
});

test('a rejection and a broken answer are the last steps of a request that fails', async () => {
  const reset = traced();
  const failed = reset.done.catch(() => 'failed');
  await rig.net.settle();
  device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
  expect(await failed).toBe('failed');
  expect(reset.steps).toEqual(['out CON 0.01', 'in RST 0.00']);
  const broken = traced();
  const gone = broken.done.catch(() => 'failed');
  await rig.net.settle();
  await answer({ options: [{ number: 9_001, value: new Uint8Array(0) }] });
  expect(await gone).toBe('failed');
  expect(broken.steps).toEqual(['out CON 0.01', 'in ACK 2.05 refused']);
});

test('an observation from its registration to the answer of its cancellation', async () => {
  const steps: string[] = [];
  const observation = rig.endpoint.observe(
    URI,
    { onWire: (event) => steps.push(line(event)) },
    { notification: () => undefined },
  );
  await rig.net.settle();
  const { token } = device.last();
  await answer({ options: [uintOption(OBSERVE, 1)] });
  const options = [uintOption(OBSERVE, 2)];
  device.send({ type: CON, code: CONTENT, messageId: 50, token, options }, STATION);
  device.send({ type: CON, code: CONTENT, messageId: 50, token, options }, STATION);
  device.send({ type: NON, code: CONTENT, messageId: 51, token, options: [uintOption(OBSERVE, 3)] }, STATION);
  await rig.net.settle();
  const cancelling = observation.cancel();
  await rig.net.settle();
  await answer();
  await cancelling;
  expect(steps).toEqual([
    'out CON 0.01',
    'in ACK 2.05',
    'in CON 2.05',
    'out ACK 0.00',
    'in CON 2.05 duplicate',
    'out ACK 0.00 +1',
    'in NON 2.05',
    'out CON 0.01',
    'in ACK 2.05',
  ]);
});

test('a listener that throws is logged and hurts nobody', async () => {
  const done = rig.endpoint.request(URI, {
    onWire: () => {
      throw new Error('screen');
    },
  });
  await rig.net.settle();
  await answer();
  expect((await done).code).toBe('2.05');
  expect(rig.problems.length).toBe(2);
});

test('nothing is looked at while nobody traces, and what is remembered of a long one is bounded', () => {
  let tap: ((event: WireEvent) => void) | undefined;
  const traces = new Traces({ ...console, debug: () => undefined }, (next) => (tap = next));
  const carrier = { transport: 'udp', address: ipv4(7) } as Parameters<
    ReturnType<typeof traces.open>['follow']
  >[0];
  let heard = 0;
  const one = traces.open(() => heard++);
  const two = traces.open(() => undefined);
  const token = (n: number) => Uint8Array.of(n >> 8, n);
  for (let n = 0; n < 5_000; n++) one.follow(carrier, token(n));
  const message = (n: number): WireEvent => ({
    direction: 'out',
    transport: 'udp',
    peer: ipv4(7),
    bytes: Uint8Array.of(0x42, 1, 0, 1, n >> 8, n),
    atMs: 0,
    repeat: 0,
    verdict: 'ok',
  });
  tap?.(message(4_999));
  tap?.(message(10));
  expect(heard).toBe(1);
  one.close();
  one.close();
  expect(tap).toBeDefined();
  tap?.(message(4_999));
  two.close();
  expect([heard, tap]).toEqual([1, undefined]);
});

test.each<[WireEvent['transport'], number[]]>([
  ['tcp', [0x02, 1, 7, 7]],
  ['tcp', [0xd2, 0, 1, 7, 7]],
  ['tls', [0xe2, 0, 0, 1, 7, 7]],
  ['tls', [0xf2, 0, 0, 0, 0, 1, 7, 7]],
  ['ws', [0x02, 1, 7, 7]],
])('a token is found in %s', (transport, head) => {
  let tap: ((event: WireEvent) => void) | undefined;
  const traces = new Traces({ ...console, debug: () => undefined }, (next) => (tap = next));
  let heard = 0;
  const trace = traces.open(() => heard++);
  trace.follow({ transport, address: ipv4(7) } as Parameters<typeof trace.follow>[0], Uint8Array.of(7, 7));
  const rest = { direction: 'in', peer: ipv4(7), atMs: 0, repeat: 0, verdict: 'ok' } as const;
  tap?.({ ...rest, transport, bytes: Uint8Array.from(head) });
  tap?.({ ...rest, transport, bytes: Uint8Array.from(head.slice(0, -1)) });
  expect(heard).toBe(1);
});

test('a request that finds no free message number says how long it waits, and goes then (§4.4)', async () => {
  const carrier = await rig.endpoint.carrierFor(URI);
  const empty = new Uint8Array(0);
  const token = Uint8Array.of(1);
  for (let sent = 0; sent < 0x1_0000; sent++) {
    carrier.sendUnawaited({ confirmable: false, code: 1, token, options: [], payload: empty });
  }
  await rig.net.settle();
  const steps: string[] = [];
  const done = rig.endpoint.request(URI, {
    onWire: (event) => steps.push(line(event)),
    onWaiting: (waitMs) => steps.push(`waits ${waitMs}`),
  });
  await rig.pass(246_000, 1_000);
  expect(steps).toEqual(['waits 247000']);
  await rig.pass(1_200);
  await answer();
  await done;
  expect(steps).toEqual(['waits 247000', 'out CON 0.01', 'in ACK 2.05']);
  expect(rig.endpoint.counters.messageIdWaits).toBe(1);
});
