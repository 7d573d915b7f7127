import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryProperties } from '../../../test/support/mqtt-packets.ts';
import { MalformedPacket } from './malformed.ts';
import type { Properties } from './packet.ts';
import { decodeProperties, encodeProperties } from './properties.ts';
import { CLIENT_PUBLISH_PROPERTIES } from './property-table.ts';
import { PublishProperties } from './publish-properties.ts';

/** Properties of a client's PUBLISH, each encoded on its own, in any order. */
const shuffled = arbitraryProperties(CLIENT_PUBLISH_PROPERTIES).chain((properties) => {
  const pieces = Object.entries(properties).flatMap(([name, value]) =>
    name === 'userProperties'
      ? (value as [string, string][]).map((pair) => encodeProperties({ userProperties: [pair] }))
      : [encodeProperties({ [name]: value as never })],
  );
  return fc.shuffledSubarray(pieces, { minLength: pieces.length });
});

/** A packet of nothing but Property Length, properties and a payload, at an offset as in a read buffer. */
function packetOf(properties: Uint8Array, payload = 'payload'): { bytes: Buffer; at: number; end: number } {
  const size = properties.length;
  const varint = size < 128 ? [size] : [(size & 127) | 128, size >> 7];
  const bytes = Buffer.concat([
    Buffer.from('before'),
    Buffer.from(varint),
    properties,
    Buffer.from(payload),
    Buffer.from('behind'),
  ]);
  return { bytes, at: 6, end: bytes.length - 6 };
}

function outcome(read: () => unknown): unknown {
  try {
    read();
    return 'taken';
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedPacket);
    const { reason, reasonCode } = error as MalformedPacket;
    return `${reason} 0x${reasonCode.toString(16)}`;
  }
}

describe('PublishProperties', () => {
  it('reads what decodeProperties reads, in any order, again and again with one object', () => {
    const own = new PublishProperties();
    fc.assert(
      fc.property(shuffled, (pieces) => {
        const { bytes, at, end } = packetOf(Buffer.concat(pieces));
        const payload = own.read(bytes, at, end);
        expect(bytes.toString('utf8', payload, end)).toBe('payload');
        const wanted = decodeProperties(bytes, own.start, own.end, CLIENT_PUBLISH_PROPERTIES);
        const text = (from: number, to: number) => (from < 0 ? undefined : bytes.toString('utf8', from, to));
        expect([own.topicAlias, own.expirySeconds, own.payloadFormat, own.userProperties]).toEqual([
          wanted.topicAlias ?? 0,
          wanted.messageExpirySeconds ?? -1,
          wanted.payloadFormat ?? -1,
          wanted.userProperties?.length ?? 0,
        ]);
        expect(text(own.contentTypeStart, own.contentTypeEnd)).toBe(wanted.contentType);
        expect(text(own.responseTopicStart, own.responseTopicEnd)).toBe(wanted.responseTopic);
        const correlation = wanted.correlationData;
        expect(own.correlationStart < 0).toBe(correlation === undefined);
        if (correlation !== undefined) {
          const bytesOf = bytes.subarray(own.correlationStart, own.correlationEnd);
          expect([...bytesOf]).toEqual([...correlation]);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('forwards everything but Topic Alias and Message Expiry Interval, in its order [MQTT-3.3.2-4, -15, -16, -17, -18, -20]', () => {
    const own = new PublishProperties();
    fc.assert(
      fc.property(shuffled, (pieces) => {
        const { bytes, at, end } = packetOf(Buffer.concat(pieces));
        own.read(bytes, at, end);
        const kept = pieces.filter((piece) => piece[0] !== 0x23 && piece[0] !== 0x02);
        expect(own.needsRewrite).toBe(kept.length < pieces.length);
        expect(own.forwardBytes(bytes)).toEqual(Buffer.concat(kept));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives a view when nothing lies between what is cut', () => {
    const own = new PublishProperties();
    const user = encodeProperties({ userProperties: [['a', 'b']] });
    const alias = encodeProperties({ topicAlias: 1 });
    const expiry = encodeProperties({ messageExpirySeconds: 9 });
    for (const pieces of [
      [user],
      [user, alias],
      [alias, user],
      [alias, expiry, user],
      [expiry, user, alias],
    ]) {
      const { bytes, at, end } = packetOf(Buffer.concat(pieces));
      own.read(bytes, at, end);
      const kept = own.forwardBytes(bytes);
      expect(kept.buffer).toBe(bytes.buffer);
      expect(kept).toEqual(user);
    }
  });

  it('takes and refuses what decodeProperties takes and refuses, with the same reason', () => {
    const own = new PublishProperties();
    let refused = 0;
    const change = fc.record({ at: fc.nat(), put: fc.uint8Array({ maxLength: 2 }), cut: fc.nat({ max: 2 }) });
    fc.assert(
      fc.property(shuffled, fc.array(change, { maxLength: 3 }), (pieces, changes) => {
        let properties = Buffer.concat([...pieces, ...pieces.slice(0, changes.length === 0 ? 1 : 0)]);
        for (const { at, put, cut } of changes) {
          const from = at % (properties.length + 1);
          properties = Buffer.concat([properties.subarray(0, from), put, properties.subarray(from + cut)]);
        }
        const { bytes, at, end } = packetOf(properties);
        const mine = outcome(() => own.read(bytes, at, end));
        const theirs = outcome(() =>
          decodeProperties(properties, 0, properties.length, CLIENT_PUBLISH_PROPERTIES),
        );
        // Only this one knows that it is a client's packet, which makes 0x0b a Protocol Error.
        if (mine !== 'property 0x82' || !properties.includes(0x0b)) expect(mine).toBe(theirs);
        if (mine !== 'taken') refused++;
      }),
      { numRuns: 3_000 },
    );
    expect(refused).toBeGreaterThan(500);
  });

  it('refuses a Subscription Identifier of a client [MQTT-3.3.4-6]', () => {
    const { bytes, at, end } = packetOf(encodeProperties({ subscriptionIds: [1] }));
    expect(outcome(() => new PublishProperties().read(bytes, at, end))).toBe('property 0x82');
  });

  it.each([
    ['no length', ''],
    ['a length that goes on', '80'],
    ['a length past the packet', '02 26'],
    ['an idle byte', '8000'],
    ['five bytes', '8080808001'],
  ])('refuses %s', (what, text) => {
    const bytes = Buffer.from(`${text.replaceAll(' ', '')}ffff`, 'hex');
    const reason = what === 'an idle byte' || what === 'five bytes' ? 'variable_integer' : 'truncated';
    const own = new PublishProperties();
    expect(outcome(() => own.read(bytes, 0, bytes.length - 2))).toBe(`${reason} 0x81`);
  });

  it('forgets a message when the next one has none', () => {
    const own = new PublishProperties();
    const full: Properties = {
      topicAlias: 3,
      messageExpirySeconds: 7,
      payloadFormat: 1,
      contentType: 't',
      responseTopic: 'r',
      correlationData: Buffer.from('c'),
      userProperties: [['a', 'b']],
    };
    const first = packetOf(encodeProperties(full));
    own.read(first.bytes, first.at, first.end);
    const second = packetOf(Buffer.alloc(0));
    expect(own.read(second.bytes, second.at, second.end)).toBe(7);
    expect({ ...own }).toEqual({ ...new PublishProperties(), start: 7, end: 7 });
    expect(own.forwardBytes(second.bytes)).toHaveLength(0);
  });
});
