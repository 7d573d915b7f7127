import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allPackets, anyPacket } from '../../../test/support/mqtt-packets.ts';
import { decodePacket } from './decode.ts';
import { encodePacket } from './encode.ts';
import { asBuffer } from './fields.ts';
import { bodyStart, packetBytes } from './frame.ts';
import { MalformedPacket } from './malformed.ts';
import type { Packet, ProtocolLevel } from './packet.ts';
import { assemble } from './writing.ts';

const MAX = 1_048_576;
const LEVELS: ProtocolLevel[] = [3, 4, 5];

function decode(bytes: Uint8Array, level: number): Packet {
  const buffer = asBuffer(bytes);
  const total = packetBytes(buffer, 0, buffer.length, MAX, level);
  if (total !== buffer.length) throw new Error(`the packet is ${total} of ${buffer.length} bytes`);
  return decodePacket(buffer, 0, total, level);
}

/** Bytes as plain arrays: a Buffer and a Uint8Array of the same bytes are not equal. */
function comparable(packet: Packet): unknown {
  return JSON.parse(
    JSON.stringify(packet, (_name, value: unknown) => {
      if (value instanceof Uint8Array) return [...value];
      return value;
    }).replaceAll(/\{"type":"Buffer","data":(\[[0-9,]*\])\}/g, '$1'),
  );
}

/** `decode`, but null for a refusal; whatever else is thrown is a fault. */
function decodeOrRefuse(bytes: Uint8Array, level: number): Packet | null {
  try {
    return decode(bytes, level);
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedPacket);
    return null;
  }
}

/** The body of `whole` changed by `change`, under a fixed header that says its length. */
function withBody(whole: Buffer, change: (body: Buffer) => Buffer): Buffer {
  return assemble(whole[0]!, [change(whole.subarray(bodyStart(whole, 0)))]);
}

