import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { option } from '../../../test/support/coap-net.ts';
import { isReserved } from '../codec/codes.ts';
import { decodeFramed, encodeFramed, streamMessageBytes } from './codec.ts';
import type { FrameProblem, Framing, ReliableMessage } from './codec.ts';
import { FrameReader, HeldBudget } from './frame-reader.ts';
import { signalName, signalOptionName } from './signals.ts';

const bytesUpTo = (max: number) => fc.uint8Array({ maxLength: max });
const anyMessage: fc.Arbitrary<ReliableMessage> = fc.record({
  code: fc.integer({ min: 1, max: 255 }).filter((code) => code >> 5 === 7 || !isReserved(code)),
  token: bytesUpTo(8),
  options: fc.array(
    fc.record({
      number: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 0xffff })),
      value: fc.oneof(bytesUpTo(20), bytesUpTo(400)),
    }),
    { maxLength: 6 },
  ),
  payload: fc.oneof(bytesUpTo(20), bytesUpTo(1_500)),
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

function plain(message: ReliableMessage): unknown {
  const options = message.options
    .toSorted((a, b) => a.number - b.number)
    .map(({ number, value }) => [number, hex(value)]);
  return { code: message.code, token: hex(message.token), payload: hex(message.payload), options };
}

/** What comes of a stream that arrives in these pieces. */
function read(pieces: Uint8Array[], maxBytes = 100_000) {
  const budget = new HeldBudget(1_000_000);
  const messages: unknown[] = [];
  let problem: FrameProblem | undefined;
  const reader = new FrameReader(maxBytes, budget, {
    message: (message) => messages.push(plain(message)) > 0,
    broken: (why) => (problem = why),
  });
  for (const piece of pieces) if (!reader.feed(piece)) break;
  return { messages, problem, held: reader.heldBytes, budget };
}

const stream = (message: Partial<ReliableMessage> & { code: number }) =>
  encodeFramed(
    { token: new Uint8Array(0), options: [], payload: new Uint8Array(0), ...message },
    'stream',
    Infinity,
  );

test('the examples of RFC 8323: figure 5 (2.03 with a token), figures 11 and 12 (Ping and Pong)', () => {
  expect(hex(stream({ code: 0x43, token: Uint8Array.of(0x7f) }))).toBe('01437f');
  expect(hex(stream({ code: 0xe2, token: Uint8Array.of(0x42) }))).toBe('01e242');
  expect(read([Uint8Array.of(0x01, 0xe3, 0x42)]).messages).toEqual([
    { code: 0xe3, token: '42', payload: '', options: [] },
  ]);
});

test.each([
  [11, 'c045ff'],
  [12, 'd00045ff'],
  [267, 'd0ff45ff'],
  [268, 'e0000045ff'],
  [65_803, 'e0ffff45ff'],
  [65_804, 'f00000000045ff'],
])('a payload of %i bytes: the length is written in its shortest form', (bytes, start) => {
  const encoded = stream({ code: 0x45, payload: new Uint8Array(bytes) });
  expect(hex(encoded.subarray(0, start.length / 2))).toBe(start);
  expect(streamMessageBytes(encoded, 0, encoded.length)).toBe(encoded.length);
  expect(read([encoded]).messages).toHaveLength(1);
});

test.each<Framing>(['stream', 'websocket'])('what is encoded decodes to the same: %s', (framing) => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = encodeFramed(message, framing, Infinity);
      const decoded = decodeFramed(bytes, 0, bytes.length, framing);
      expect(typeof decoded === 'string' ? decoded : plain(decoded)).toEqual(plain(message));
      if (framing === 'websocket') expect(bytes[0]! >> 4).toBe(0);
    }),
    { numRuns: 400 },
  );
});

test('a stream may be split anywhere', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 3 }), (messages) => {
      const bytes = Buffer.concat(messages.map((one) => encodeFramed(one, 'stream', Infinity)));
      const expected = messages.map(plain);
      const step = Math.max(1, Math.floor(bytes.length / 200));
      for (let at = 0; at <= bytes.length; at += step) {
        const result = read([bytes.subarray(0, at), bytes.subarray(at)]);
        expect(result.messages).toEqual(expected);
        expect([result.held, result.budget.bytes, result.problem]).toEqual([0, 0, undefined]);
      }
    }),
    { numRuns: 40 },
  );
});

test('and into single bytes, or pieces of any size', () => {
  fc.assert(
    fc.property(
      fc.array(anyMessage, { maxLength: 4 }),
      fc.integer({ min: 1, max: 700 }),
      (messages, size) => {
        const bytes = Buffer.concat(messages.map((one) => encodeFramed(one, 'stream', Infinity)));
        const pieces: Uint8Array[] = [];
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size));
        const result = read(pieces);
        expect(result.messages).toEqual(messages.map(plain));
        expect([result.held, result.budget.bytes]).toEqual([0, 0]);
      },
    ),
    { numRuns: 150 },
  );
});

test('random bytes: messages or one problem, never a throw, never more held than came', () => {
  fc.assert(
    fc.property(fc.array(bytesUpTo(40), { maxLength: 10 }), (pieces) => {
      const came = pieces.reduce((sum, piece) => sum + piece.length, 0);
      const result = read(pieces, 5_000);
      expect(result.held).toBeLessThanOrEqual(came);
      expect(result.budget.bytes).toBeLessThanOrEqual(Math.max(512, 2 * came));
      if (result.problem !== undefined) expect(result.budget.bytes).toBe(0);
    }),
    { numRuns: 3_000 },
  );
});

