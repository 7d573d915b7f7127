import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from './buffer-pool.ts';
import { decodePacket } from './codec/decode.ts';
import type { Properties, PublishPacket } from './codec/packet.ts';
import { encodeProperties } from './codec/properties.ts';
import { OutboundAliases } from './outbound-aliases.ts';
import { Outbox, type Receiver } from './outbox.ts';
import { frameOf } from './publish-frame.ts';
import type { Sink } from './sink.ts';
import type { Qos } from './types.ts';

const NOW_MS = 1_700_000_000_000;

class Gathering implements Sink {
  readonly address = 'memory';
  readonly bufferedBytes = 0;
  readonly pieces: Uint8Array[] = [];
  write(bytes: Uint8Array): number {
    return this.writeAll([bytes]);
  }
  writeAll(pieces: Uint8Array[]): number {
    for (const piece of pieces) this.pieces.push(Uint8Array.from(piece));
    return 0;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

function bytesOf(outbox: Outbox): Buffer {
  const sink = new Gathering();
  outbox.flush(sink);
  return Buffer.concat(sink.pieces);
}

const anyone = (level: number, more: Partial<Receiver> = {}): Receiver => ({
  protocolLevel: level,
  aliases: null,
  maximumPacketBytes: Infinity,
  ...more,
});

const forwarded: Properties = {
  payloadFormat: 1,
  contentType: 'application/json',
  responseTopic: 'answers/here',
  correlationData: Buffer.from([0, 255, 7]),
  userProperties: [
    ['b', '1'],
    ['a', '2'],
    ['b', '1'],
  ],
};

const qos = fc.constantFrom<Qos>(0, 1, 2);
const message = fc.record({
  topic: fc.constantFrom('t', 'a/b', 'x'.repeat(200), 'y'.repeat(65_535)),
  payload: fc.constantFrom(0, 1, 100, 127, 16_200, 16_384, 70_000).map((bytes) => Buffer.alloc(bytes, 0x61)),
  qos,
  properties: fc.constantFrom<Properties>({}, forwarded),
  expiresMs: fc.constantFrom(0, NOW_MS + 1, NOW_MS + 90_000),
});
const way = fc.record({
  level: fc.constantFrom(3, 4, 5),
  granted: qos,
  packetId: fc.integer({ min: 1, max: 65_535 }),
  flags: fc.constantFrom(0, 1),
  ids: fc.constantFrom<number[] | null>(null, [1], [268_435_455, 5, 5]),
  aliases: fc.boolean(),
});

describe('Outbox', () => {
  it('writes for every receiver what it should get, whatever goes before [MQTT-3.3.2-4, -15, -16, -17, -18, -20]', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, fc.array(way, { maxLength: 4 })), { maxLength: 3 }),
        (messages) => {
          const outbox = new Outbox(new BufferPool());
          for (const [{ properties, ...source }, ways] of messages) {
            const frame = frameOf({ ...source, properties: encodeProperties(properties) });
            for (const { level, granted, packetId, flags, ids, aliases } of ways) {
              const lower = Math.min(granted, source.qos) as Qos;
              const receiver = anyone(level, {
                aliases: aliases && level === 5 ? new OutboundAliases(3) : null,
              });
              expect(outbox.publish(frame, receiver, lower, packetId, flags, ids, NOW_MS)).toBe(true);
              const { bytes: waiting } = outbox;
              const bytes = bytesOf(outbox);
              expect(waiting).toBe(bytes.length);
              const packet = decodePacket(bytes, 0, bytes.length, level) as PublishPacket;
              const wanted: Properties = level === 5 ? { ...properties } : {};
              if (level === 5 && source.expiresMs > 0)
                wanted.messageExpirySeconds = source.expiresMs === NOW_MS + 1 ? 1 : 90;
              if (level === 5 && ids !== null) wanted.subscriptionIds = ids;
              if (receiver.aliases !== null && source.topic.length > 3) wanted.topicAlias = 1;
              expect(packet).toEqual({
                type: 'publish',
                topic: source.topic,
                payload: source.payload,
                qos: lower,
                retain: flags === 1,
                dup: false,
                packetId: lower === 0 ? 0 : packetId,
                properties: wanted,
              });
            }
          }
        },
      ),
      { numRuns: 150 },
    );
  });

  it('sends nothing that is above the Maximum Packet Size of the client [MQTT-3.1.2-24]', () => {
    const outbox = new Outbox(new BufferPool());
    for (const source of [0, 1] as const) {
      for (const lower of [0, source] as const) {
        for (const [level, ids] of [
          [4, null],
          [5, null],
          [5, [7]],
        ] as const) {
          const frame = frameOf({ topic: 'a/b', payload: Buffer.alloc(100), qos: source });
          outbox.publish(frame, anyone(level), lower, 1, 0, ids, NOW_MS);
          const { length } = bytesOf(outbox);
          const send = (maximumPacketBytes: number) =>
            outbox.publish(frame, anyone(level, { maximumPacketBytes }), lower, 1, 0, ids, NOW_MS);
          expect(send(length - 1)).toBe(false);
          expect(outbox.bytes).toBe(0);
          expect(send(length)).toBe(true);
          expect(bytesOf(outbox)).toHaveLength(length);
        }
      }
    }
  });

  it('sets a topic alias once and sends the topic empty from then on, never above the maximum [MQTT-3.3.2-11]', () => {
    const outbox = new Outbox(new BufferPool());
    const receiver = anyone(5, { aliases: new OutboundAliases(2) });
    const send = (topic: string) => {
      outbox.publish(frameOf({ topic, payload: Buffer.from('1'), qos: 1 }), receiver, 1, 1, 0, null, NOW_MS);
      const bytes = bytesOf(outbox);
      const { topic: name, properties } = decodePacket(bytes, 0, bytes.length, 5) as PublishPacket;
      return `${name}=${properties.topicAlias ?? '-'}`;
    };
    expect(['first', 'second', 'first', 'third', 'second', 'abc'].map(send)).toEqual([
      'first=1',
      'second=2',
      '=1',
      'third=-',
      '=2',
      'abc=-',
    ]);
  });

  it('sets no alias in a packet that is not sent', () => {
    const outbox = new Outbox(new BufferPool());
    const receiver = anyone(5, { aliases: new OutboundAliases(2), maximumPacketBytes: 60 });
    const send = (bytes: number) =>
      outbox.publish(
        frameOf({ topic: 'topic', payload: Buffer.alloc(bytes), qos: 0 }),
        receiver,
        0,
        0,
        0,
        null,
        0,
      );
    expect([send(60), send(10)]).toEqual([false, true]);
    const bytes = bytesOf(outbox);
    expect(decodePacket(bytes, 0, bytes.length, 5)).toMatchObject({
      topic: 'topic',
      properties: { topicAlias: 1 },
    });
  });

  it('adds a reason code to an acknowledgement only where there is something to say (v5 §3.4.2.1)', () => {
    const outbox = new Outbox(new BufferPool());
    outbox.ack(0x40, 258);
    outbox.ack(0x40, 258, 0x10);
    expect([...bytesOf(outbox)]).toEqual([0x40, 2, 1, 2, 0x40, 3, 1, 2, 0x10]);
  });
});

describe('OutboundAliases', () => {
  it('gives up the alias of a topic that is not sent any more for one that is', () => {
    const aliases = new OutboundAliases(2);
    const aliasOf = (topic: string) => aliases.aliasOf(topic, topic.length);
    for (let i = 0; i < 10; i++) aliasOf('often');
    expect(aliasOf('once')).toBe(2);
    const seen: number[] = [];
    for (let i = 0; i < 8; i++) {
      seen.push(aliasOf('new one'));
      expect(aliasOf('often')).toBe(1);
    }
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(2);
    expect(aliases.aliasOf('once', 4)).not.toBe(2);
  });
});
