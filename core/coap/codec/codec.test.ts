import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { option, textBytes } from '../../../test/support/coap-net.ts';
import { decodeMessage, encodeEmpty, encodeMessage } from './codec.ts';
import type { CoapMessage, MalformedReason } from './codec.ts';
import { ACK, CON, NON, RST, isReserved, isRequest } from './codes.ts';
import type { MessageType } from './codes.ts';

const bytesUpTo = (max: number) => fc.uint8Array({ maxLength: max });

const anyMessage: fc.Arbitrary<CoapMessage> = fc
  .record({
    type: fc.constantFrom<MessageType>(CON, NON, ACK),
    code: fc.integer({ min: 1, max: 255 }).filter((code) => !isReserved(code)),
    messageId: fc.integer({ min: 0, max: 0xffff }),
    token: bytesUpTo(8),
    options: fc.array(
      fc.record({
        number: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 0xffff })),
        value: fc.oneof(bytesUpTo(20), bytesUpTo(400)),
      }),
      { maxLength: 8 },
    ),
    payload: bytesUpTo(1_100),
  })
  .filter((message) => !(message.type === ACK && isRequest(message.code)));

function refusal(...bytes: number[]): MalformedReason | 'accepted' {
  const decoded = decodeMessage(Uint8Array.from(bytes));
  return decoded.ok ? 'accepted' : decoded.malformed.reason;
}

/** Buffers and views compare by content. */
function plain(message: CoapMessage): unknown {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return {
    ...message,
    token: hex(message.token),
    payload: hex(message.payload),
    options: message.options.map(({ number, value }) => [number, hex(value)]),
  };
}

test('the example of RFC 7252 appendix A, figure 16', () => {
  const bytes = encodeMessage({
    type: CON,
    code: 1,
    messageId: 0x7d34,
    token: Uint8Array.of(),
    options: [{ number: 11, value: textBytes('temperature') }],
    payload: Uint8Array.of(),
  });
  expect(Buffer.from(bytes).toString('hex')).toBe(`40017d34bb${Buffer.from('temperature').toString('hex')}`);
});

test('whatever is encoded decodes to the same message, options in order of number', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const decoded = decodeMessage(encodeMessage(message));
      const sorted = message.options.toSorted((a, b) => a.number - b.number);
      expect(decoded.ok && plain(decoded.message)).toEqual(plain({ ...message, options: sorted }));
    }),
    { numRuns: 500 },
  );
});

test('every truncation of a message is refused or is another whole message, and never throws', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const bytes = encodeMessage(message);
      for (let length = 0; length < bytes.length; length++) {
        const decoded = decodeMessage(bytes.subarray(0, length));
        if (decoded.ok) expect(encodeMessage(decoded.message).length).toBe(length);
      }
    }),
    { numRuns: 60 },
  );
});

test('random bytes decode to nothing or to what encodes again to a message that means the same', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      if (bytes.length > 0) bytes[0] = 0x40 | (bytes[0]! & 0x3f);
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) return;
      const again = decodeMessage(encodeMessage(decoded.message));
      expect(again.ok && plain(again.message)).toEqual(plain(decoded.message));
    }),
    { numRuns: 3_000 },
  );
});

describe('what the format forbids', () => {
  test.each<[string, MalformedReason, number[]]>([
    ['nothing', 'too_short', []],
    ['three bytes', 'too_short', [0x40, 1, 0]],
    ['version 0', 'version', [0x00, 1, 0, 1]],
    ['version 2', 'version', [0x80, 1, 0, 1]],
    ['a token of 9 bytes', 'token_length', [0x49, 1, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ['a token of 15 bytes', 'token_length', [0x4f, 1, 0, 1]],
    ['a token past the end', 'token_past_end', [0x44, 1, 0, 1, 1, 2, 3]],
    ['an empty message with a token', 'empty_not_empty', [0x41, 0, 0, 1, 1]],
    ['an empty message with a payload', 'empty_not_empty', [0x40, 0, 0, 1, 0xff, 1]],
    ['class 1', 'reserved_class', [0x40, 0x21, 0, 1]],
    ['class 3', 'reserved_class', [0x40, 0x61, 0, 1]],
    ['class 6', 'reserved_class', [0x40, 0xc1, 0, 1]],
    ['class 7', 'reserved_class', [0x40, 0xe1, 0, 1]],
    ['a RST that is not empty', 'type_code', [0x70, 0x45, 0, 1]],
    ['an ACK that carries a request', 'type_code', [0x60, 1, 0, 1]],
    ['a marker without payload', 'marker_without_payload', [0x40, 1, 0, 1, 0xff]],
    ['option delta 15', 'option_nibble', [0x40, 1, 0, 1, 0xf0]],
    ['option length 15', 'option_nibble', [0x40, 1, 0, 1, 0x0f]],
    ['an option past the end', 'option_past_end', [0x40, 1, 0, 1, 0xb5, 1, 2]],
    ['an extended delta past the end', 'option_past_end', [0x40, 1, 0, 1, 0xe0, 1]],
    ['an extended length past the end', 'option_past_end', [0x40, 1, 0, 1, 0x0d]],
    ['an option number past 65535', 'option_number', [0x40, 1, 0, 1, 0xe0, 0xff, 0xff]],
  ])('%s: %s', (_what, reason, bytes) => {
    expect(refusal(...bytes)).toBe(reason);
  });

  test('a refusal tells type, id and token where they could be read', () => {
    const decoded = decodeMessage(Uint8Array.of(0x42, 0x45, 0x12, 0x34, 7, 8, 0xff));
    expect(decoded).toEqual({
      ok: false,
      malformed: {
        reason: 'marker_without_payload',
        type: CON,
        messageId: 0x1234,
        token: Uint8Array.of(7, 8),
      },
    });
  });
});

test('what has no encoding is refused', () => {
  const message = (change: Partial<CoapMessage>): CoapMessage => ({
    type: CON,
    code: 1,
    messageId: 1,
    token: Uint8Array.of(),
    options: [],
    payload: Uint8Array.of(),
    ...change,
  });
  const refused = (change: Partial<CoapMessage>) => {
    try {
      encodeMessage(message(change));
      return 'accepted';
    } catch (error) {
      return codeOf(error);
    }
  };
  expect(refused({ token: new Uint8Array(9) })).toBe('coap.bad_request');
  expect(refused({ options: [option(0x1_0000)] })).toBe('coap.bad_request');
  expect(refused({ payload: new Uint8Array(65_503) })).toBe('coap.too_large');
  expect(refused({ payload: new Uint8Array(65_502) })).toBe('accepted');
});

test('an empty message has four bytes', () => {
  expect([...encodeEmpty(RST, 0x1234)]).toEqual([0x70, 0, 0x12, 0x34]);
});