describe('what the format forbids', () => {
  test.each<[string, FrameProblem, number[]]>([
    ['a token of 9 bytes', 'token_length', [0x09]],
    ['a token of 15 bytes', 'token_length', [0x0f, 0x45]],
    ['class 1', 'reserved_class', [0x00, 0x21]],
    ['class 3', 'reserved_class', [0x00, 0x61]],
    ['class 6', 'reserved_class', [0x00, 0xc1]],
    ['a marker without payload', 'marker_without_payload', [0x10, 0x45, 0xff]],
    ['option delta 15', 'option_nibble', [0x10, 0x45, 0xf0]],
    ['option length 15', 'option_nibble', [0x10, 0x45, 0x0f]],
    ['an option past the end', 'option_past_end', [0x20, 0x45, 0xb5, 1]],
    ['an extended delta past the end', 'option_past_end', [0x20, 0x45, 0xe0, 1]],
    ['an option number past 65535', 'option_number', [0x30, 0x45, 0xe0, 0xff, 0xff]],
    ['a signal with a broken option', 'option_past_end', [0x10, 0xe1, 0x24]],
  ])('%s: %s, at every split point', (_what, problem, bytes) => {
    for (let at = 0; at <= bytes.length; at++) {
      const whole = Uint8Array.from(bytes);
      expect(read([whole.subarray(0, at), whole.subarray(at)])).toMatchObject({ problem, messages: [] });
    }
  });

  test.each<[string, FrameProblem, number[]]>([
    ['nothing', 'too_short', []],
    ['one byte', 'too_short', [0x00]],
    ['a length', 'length', [0x10, 0x45, 0x00]],
    ['a token past the end', 'token_past_end', [0x04, 0x45, 1, 2, 3]],
  ])('over WebSocket %s: %s', (_what, problem, bytes) => {
    expect(decodeFramed(Uint8Array.from(bytes), 0, bytes.length, 'websocket')).toBe(problem);
  });

  test('a message past Max-Message-Size is refused by its header, before a byte of it is held', () => {
    // 4 GiB announced in five bytes.
    expect(read([Uint8Array.of(0xf0, 0xff, 0xff, 0xff, 0xff)])).toMatchObject({
      problem: 'too_large',
      held: 0,
    });
    const fits = stream({ code: 0x45, payload: new Uint8Array(995) });
    expect(read([fits], fits.length).messages).toHaveLength(1);
    expect(read([fits], fits.length - 1)).toMatchObject({ problem: 'too_large', messages: [] });
    expect(read([fits.subarray(0, 2), fits.subarray(2)], fits.length - 1).problem).toBe('too_large');
  });

  test('what follows a broken message is not read', () => {
    const good = stream({ code: 0x45 });
    expect(read([Buffer.concat([good, Uint8Array.of(0x00, 0x21), good]), good]).messages).toHaveLength(1);
  });

  test('a large size that is announced costs only what comes', () => {
    const budget = new HeldBudget(1_000_000);
    const reader = new FrameReader(300_000, budget, { message: () => true, broken: () => undefined });
    const large = stream({ code: 0x45, payload: new Uint8Array(200_000) });
    reader.feed(large.subarray(0, 100));
    expect(budget.bytes).toBeLessThanOrEqual(512);
    reader.feed(large.subarray(100, 10_000));
    expect(budget.bytes).toBeLessThanOrEqual(20_000);
    reader.stop();
    expect(budget.bytes).toBe(0);
  });

  test('when too much is held, whoever asks for more is refused', () => {
    const problems: FrameProblem[] = [];
    const budget = new HeldBudget(1_000);
    const open = () =>
      new FrameReader(10_000, budget, { message: () => true, broken: (why) => problems.push(why) });
    const large = stream({ code: 0x45, payload: new Uint8Array(5_000) });
    const first = open();
    first.feed(large.subarray(0, 400));
    open().feed(large.subarray(0, 600));
    expect(problems).toEqual(['no_room']);
    expect(budget.bytes).toBe(800);
    first.feed(large.subarray(400, 500));
    expect(problems).toEqual(['no_room']);
  });
});

test('an empty message may carry anything (§3.4)', () => {
  expect(read([Uint8Array.of(0x11, 0, 7, 0xff)]).messages).toEqual([
    { code: 0, token: '07', payload: '', options: [] },
  ]);
});

test('what has no encoding, or is too large for the other end', () => {
  const refused = (message: Partial<ReliableMessage>, maxBytes = 1_152) => {
    try {
      const whole = {
        code: 1,
        token: new Uint8Array(0),
        options: [],
        payload: new Uint8Array(0),
        ...message,
      };
      return encodeFramed(whole, 'stream', maxBytes).length;
    } catch (error) {
      return codeOf(error);
    }
  };
  expect(refused({ token: new Uint8Array(9) })).toBe('coap.bad_request');
  expect(refused({ options: [option(0x1_0000)] })).toBe('coap.bad_request');
  expect(refused({ payload: new Uint8Array(1_147) })).toBe(1_152);
  expect(refused({ payload: new Uint8Array(1_148) })).toBe('coap.too_large');
});

test('the names of signals and of their options, which mean something else under each code', () => {
  expect([0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6].map(signalName)).toEqual([
    'CSM',
    'Ping',
    'Pong',
    'Release',
    'Abort',
    undefined,
  ]);
  expect([0xe1, 0xe2, 0xe3, 0xe4, 0xe5].map((code) => signalOptionName(code, 2))).toEqual([
    'Max-Message-Size',
    'Custody',
    'Custody',
    'Alternative-Address',
    'Bad-CSM-Option',
  ]);
  expect([signalOptionName(0xe1, 4), signalOptionName(0xe4, 4)]).toEqual(['Block-Wise-Transfer', 'Hold-Off']);
  expect(signalOptionName(0xe2, 4)).toBe('Option 4');
});
