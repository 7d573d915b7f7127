import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { ConformanceBench, outcomes, packet } from '../support/conformance-client.ts';

/* Reason codes and properties of acknowledgements: MQTT 5.0 §3.4-§3.7, §3.9, §3.11. */

const CODES = {
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
} as const;

describe('reason codes', () => {
  it('[MQTT-3.4.2-1] [MQTT-3.5.2-1] PUBACK and PUBREC say what became of the message', async () => {
    const bench = await ConformanceBench.start({
      authorize: ({ topic }) => topic !== 'secret',
      clientLimits: { maxTopicLevels: 3 },
    });
    const reader = await bench.client('r');
    await reader.subscribe('t');
    const client = await bench.client('c');
    const cases: [topic: string, properties: number[], code: number][] = [
      ['t', [], 0x00],
      ['nobody', [], 0x10],
      ['secret', [], 0x87],
      ['$SYS/broker/uptime', [], 0x87],
      ['a/b/c/d', [], 0x97],
      ['t', [0x01, 1], 0x99],
    ];
    for (const [topic, properties, code] of cases) {
      const rest = [topic, 0, 7, properties.length, ...properties, 0xff];
      expect(await client.ask(packet(0x32, ...rest))).toMatchObject({
        type: 'puback',
        packetId: 7,
        reasonCode: code,
      });
      expect(await client.ask(packet(0x34, ...rest))).toMatchObject({
        type: 'pubrec',
        packetId: 7,
        reasonCode: code,
      });
      client.send(packet(0x62, 0, 7));
      await client.next();
    }
    client.send(packet(0x34, 't', 0, 8, 0), packet(0x32, 't', 0, 8, 0));
    expect(outcomes(await client.settled())).toEqual(['pubrec 0x00', 'puback 0x91']);
  });

  it('[MQTT-3.6.2-1] [MQTT-3.7.2-1] PUBREL and PUBCOMP say 0x92 for an identifier that is not known', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    expect(await client.ask(packet(0x50, 0, 9))).toMatchObject({
      type: 'pubrel',
      packetId: 9,
      reasonCode: 0x92,
    });
    expect(await client.ask(packet(0x62, 0, 9))).toMatchObject({
      type: 'pubcomp',
      packetId: 9,
      reasonCode: 0x92,
    });
  });

  it.each([
    ['[MQTT-3.4.2-1] PUBACK', 0x40, 'puback'],
    ['[MQTT-3.5.2-1] PUBREC', 0x50, 'pubrec'],
    ['[MQTT-3.6.2-1] PUBREL', 0x62, 'pubrel'],
    ['[MQTT-3.7.2-1] PUBCOMP', 0x70, 'pubcomp'],
  ] as const)(
    '%s of a client has one of its own codes, or the connection ends',
    async (_name, header, type) => {
      const bench = await ConformanceBench.start();
      const legal: readonly number[] = CODES[type];
      for (const code of [0x01, 0x04, 0x11, 0x81, 0x8e, 0x92, 0x9e, 0xff, ...legal]) {
        const client = await bench.client('c');
        client.send(packet(header, 0, 9, code));
        if (legal.includes(code))
          expect((await client.settled()).every((one) => one.type !== 'disconnect')).toBe(true);
        else expect((await client.fate()).join()).toMatch(/^disconnect 0x8[12]$/);
      }
    },
  );

  it('[MQTT-3.6.1-1] PUBREL with other flags is malformed', async () => {
    const bench = await ConformanceBench.start();
    for (const header of [0x60, 0x61, 0x63, 0x66, 0x6a]) {
      const client = await bench.client('c');
      expect(await client.fate(packet(header, 0, 1))).toEqual(['disconnect 0x81']);
    }
  });
});

describe('words', () => {
  it('[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] make no acknowledgement larger than the client takes', async () => {
    const bench = await ConformanceBench.start({ authorize: ({ topic }) => topic !== 'secret' });
    const properties = { maximumPacketBytes: 6, requestProblemInformation: 1 as const };
    const client = await bench.client('c', { properties });
    // User properties of the request are not sent back.
    const words = [0x26, 'a name', 'and a value that is long enough to be too long'] as const;
    const wordBytes = 3 + 6 + 2 + 46;
    const asked: [request: Buffer, answer: number[]][] = [
      [packet(0x32, 'secret', 0, 1, wordBytes, ...words, 0x78), [0x40, 3, 0, 1, 0x87]],
      [packet(0x34, 'secret', 0, 2, wordBytes, ...words, 0x78), [0x50, 3, 0, 2, 0x87]],
      [packet(0x62, 0, 3, 0x92, wordBytes, ...words), [0x70, 3, 0, 3, 0x92]],
      [packet(0x50, 0, 4, 0x10, wordBytes, ...words), [0x62, 3, 0, 4, 0x92]],
      [packet(0x82, 0, 5, wordBytes, ...words, 'secret', 0), [0x90, 4, 0, 5, 0, 0x87]],
      [packet(0xa2, 0, 6, wordBytes, ...words, 'never/there'), [0xb0, 4, 0, 6, 0, 0x11]],
    ];
    for (const [request, answer] of asked) {
      client.send(request);
      expect(await client.nextBytes()).toEqual(Buffer.from(answer));
    }
  });
});