describe.each(LEVELS)('the codec at level %i', (level) => {
  const packet = anyPacket(level);

  it.each(Object.entries(allPackets(level)))('reads back every %s that it writes', (_type, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (value) => {
        expect(comparable(decode(encodePacket(value, level), level))).toEqual(comparable(value));
      }),
      { numRuns: 150 },
    );
  });

  it('waits for the rest of a fixed header, and knows the length from then on', () => {
    fc.assert(
      fc.property(packet, (value) => {
        const whole = encodePacket(value, level);
        const body = bodyStart(whole, 0);
        for (let length = 0; length < whole.length; length++) {
          const total = packetBytes(whole.subarray(0, length), 0, length, MAX, level);
          expect(total).toBe(length < body ? -1 : whole.length);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('refuses a body that ends early, or reads it as a packet in its own right', () => {
    fc.assert(
      fc.property(packet, (value) => {
        const whole = encodePacket(value, level);
        const length = whole.length - bodyStart(whole, 0);
        for (let cut = 0; cut < length; cut++) {
          decodeOrRefuse(
            withBody(whole, (body) => body.subarray(0, cut)),
            level,
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  it('reads what it took from changed bytes once more after writing it, and throws nothing but refusals', () => {
    const change = fc.record({
      at: fc.nat(),
      cut: fc.integer({ min: 0, max: 2 }),
      put: fc.uint8Array({ maxLength: 3 }),
    });
    let taken = 0;
    fc.assert(
      fc.property(packet, fc.array(change, { minLength: 1, maxLength: 4 }), (value, changes) => {
        let bytes = encodePacket(value, level);
        for (const { at, cut, put } of changes) {
          bytes = withBody(bytes, (body) => {
            const from = at % (body.length + 1);
            return Buffer.concat([body.subarray(0, from), put, body.subarray(from + cut)]);
          });
        }
        const read = decodeOrRefuse(bytes, level);
        if (read === null || read.type === 'connect-unsupported') return;
        taken++;
        const written = encodePacket(read, level);
        expect(comparable(decode(written, read.type === 'connect' ? read.protocolLevel : level))).toEqual(
          comparable(read),
        );
      }),
      { numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it('answers random bytes with a packet or a refusal', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 15 }), fc.uint8Array({ maxLength: 120 }), (type, body) => {
        const flags = type === 6 || type === 8 || type === 10 ? 2 : 0;
        decodeOrRefuse(Buffer.from([(type << 4) | flags, body.length, ...body]), level);
      }),
      { numRuns: 3_000 },
    );
  });

  it('reads Remaining Length at its borders', () => {
    const head = level === 5 ? 4 : 3;
    for (const remaining of [head, 127, 128, 16_383, 16_384, 1_000_000]) {
      const value: Packet = {
        type: 'publish',
        topic: 't',
        payload: Buffer.alloc(remaining - head),
        qos: 0,
        retain: false,
        dup: false,
        packetId: 0,
        properties: {},
      };
      const whole = encodePacket(value, level);
      expect(whole.length - bodyStart(whole, 0)).toBe(remaining);
      expect(decode(whole, level)).toMatchObject({ topic: 't' });
    }
  });

  it('does not write what MQTT cannot say', () => {
    const long = 'x'.repeat(65_536);
    const unsubscribe: Packet = { type: 'unsubscribe', packetId: 1, filters: [long], properties: {} };
    expect(() => encodePacket(unsubscribe, level)).toThrow('65,535');
  });
});

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('the bytes of the standard', () => {
  it('of 3.1.1', () => {
    const connect = hex('10 10 00 04 4d 51 54 54 04 02 00 3c 00 04 64 65 76 31');
    expect(decode(connect, 4)).toMatchObject({ clientId: 'dev1', keepAliveSeconds: 60, cleanStart: true });
    const suback: Packet = { type: 'suback', packetId: 10, reasonCodes: [0, 2, 0x80], properties: {} };
    expect(encodePacket(suback, 4)).toEqual(hex('90 05 000a 00 02 80'));
    const pubrel: Packet = { type: 'pubrel', packetId: 0x1234, reasonCode: 0, properties: {} };
    expect(encodePacket(pubrel, 4)).toEqual(hex('62 02 1234'));
  });

  it('of 3.1, whose SUBSCRIBE, UNSUBSCRIBE and PUBREL may come again with DUP', () => {
    const connect = hex('10 10 00 06 4d 51 49 73 64 70 03 02 00 3c 00 02 64 31');
    expect(decode(connect, 4)).toMatchObject({ clientId: 'd1', protocolLevel: 3 });
    for (const bytes of ['8a 06 0001 0001 61 00', 'aa 05 0001 0001 61', '6a 02 0001'].map(hex)) {
      expect(decode(bytes, 3)).toMatchObject({ packetId: 1 });
      expect(() => decode(bytes, 4)).toThrow('flags 10');
    }
  });

  it('of the CONNECT example of 5.0 (Figure 3-6)', () => {
    // Clean Start, will with QoS 1, password, user name; keep-alive 10; Session Expiry Interval 10.
    const bytes = hex(
      '10 23 0004 4d515454 05 ce 000a 05 11 0000000a 0001 61 00 0001 77 0002 6869 0001 75 0002 7077',
    );
    bytes[1] = bytes.length - 2;
    expect(comparable(decode(bytes, 4))).toEqual({
      type: 'connect',
      protocolLevel: 5,
      cleanStart: true,
      keepAliveSeconds: 10,
      clientId: 'a',
      will: { topic: 'w', payload: [0x68, 0x69], qos: 1, retain: false, properties: {} },
      username: 'u',
      password: [0x70, 0x77],
      properties: { sessionExpirySeconds: 10 },
    });
  });

  it.each([
    ['PUBACK of a success', '40 02 0001', { type: 'puback', packetId: 1, reasonCode: 0, properties: {} }],
    [
      'PUBACK with a code alone',
      '40 03 0001 10',
      { type: 'puback', packetId: 1, reasonCode: 0x10, properties: {} },
    ],
    [
      'PUBACK with a reason',
      '40 08 0001 87 04 1f 0001 6e',
      { type: 'puback', packetId: 1, reasonCode: 0x87, properties: { reasonString: 'n' } },
    ],
    ['DISCONNECT of nothing', 'e0 00', { type: 'disconnect', reasonCode: 0, properties: {} }],
    ['DISCONNECT with a code alone', 'e0 01 04', { type: 'disconnect', reasonCode: 4, properties: {} }],
    ['AUTH of nothing', 'f0 00', { type: 'auth', reasonCode: 0, properties: {} }],
  ])('%s is as short as it can be at level 5', (_what, text, packet) => {
    expect(encodePacket(packet as Packet, 5)).toEqual(hex(text));
    expect(decode(hex(text), 5)).toEqual(packet);
  });

  it('may say no properties where it could leave them out', () => {
    expect(decode(hex('40 04 0001 00 00'), 5)).toMatchObject({ type: 'puback', reasonCode: 0 });
    expect(decode(hex('e0 02 00 00'), 5)).toMatchObject({ type: 'disconnect', reasonCode: 0 });
  });

  it('keeps a byte order mark (MQTT-1.5.4-3)', () => {
    expect(decode(hex('30 06 0004 efbbbf61'), 4)).toMatchObject({ topic: '\ufeffa' });
  });

  it.each([
    ['MQTT', 6],
    ['MQTT', 3],
    ['MQTT', 0x84],
    ['MQIsdp', 4],
  ])('reads nothing behind the level of an unknown version: %s %i (MQTT-3.1.2-2)', (name, protocolLevel) => {
    const body = [0, name.length, ...Buffer.from(name), protocolLevel, 0xff, 0xff];
    const packet = decode(Buffer.from([0x10, body.length, ...body]), 4);
    expect(packet).toEqual({ type: 'connect-unsupported', protocolLevel });
  });
});
