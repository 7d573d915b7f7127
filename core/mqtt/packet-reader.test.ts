import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePacket } from './codec/encode.ts';
import { PacketReader } from './packet-reader.ts';

const publish = { type: 'publish', topic: 'a/b', retain: false, dup: false, properties: {} } as const;
const subscription = {
  filter: 'x/#',
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
} as const;

/** Packets of level 5, AUTH and properties among them. */
const packets = [
  encodePacket({ type: 'pingreq' }, 5),
  encodePacket({ ...publish, payload: Buffer.from('21.5'), qos: 0, packetId: 0 }, 5),
  encodePacket(
    { ...publish, payload: Buffer.alloc(200, 7), qos: 2, retain: true, dup: true, packetId: 5 },
    5,
  ),
  encodePacket({ type: 'auth', reasonCode: 0x19, properties: { authMethod: 'm' } }, 5),
  encodePacket(
    {
      ...publish,
      payload: Buffer.from('x'),
      qos: 0,
      packetId: 0,
      properties: { userProperties: [['a', 'b']] },
    },
    5,
  ),
  encodePacket({ type: 'subscribe', packetId: 3, filters: [subscription], properties: {} }, 5),
  encodePacket({ type: 'puback', packetId: 4, reasonCode: 0, properties: {} }, 5),
];
const stream = Buffer.concat(packets);
const wanted = packets.map((packet) => packet.toString('hex'));

function collector(options: { pauseAt?: number; again?: boolean } = {}) {
  const seen: string[] = [];
  const reader: PacketReader = new PacketReader(
    {
      receive: (bytes, start, _body, end) => {
        if (seen.length === options.pauseAt) {
          options = {};
          reader.pause(true);
          return;
        }
        seen.push(bytes.toString('hex', start, end));
      },
    },
    1_000,
  );
  reader.level = 5;
  return { reader, seen };
}

describe('PacketReader', () => {
  it('cuts the same packets at every split point', () => {
    for (let first = 0; first <= stream.length; first++) {
      const { reader, seen } = collector();
      reader.feed(Buffer.from(stream.subarray(0, first)));
      reader.feed(Buffer.from(stream.subarray(first)));
      expect(seen).toEqual(wanted);
    }
  });

  it('cuts the same packets from any pieces, also one byte at a time', () => {
    const cuts = fc.array(fc.integer({ min: 0, max: stream.length }), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (points) => {
        const { reader, seen } = collector();
        const at = [0, ...points.toSorted((a, b) => a - b), stream.length];
        for (let i = 1; i < at.length; i++) reader.feed(Buffer.from(stream.subarray(at[i - 1], at[i])));
        expect(seen).toEqual(wanted);
      }),
      { numRuns: 300 },
    );
    const { reader, seen } = collector();
    for (const byte of stream) reader.feed(Buffer.from([byte]));
    expect(seen).toEqual(wanted);
  });

  it('hands a packet on once more after a pause, at every split point, and loses nothing meanwhile', () => {
    for (let pauseAt = 0; pauseAt < packets.length; pauseAt++) {
      for (let first = 1; first < stream.length; first += 3) {
        const { reader, seen } = collector({ pauseAt });
        reader.feed(Buffer.from(stream.subarray(0, first)));
        reader.feed(Buffer.from(stream.subarray(first)));
        expect(seen).toEqual(wanted.slice(0, pauseAt));
        reader.resume();
        expect(seen).toEqual(wanted);
      }
    }
  });

  it('refuses an oversized packet as soon as its length is known', () => {
    const { reader } = collector();
    reader.feed(Buffer.from([0x30]));
    expect(() => reader.feed(Buffer.from([0xff, 0x7f]))).toThrow('above the limit of 1000');
    const inOne = collector().reader;
    expect(() => inOne.feed(Buffer.from([0x30, 0xff, 0x7f]))).toThrow('above the limit of 1000');
  });

  it('hands on nothing after stop, not even what lies in the same read', () => {
    const seen: number[] = [];
    const reader: PacketReader = new PacketReader(
      { receive: (_bytes, start) => (seen.push(start), reader.stop()) },
      1_000,
    );
    reader.feed(stream);
    reader.feed(stream);
    expect(seen).toEqual([0]);
  });

  it('takes AUTH from level 5 on, from the very packet behind the one that says the level', () => {
    const connect = encodePacket(
      {
        type: 'connect',
        protocolLevel: 5,
        cleanStart: true,
        keepAliveSeconds: 0,
        clientId: 'c',
        will: null,
        username: null,
        password: null,
        properties: {},
      },
      5,
    );
    const both = Buffer.concat([connect, Buffer.from([0xf0, 0])]);
    for (const level of [4, 5]) {
      for (let first = 0; first <= both.length; first++) {
        const types: number[] = [];
        const reader: PacketReader = new PacketReader(
          {
            receive: (bytes, start) => {
              types.push(bytes[start]! >> 4);
              reader.level = level;
            },
          },
          1_000,
        );
        const feed = (): void => {
          reader.feed(Buffer.from(both.subarray(0, first)));
          reader.feed(Buffer.from(both.subarray(first)));
        };
        if (level === 4) expect(feed).toThrow('type 15 is reserved');
        else feed();
        expect(types).toEqual(level === 4 ? [1] : [1, 15]);
      }
    }
  });

  it('holds to a lower limit from the next packet on', () => {
    const { reader, seen } = collector();
    reader.feed(packets[2]!);
    reader.maxPacketBytes = 256;
    reader.feed(packets[2]!);
    expect(seen).toHaveLength(2);
    expect(() => reader.feed(Buffer.from([0x30, 0xff, 1]))).toThrow('above the limit of 256');
  });
});
