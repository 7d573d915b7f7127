import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { bytes, ConformanceBench, packet } from '../support/conformance-client.ts';

/* Errors, each with the code that the specification gives it: MQTT 5.0 §4.13. */

const TWICE_EXPIRY = bytes(0x02, 0, 0, 0, 1, 0x02, 0, 0, 0, 1);

describe('a packet that is malformed or breaks the protocol', () => {
  it.each([
    ['a reserved packet type', packet(0x00), 0x81],
    ['CONNACK from a client', packet(0x20, 0, 0, 0), 0x82],
    ['SUBACK from a client', packet(0x90, 0, 1, 0, 0), 0x82],
    ['UNSUBACK from a client', packet(0xb0, 0, 1, 0, 0), 0x82],
    ['PINGRESP from a client', packet(0xd0), 0x82],
    ['PINGREQ with a body', packet(0xc0, 0), 0x81],
    ['PUBACK that is too short', packet(0x40, 0), 0x81],
    ['PUBACK with more behind it', packet(0x40, 0, 1, 0, 0, 0), 0x81],
    ['PUBLISH that ends inside its identifier', packet(0x32, 't', 0), 0x81],
    ['PUBLISH that ends inside its properties', packet(0x30, 't', 9, 0x01, 1), 0x81],
    ['an unknown property', packet(0x30, 't', 2, 0x04, 1), 0x81],
    ['a property of another packet', packet(0x30, 't', 3, 0x21, 0, 5), 0x81],
    ['a property twice', packet(0x30, 't', TWICE_EXPIRY.length, TWICE_EXPIRY), 0x82],
    ['Payload Format Indicator 2', packet(0x30, 't', 2, 0x01, 2), 0x82],
    ['a topic alias that was not set', packet(0x30, '', 3, 0x23, 0, 1), 0x82],
    ['a Subscription Identifier twice', packet(0x82, 0, 1, 4, 0x0b, 1, 0x0b, 2, 't', 0), 0x82],
    ['a Subscription Identifier of 0', packet(0x82, 0, 1, 2, 0x0b, 0, 't', 0), 0x82],
    ['Server Reference in the DISCONNECT of a client', packet(0xe0, 0, 6, 0x1c, 'abc'), 0x82],
  ])('[MQTT-4.13.1-1] [MQTT-4.13.2-1] %s: the connection ends', async (_name, bad, code) => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.fate(bad)).toEqual([`disconnect 0x${code.toString(16)}`]);
    expect(bench.broker.client('c')).toBeNull();
  });

  it('[MQTT-4.13.1-1] [MQTT-4.13.2-1] an acknowledgement that does not fit its message: the connection ends', async () => {
    const bench = await ConformanceBench.start();
    for (const [qos, header] of [
      [1, 0x50],
      [1, 0x70],
      [2, 0x40],
      [2, 0x70],
    ] as const) {
      const client = await bench.client('c');
      await client.subscribe('t', 2);
      bench.broker.publish({ topic: 't', payload: Buffer.alloc(1), qos });
      const message = await client.nextBytes();
      expect(await client.fate(packet(header, message[5]!, message[6]!))).toEqual(['disconnect 0x82']);
    }
  });

  it('[MQTT-4.13.1-1] ends that connection and no other', async () => {
    const bench = await ConformanceBench.start();
    const other = await bench.client('other');
    await other.subscribe('#', 1);
    const bad = await bench.client('bad');
    bad.send(packet(0x32, 't', 0, 1, 0, 0x78), packet(0x30, 'a/#', 0), packet(0x30, 'behind', 0));
    const types = (await bad.closed()).map(({ type }) => type);
    expect(types).toEqual(['puback', 'disconnect']);
    expect(await other.texts()).toEqual(['t x 1']);
  });

  it('[MQTT-4.13.2-1] a code of 0x80 or above from a client ends the connection', async () => {
    const bench = await ConformanceBench.start();
    for (const code of [0x80, 0x81, 0x82, 0x93, 0x99]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(0xe0, code))).toEqual([]);
    }
  });
});
