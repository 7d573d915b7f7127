import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePacket } from './decode.ts';
import { encodePacket } from './encode.ts';
import { asBuffer } from './fields.ts';
import { packetBytes } from './frame.ts';
import { MalformedPacket } from './malformed.ts';
import type { Packet, Will } from './packet.ts';

const MAX = 1_048_576;

const id = fc.integer({ min: 1, max: 65_535 });
const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
const text = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((value) => !value.includes('\0'));
const topic = text.filter((value) => value.length > 0 && !/[#+]/.test(value));
const filter = fc.oneof(
  topic,
  topic.map((value) => `${value}/#`),
  topic.map((value) => `+/${value}/+`),
  fc.constant('#'),
);
const payload = fc.uint8Array({ maxLength: 300 });
const will = fc.option(fc.record<Will>({ topic, payload, qos, retain: fc.boolean() }));

const packet: fc.Arbitrary<Packet> = fc.oneof(
  fc
    .record({
      type: fc.constant('connect' as const),
      protocolLevel: fc.constantFrom(3 as const, 4 as const),
      cleanSession: fc.boolean(),
      keepAliveSeconds: fc.integer({ min: 0, max: 65_535 }),
      clientId: text,
      will,
      username: fc.option(text),
      password: fc.option(payload),
    })
    .map((value) => (value.username === null ? { ...value, password: null } : value)),
  fc
    .record({
      type: fc.constant('connack' as const),
      sessionPresent: fc.boolean(),
      returnCode: fc.integer({ min: 0, max: 5 }),
    })
    .map((value) => (value.returnCode > 0 ? { ...value, sessionPresent: false } : value)),
  fc
    .record({
      type: fc.constant('publish' as const),
      topic,
      payload,
      qos,
      retain: fc.boolean(),
      dup: fc.boolean(),
      packetId: id,
    })
    .map((value) => (value.qos === 0 ? { ...value, packetId: 0, dup: false } : value)),
  fc.record({
    type: fc.constantFrom(
      'puback' as const,
      'pubrec' as const,
      'pubrel' as const,
      'pubcomp' as const,
      'unsuback' as const,
    ),
    packetId: id,
  }),
  fc.record({
    type: fc.constant('subscribe' as const),
    packetId: id,
    filters: fc.array(fc.record({ filter, qos }), { minLength: 1, maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant('suback' as const),
    packetId: id,
    returnCodes: fc.array(fc.constantFrom(0, 1, 2, 0x80), { minLength: 1, maxLength: 5 }),
  }),
  fc.record({
    type: fc.constant('unsubscribe' as const),
    packetId: id,
    filters: fc.array(filter, { minLength: 1, maxLength: 5 }),
  }),
  fc.record({ type: fc.constantFrom('pingreq' as const, 'pingresp' as const, 'disconnect' as const) }),
);

function decode(bytes: Uint8Array): Packet {
  const buffer = asBuffer(bytes);
  const total = packetBytes(buffer, 0, buffer.length, MAX);
  if (total !== buffer.length) throw new Error(`the packet is ${total} of ${buffer.length} bytes`);
  return decodePacket(buffer, 0, total);
}

/** Bytes as plain arrays: a Buffer and a Uint8Array of the same bytes are not equal. */
function comparable(value: Packet): unknown {
  if (value.type === 'publish') return { ...value, payload: [...value.payload] };
  if (value.type !== 'connect') return value;
  const { will: left, password } = value;
  return {
    ...value,
    will: left === null ? null : { ...left, payload: [...left.payload] },
    password: password === null ? null : [...password],
  };
}

/** The reason why `bytes` are refused. */
function reasonOf(bytes: number[]): string {
  try {
    decode(Uint8Array.from(bytes));
  } catch (error) {
    if (error instanceof MalformedPacket) return error.reason;
    throw error;
  }
  return 'accepted';
}

describe('the codec', () => {
  it('reads back every packet that it writes', () => {
    fc.assert(
      fc.property(packet, (value) => {
        expect(comparable(decode(encodePacket(value)))).toEqual(comparable(value));
      }),
      { numRuns: 1_500 },
    );
  });

  it('refuses a body that ends early, whatever the packet, and waits for a fixed header that does', () => {
    fc.assert(
      fc.property(packet, (value) => {
        const whole = encodePacket(value);
        for (let length = 0; length < whole.length; length++) {
          const cut = whole.subarray(0, length);
          const total = packetBytes(cut, 0, length, MAX);
          expect(total === -1 || total === whole.length).toBe(true);
        }
        // The same with a header that is honest about the shorter body: never an accident, always a clear refusal
        // or a packet in its own right (a PUBLISH with less payload, a SUBSCRIBE with fewer filters).
        for (let body = 0; body < Math.min(whole.length - 2, 125); body++) {
          const start = whole.length - (whole.length < 130 ? whole.length - 2 : whole.length - 3);
          const cut = Buffer.concat([Buffer.from([whole[0]!, body]), whole.subarray(start, start + body)]);
          if (cut.length !== body + 2) continue;
          try {
            decodePacket(cut, 0, cut.length);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedPacket);
          }
        }
      }),
      { numRuns: 150 },
    );
  });

  it('answers random bytes with a packet or MalformedPacket, never with another error', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 14 }), fc.uint8Array({ maxLength: 120 }), (type, body) => {
        const flags = type === 6 || type === 8 || type === 10 ? 2 : 0;
        const bytes = Buffer.from([(type << 4) | flags, body.length, ...body]);
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedPacket);
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('knows the example bytes of the standard', () => {
    const connect = '10 10 00 04 4d 51 54 54 04 02 00 3c 00 04 64 65 76 31';
    expect(decode(Buffer.from(connect.replaceAll(' ', ''), 'hex'))).toMatchObject({
      clientId: 'dev1',
      keepAliveSeconds: 60,
    });
    expect(encodePacket({ type: 'suback', packetId: 10, returnCodes: [0, 2, 0x80] }).toString('hex')).toBe(
      '9005000a000280',
    );
    expect(encodePacket({ type: 'pubrel', packetId: 0x1234 }).toString('hex')).toBe('62021234');
  });

  it('reads Remaining Length at its borders', () => {
    for (const remaining of [0, 127, 128, 16_383, 16_384, 1_000_000]) {
      const value: Packet = {
        type: 'publish',
        topic: 't',
        payload: Buffer.alloc(Math.max(0, remaining - 3)),
        qos: 0,
        retain: false,
        dup: false,
        packetId: 0,
      };
      expect(decode(encodePacket(value))).toMatchObject({ topic: 't' });
    }
    expect(() => encodePacket({ type: 'unsubscribe', packetId: 1, filters: ['x'.repeat(65_536)] })).toThrow(
      '65,535',
    );
  });

  it.each([
    ['reserved type 0', [0x00, 0], 'reserved_type'],
    ['reserved type 15', [0xf0, 0], 'reserved_type'],
    ['PUBLISH with QoS 3', [0x36, 3, 0, 1, 0x61], 'qos'],
    ['DUP with QoS 0', [0x38, 3, 0, 1, 0x61], 'header_flags'],
    ['SUBSCRIBE without its flag', [0x80, 6, 0, 1, 0, 1, 0x61, 0], 'header_flags'],
    ['PUBREL without its flag', [0x60, 2, 0, 1], 'header_flags'],
    ['PINGREQ with a flag', [0xc1, 0], 'header_flags'],
    ['a Remaining Length of five bytes', [0x30, 0x80, 0x80, 0x80, 0x80, 1], 'remaining_length'],
    ['a Remaining Length with an idle byte', [0x30, 0x83, 0, 0, 1, 0x61], 'remaining_length'],
    ['a packet above the limit', [0x30, 0xff, 0xff, 0x7f], 'packet_too_large'],
    ['PUBLISH with an empty topic', [0x30, 2, 0, 0], 'topic_name'],
    ['PUBLISH with a wildcard', [0x30, 3, 0, 1, 0x23], 'topic_name'],
    ['PUBLISH with U+0000', [0x30, 3, 0, 1, 0], 'utf8'],
    ['PUBLISH with a surrogate', [0x30, 5, 0, 3, 0xed, 0xa0, 0x80], 'utf8'],
    ['PUBLISH with broken UTF-8', [0x30, 3, 0, 1, 0xc3], 'utf8'],
    ['PUBLISH with packet id 0', [0x32, 5, 0, 1, 0x61, 0, 0], 'packet_id'],
    ['PUBACK with packet id 0', [0x40, 2, 0, 0], 'packet_id'],
    ['PUBACK with a byte too many', [0x40, 3, 0, 1, 0], 'trailing_bytes'],
    ['SUBSCRIBE without a filter', [0x82, 2, 0, 1], 'no_filters'],
    ['SUBSCRIBE with QoS 3', [0x82, 6, 0, 1, 0, 1, 0x61, 3], 'qos'],
    ['SUBSCRIBE with # in the middle', [0x82, 8, 0, 1, 0, 3, 0x23, 0x2f, 0x61, 0], 'topic_filter'],
    ['SUBSCRIBE with half a +', [0x82, 7, 0, 1, 0, 2, 0x61, 0x2b, 0], 'topic_filter'],
    ['UNSUBSCRIBE without a filter', [0xa2, 2, 0, 1], 'no_filters'],
    ['PINGREQ with a body', [0xc0, 1, 0], 'trailing_bytes'],
    [
      'CONNECT of another protocol',
      [0x10, 12, 0, 4, 0x48, 0x54, 0x54, 0x50, 4, 2, 0, 60, 0, 0],
      'protocol_name',
    ],
    ['CONNECT with the reserved flag', [0x10, 12, 0, 4, 77, 81, 84, 84, 4, 3, 0, 60, 0, 0], 'connect_flags'],
    [
      'CONNECT with will QoS and no will',
      [0x10, 12, 0, 4, 77, 81, 84, 84, 4, 0x0a, 0, 60, 0, 0],
      'connect_flags',
    ],
    [
      'CONNECT with a password alone',
      [0x10, 14, 0, 4, 77, 81, 84, 84, 4, 0x42, 0, 60, 0, 0, 0, 0],
      'connect_flags',
    ],
    ['CONNACK with session and refusal', [0x20, 2, 1, 5], 'return_code'],
  ])('refuses %s', (_what, bytes, reason) => {
    expect(reasonOf(bytes)).toBe(reason);
  });

  it('keeps a byte order mark and reads nothing behind the level of an unknown version', () => {
    const bom = decode(Buffer.from([0x30, 6, 0, 4, 0xef, 0xbb, 0xbf, 0x61]));
    expect(bom).toMatchObject({ topic: '\ufeffa' });
    expect(decode(Buffer.from([0x10, 9, 0, 4, 77, 81, 84, 84, 5, 0xff, 0xff]))).toEqual({
      type: 'connect-unsupported',
      protocolLevel: 5,
    });
  });
});
