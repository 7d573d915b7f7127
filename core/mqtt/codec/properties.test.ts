import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arbitraryProperties } from '../../../test/support/mqtt-packets.ts';
import { lengthBytes } from './frame.ts';
import type { Properties } from './packet.ts';
import { decodeProperties, encodeProperties, propertyBlock, propertyBlockBytes } from './properties.ts';
import * as table from './property-table.ts';

const EVERYTHING = -1;

/** Table 2-4 of v5, row by row: which packets, and the will, may carry which property. */
const TABLE: Record<number, string> = {
  0x01: 'PUBLISH WILL',
  0x02: 'PUBLISH WILL',
  0x03: 'PUBLISH WILL',
  0x08: 'PUBLISH WILL',
  0x09: 'PUBLISH WILL',
  0x0b: 'PUBLISH SUBSCRIBE',
  0x11: 'CONNECT CONNACK DISCONNECT',
  0x12: 'CONNACK',
  0x13: 'CONNACK',
  0x15: 'CONNECT CONNACK AUTH',
  0x16: 'CONNECT CONNACK AUTH',
  0x17: 'CONNECT',
  0x18: 'WILL',
  0x19: 'CONNECT',
  0x1a: 'CONNACK',
  0x1c: 'CONNACK DISCONNECT',
  0x1f: 'CONNACK ACK DISCONNECT AUTH',
  0x21: 'CONNECT CONNACK',
  0x22: 'CONNECT CONNACK',
  0x23: 'PUBLISH',
  0x24: 'CONNACK',
  0x25: 'CONNACK',
  0x26: 'CONNECT CONNACK PUBLISH WILL ACK SUBSCRIBE UNSUBSCRIBE DISCONNECT AUTH',
  0x27: 'CONNECT CONNACK',
  0x28: 'CONNACK',
  0x29: 'CONNACK',
  0x2a: 'CONNACK',
};

const MASKS: Record<string, number> = {
  CONNECT: table.CONNECT_PROPERTIES,
  WILL: table.WILL_PROPERTIES,
  CONNACK: table.CONNACK_PROPERTIES,
  PUBLISH: table.PUBLISH_PROPERTIES,
  ACK: table.ACK_PROPERTIES,
  SUBSCRIBE: table.SUBSCRIBE_PROPERTIES,
  UNSUBSCRIBE: table.UNSUBSCRIBE_PROPERTIES,
  DISCONNECT: table.DISCONNECT_PROPERTIES,
  AUTH: table.AUTH_PROPERTIES,
};

describe('the property table', () => {
  it.each(Object.entries(MASKS))('lets %s carry what Table 2-4 says', (packet, mask) => {
    const wanted = Object.keys(TABLE).filter((id) => TABLE[Number(id)]!.split(' ').includes(packet));
    const allowed = table.PROPERTIES.filter(({ bit }) => (mask & bit) !== 0).map(({ id }) => String(id));
    expect(allowed).toEqual(wanted);
  });

  it('has every property once, each with a bit of its own', () => {
    expect(table.PROPERTIES.map(({ id }) => id)).toEqual(Object.keys(TABLE).map(Number));
    let all = table.SUBSCRIPTION_IDS_REPEAT;
    for (const { bit } of table.PROPERTIES) {
      expect(all & bit).toBe(0);
      all |= bit;
    }
  });
});

describe('encodeProperties', () => {
  it('writes what decodeProperties reads, whatever the properties', () => {
    fc.assert(
      fc.property(arbitraryProperties(EVERYTHING), (properties) => {
        const encoded = encodeProperties(properties);
        const read = decodeProperties(encoded, 0, encoded.length, EVERYTHING);
        // A second time: that no value changes its kind on the way.
        expect(encodeProperties(read)).toEqual(encoded);
        expect(Object.keys(read).sort()).toEqual(Object.keys(properties).sort());
        const block = propertyBlock(properties);
        expect(block.subarray(lengthBytes(encoded.length))).toEqual(encoded);
        expect(propertyBlockBytes(properties)).toBe(block.length);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps the order of User Properties, names that repeat too [MQTT-3.3.2-18]', () => {
    const userProperties: [string, string][] = [
      ['b', '1'],
      ['a', '2'],
      ['b', '1'],
      ['', ''],
    ];
    const encoded = encodeProperties({ userProperties });
    expect(decodeProperties(encoded, 0, encoded.length, EVERYTHING)).toEqual({ userProperties });
  });

  it.each<[Properties]>([
    [{ receiveMaximum: 65_536 }],
    [{ messageExpirySeconds: -1 }],
    [{ messageExpirySeconds: 0x1_0000_0000 }],
    [{ sessionExpirySeconds: 1.5 }],
    [{ subscriptionIds: [268_435_456] }],
    [{ correlationData: new Uint8Array(65_536) }],
    [{ reasonString: 'x'.repeat(65_536) }],
  ])('refuses what the wire cannot hold: %o', (properties) => {
    expect(() => encodeProperties(properties)).toThrow(
      expect.objectContaining({ code: 'mqtt.not_encodable' }),
    );
  });
});
