/**
 * Bad input, exhaustively: every datagram is counted once, answered by the right RST or by silence, and leaves no
 * state; an exchange with another peer goes on undisturbed.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LayerRig } from '../../../test/support/coap-layer.ts';
import { STATION, HandPeer, ipv4, textBytes } from '../../../test/support/coap-net.ts';
import { decodeMessage, encodeMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, METHOD_CODES, NON, RST } from '../codec/codes.ts';
import type { MessageType } from '../codec/codes.ts';
import { CONTENT_FORMAT, OBSERVE, URI_PATH, URI_QUERY, textOption, uintOption } from '../codec/options.ts';

let rig: LayerRig;
let bad: HandPeer;
let good: HandPeer;
let finish: () => Promise<string[]>;

beforeEach(async () => {
  rig = await LayerRig.start();
  bad = new HandPeer(rig.net, ipv4(66));
  good = new HandPeer(rig.net, ipv4(7));
  const answers: string[] = [];
  const carrier = rig.layer.carrier(good.at);
  const token = carrier.freshToken();
  const owner = {
    onResponse: ({ payload }: { payload: Uint8Array }) => void answers.push(Buffer.from(payload).toString()),
    onBrokenResponse: (error: Error) => void answers.push(error.message),
  };
  carrier.own(token, owner);
  const message = { confirmable: true, code: METHOD_CODES.GET, token, options: [], payload: textBytes('') };
  const sending = carrier.send(message, {
    acknowledged: () => undefined,
    failed: (error) => void answers.push(error.message),
  });
  await rig.net.settle();
  finish = async () => {
    const { messageId } = good.received[0]!.message;
    good.send({ type: ACK, code: CONTENT, messageId, token, payload: textBytes('good') }, STATION);
    await rig.net.settle();
    carrier.disown(token, owner);
    sending.release();
    return answers;
  };
});
afterEach(async () => {
  const sent = good.received.length;
  expect(await finish()).toEqual(['good']);
  expect(sent).toBe(1);
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});

const header = (type: MessageType, tokenBytes: number, code: number) => [
  0x40 | (type << 4) | tokenBytes,
  code,
  0x12,
  0x34,
];
const RESET = [0x70, 0, 0x12, 0x34];

/** The reply it may get: RST for a CON whose header can be read, else nothing. */
async function expectRefused(bytes: number[], reply: number[] | null): Promise<void> {
  const before = { ...rig.counters };
  bad.received.length = 0;
  bad.sendBytes(Uint8Array.from(bytes), STATION);
  await rig.net.settle();
  expect(bad.received.map(({ bytes: got }) => [...got])).toEqual(reply === null ? [] : [reply]);
  expect(rig.counters).toEqual({
    ...before,
    malformed: before.malformed + 1,
    datagramsIn: before.datagramsIn + 1,
    datagramsOut: before.datagramsOut + (reply === null ? 0 : 1),
    resetsSent: before.resetsSent + (reply === null ? 0 : 1),
  });
  expect([rig.layer.peerCount, rig.layer.rememberedIds, rig.requests.length]).toEqual([1, 0, 0]);
}

const rich = {
  messageId: 0x1234,
  token: Uint8Array.of(1, 2, 3, 4),
  options: [
    uintOption(OBSERVE, 70_000),
    textOption(URI_PATH, 'a path segment that is longer than twelve bytes'),
    uintOption(CONTENT_FORMAT, 0),
    textOption(URI_QUERY, 'q'.repeat(255)),
    { number: 2_048, value: new Uint8Array(300) },
    { number: 65_000, value: new Uint8Array(0) },
  ],
  payload: textBytes('payload'),
};

test.each<[string, MessageType, number]>([
  ['CON request', CON, METHOD_CODES.POST],
  ['NON request', NON, METHOD_CODES.POST],
  ['CON response', CON, CONTENT],
  ['NON response', NON, CONTENT],
  ['ACK response', ACK, CONTENT],
])('every cut of a %s that is not a message itself', async (_what, type, code) => {
  const whole = encodeMessage({ ...rich, type, code });
  let cuts = 0;
  for (let length = 0; length < whole.length; length++) {
    const cut = whole.subarray(0, length);
    if (decodeMessage(cut).ok) continue;
    cuts++;
    await expectRefused([...cut], type === CON && length >= 4 ? RESET : null);
  }
  expect(cuts).toBeGreaterThan(600);
});

describe('every CON', () => {
  const GET = METHOD_CODES.GET;
  const reserved = [1, 3, 6, 7].flatMap((one) => [one << 5, (one << 5) | 31]);
  test.each<[string, number[]]>([
    ...[9, 10, 11, 12, 13, 14, 15].map((tkl): [string, number[]] => [
      `token length ${tkl}`,
      [...header(CON, tkl, GET), ...new Array<number>(20).fill(1)],
    ]),
    ['token past the end', [...header(CON, 8, GET), 1, 2, 3]],
    ...reserved.map((code): [string, number[]] => [`reserved code ${code}`, header(CON, 0, code)]),
    ['empty with a token', [...header(CON, 1, 0), 1]],
    ['empty with a token length only', header(CON, 1, 0)],
    ['empty with an option', [...header(CON, 0, 0), 0xb1, 0x61]],
    ['empty with a payload', [...header(CON, 0, 0), 0xff, 0x61]],
    ['delta 15', [...header(CON, 0, GET), 0xf1, 0x61]],
    ['length 15', [...header(CON, 0, GET), 0xbf, 0x61]],
    ['delta 13 without its byte', [...header(CON, 0, GET), 0xd0]],
    ['delta 14 with one byte', [...header(CON, 0, GET), 0xe0, 1]],
    ['length 13 without its byte', [...header(CON, 0, GET), 0xbd]],
    ['length 14 with one byte', [...header(CON, 0, GET), 0xbe, 1]],
    ['length past the end', [...header(CON, 0, GET), 0xb2, 0x61]],
    ['length far past the end', [...header(CON, 0, GET), 0xbe, 0xff, 0xff, 0x61]],
    ['numbers past 65535', [...header(CON, 0, GET), 0xe0, 0xff, 0xff]],
    ['a marker without payload', [...header(CON, 0, GET), 0xff]],
    ['a marker without payload after an option', [...header(CON, 0, GET), 0xb1, 0x61, 0xff]],
  ])('%s is rejected', async (_what, bytes) => {
    await expectRefused(bytes, RESET);
    // As NON it is dropped in silence.
    await expectRefused([0x50 | (bytes[0]! & 15), ...bytes.slice(1)], null);
  });
});

test.each<[string, number[]]>([
  ...[0, 2, 3].map((version): [string, number[]] => [`version ${version}`, [version << 6, 1, 0x12, 0x34]]),
  ['RST with a request', header(RST, 0, 1)],
  ['RST with a response', header(RST, 0, CONTENT)],
  ['RST with a token', [...header(RST, 1, 0), 1]],
  ['ACK with a request', header(ACK, 0, 1)],
  ['ACK with a token and no code', [...header(ACK, 1, 0), 1]],
  ['no bytes', []],
  ['three bytes', [0x40, 1, 0]],
])('%s is dropped', async (_what, bytes) => {
  await expectRefused(bytes, null);
});

test('a malformed answer ends only the exchange that it names', async () => {
  const { messageId, token } = good.received[0]!.message;
  // From the wrong peer, with the right id and token.
  bad.sendBytes(
    Uint8Array.of(0x60 | token.length, CONTENT, messageId >> 8, messageId & 255, ...token, 0xff),
    STATION,
  );
  await rig.net.settle();
  expect(rig.counters.malformed).toBe(1);
});
