import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { Packet, PublishPacket } from '../../core/mqtt/codec/packet.ts';
import { ConformanceBench, type ConformanceClient, packet, textOf } from '../support/conformance-client.ts';
import { client311, hexOf } from '../support/conformance-v311.ts';

/* Delivery, retry and order: MQTT 3.1.1 §4.3 to §4.6, with §2.3.1 and §3.3.1.1. */

const LASTING = { cleanStart: false };

function ack(header: number, packetId: number): Buffer {
  return packet(header, packetId >> 8, packetId & 255);
}

/** What came, one line each: `payload qos id` with `d` for DUP, or `type id`. */
function lines(packets: Packet[]): string[] {
  return packets.map((each) => {
    if (each.type === 'publish') {
      const { payload, qos, packetId, dup } = each;
      return `${Buffer.from(payload).toString()} ${qos} ${packetId}${dup ? 'd' : ''}`;
    }
    return `${each.type} ${'packetId' in each ? each.packetId : ''}`;
  });
}

function ids(messages: PublishPacket[]): number[] {
  return messages.map(({ packetId }) => packetId);
}

async function reading(
  bench: ConformanceBench,
  qos: 0 | 1 | 2,
  clientId = 'reader',
): Promise<ConformanceClient> {
  const client = await client311(bench, clientId, LASTING);
  await client.subscribe('t', qos);
  return client;
}

describe('the broker sends', () => {
  it('[MQTT311-4.3.1-1] QoS 0 without an identifier and without DUP, once', async () => {
    const bench = await ConformanceBench.start();
    const before = await reading(bench, 0);
    const writer = await client311(bench, 'w');
    await writer.publish('t', 'x', 0);
    expect(await hexOf(before, 1)).toEqual(['300400017478']);
    await bench.cut(before);
    expect(await (await client311(bench, 'reader', LASTING)).settled()).toEqual([]);
  });

  it.each([1, 2] as const)(
    '[MQTT311-4.3.2-1] [MQTT311-4.3.3-1] [MQTT311-2.3.1-4] QoS %i under an identifier that is free',
    async (qos) => {
      const bench = await ConformanceBench.start();
      const reader = await reading(bench, qos);
      const writer = await client311(bench, 'w');
      const owed = new Set<number>();
      const released: number[] = [];
      const look = async (): Promise<void> => {
        for (const each of await reader.settled()) {
          if (each.type === 'pubrel') released.push(each.packetId);
          if (each.type !== 'publish') continue;
          expect([each.dup, each.packetId > 0, owed.has(each.packetId)]).toEqual([false, true, false]);
          owed.add(each.packetId);
        }
      };
      for (let round = 0; round < 40; round++) {
        for (let each = 0; each < 5; each++) await writer.publish('t', 'x', qos);
        await look();
        // Some are acknowledged, neither the first nor the last.
        const some = [...owed].slice(1, 5);
        reader.send(...some.map((packetId) => ack(qos === 1 ? 0x40 : 0x50, packetId)));
        if (qos === 2) {
          await look();
          expect(released.splice(0)).toEqual(some);
          reader.send(...some.map((packetId) => ack(0x70, packetId)));
        }
        for (const packetId of some) owed.delete(packetId);
      }
      expect(owed.size).toBeGreaterThan(10);
    },
  );

  it('[MQTT311-4.3.2-1] [MQTT311-4.4.0-1] [MQTT311-3.3.1-1] [MQTT311-2.3.1-4] QoS 1 again until PUBACK, with DUP', async () => {
    const bench = await ConformanceBench.start();
    let reader = await reading(bench, 1);
    const writer = await client311(bench, 'w');
    for (const payload of ['a', 'b', 'c']) await writer.publish('t', payload, 1);
    const [a, b, c] = ids(await reader.messages());
    for (let round = 0; round < 3; round++) {
      await bench.cut(reader);
      reader = await client311(bench, 'reader', LASTING);
      expect(lines(await reader.settled())).toEqual([`a 1 ${a}d`, `b 1 ${b}d`, `c 1 ${c}d`]);
    }
    reader.send(ack(0x40, a!));
    await reader.settled();
    await bench.cut(reader);
    reader = await client311(bench, 'reader', LASTING);
    expect(lines(await reader.settled())).toEqual([`b 1 ${b}d`, `c 1 ${c}d`]);
  });

  it('[MQTT311-4.3.3-1] [MQTT311-4.4.0-1] [MQTT311-3.3.1-1] [MQTT311-2.3.1-6] QoS 2 again until PUBREC, then PUBREL until PUBCOMP', async () => {
    const bench = await ConformanceBench.start();
    let reader = await reading(bench, 2);
    const writer = await client311(bench, 'w');
    await writer.publish('t', 'a', 2);
    const [a] = ids(await reader.messages());
    await bench.cut(reader);
    reader = await client311(bench, 'reader', LASTING);
    expect(lines(await reader.settled())).toEqual([`a 2 ${a}d`]);
    reader.send(ack(0x50, a!));
    expect(lines(await reader.settled())).toEqual([`pubrel ${a}`]);
    for (let round = 0; round < 3; round++) {
      await bench.cut(reader);
      reader = await client311(bench, 'reader', LASTING);
      expect(lines(await reader.settled())).toEqual([`pubrel ${a}`]);
    }
    // A PUBREC that was repeated is answered in the same way.
    reader.send(ack(0x50, a!));
    expect(lines(await reader.settled())).toEqual([`pubrel ${a}`]);
    reader.send(ack(0x70, a!));
    await reader.settled();
    await bench.cut(reader);
    reader = await client311(bench, 'reader', LASTING);
    expect(await reader.settled()).toEqual([]);
  });

  it('[MQTT311-4.6.0-1] again in the order of the first time, PUBREL where it was', async () => {
    const bench = await ConformanceBench.start();
    let reader = await reading(bench, 2);
    const writer = await client311(bench, 'w');
    for (let each = 0; each < 12; each++) await writer.publish('t', `${each}`, each % 2 === 0 ? 1 : 2);
    const messages = await reader.messages();
    const idOf = ids(messages);
    // Out of order: the 9th and the 3rd are received, the 6th and the 0th are done with.
    for (const at of [9, 3]) reader.send(ack(0x50, idOf[at]!));
    for (const at of [6, 0]) reader.send(ack(0x40, idOf[at]!));
    await reader.settled();
    await bench.cut(reader);
    reader = await client311(bench, 'reader', LASTING);
    const again = await reader.settled();
    const published = again.flatMap((each) => (each.type === 'publish' ? [textOf(each)] : []));
    expect(published).toEqual(
      [1, 2, 4, 5, 7, 8, 10, 11].map((each) => `t ${each} ${each % 2 === 0 ? 1 : 2}d`),
    );
    const released = again.flatMap((each) => (each.type === 'pubrel' ? [each.packetId] : []));
    expect(released.sort()).toEqual([idOf[3], idOf[9]].sort());
  });

  it('[MQTT311-4.6.0-4] PUBREL in the order of PUBREC', async () => {
    const bench = await ConformanceBench.start();
    const reader = await reading(bench, 2);
    const writer = await client311(bench, 'w');
    for (let each = 0; each < 6; each++) await writer.publish('t', `${each}`, 2);
    const idOf = ids(await reader.messages());
    const order = [4, 0, 5, 2, 1, 3].map((at) => idOf[at]!);
    reader.send(...order.map((packetId) => ack(0x50, packetId)));
    expect(lines(await reader.settled())).toEqual(order.map((packetId) => `pubrel ${packetId}`));
  });
});

describe('the broker receives', () => {
  it('[MQTT311-4.3.2-2] [MQTT311-2.3.1-6] QoS 1: PUBACK, and the identifier again is a new message', async () => {
    const bench = await ConformanceBench.start();
    const reader = await reading(bench, 0);
    const writer = await client311(bench, 'w');
    for (const header of [0x32, 0x32, 0x3a, 0x3a]) {
      writer.send(packet(header, 't', 1, 7, 0x78));
      expect(await hexOf(writer, 1)).toEqual(['40020107']);
    }
    expect(await reader.texts()).toEqual(['t x 0', 't x 0', 't x 0', 't x 0']);
  });

  it('[MQTT311-4.3.3-2] [MQTT311-2.3.1-6] QoS 2: PUBREC for each repetition, and one delivery', async () => {
    const bench = await ConformanceBench.start();
    const reader = await reading(bench, 2);
    const writer = await client311(bench, 'w');
    for (const header of [0x34, 0x3c, 0x3c, 0x34]) {
      writer.send(packet(header, 't', 1, 7, 0x78));
      expect(await hexOf(writer, 1)).toEqual(['50020107']);
    }
    expect((await reader.texts()).length).toBe(1);
    // PUBREL, also repeated, is answered by PUBCOMP; then the identifier is free.
    for (let round = 0; round < 2; round++) {
      writer.send(packet(0x62, 1, 7));
      expect(await hexOf(writer, 1)).toEqual(['70020107']);
    }
    writer.send(packet(0x34, 't', 1, 7, 0x79));
    expect(await hexOf(writer, 1)).toEqual(['50020107']);
    expect(await reader.texts()).toEqual(['t y 2']);
  });

  it('[MQTT311-4.3.3-2] [MQTT311-4.4.0-1] QoS 2 over several connections: one delivery', async () => {
    const bench = await ConformanceBench.start();
    const reader = await reading(bench, 2);
    for (let round = 0; round < 3; round++) {
      const writer = await client311(bench, 'w', LASTING);
      writer.send(packet(round === 0 ? 0x34 : 0x3c, 't', 0, 1, 0x78));
      expect(await hexOf(writer, 1)).toEqual(['50020001']);
      await bench.cut(writer);
    }
    const writer = await client311(bench, 'w', LASTING);
    writer.send(packet(0x62, 0, 1));
    expect(await hexOf(writer, 1)).toEqual(['70020001']);
    expect(await reader.texts()).toEqual(['t x 2']);
  });

  it.each([
    ['[MQTT311-4.6.0-2] PUBACK', 0x32, '40'],
    ['[MQTT311-4.6.0-3] PUBREC', 0x34, '50'],
  ])('%s goes out in the order of PUBLISH', async (_name, header, answer) => {
    const bench = await ConformanceBench.start();
    const writer = await client311(bench, 'w');
    const order = Array.from({ length: 100 }, (_, each) => 1 + ((each * 37) % 100));
    for (let from = 0; from < order.length; from += 25) {
      const part = order.slice(from, from + 25);
      writer.send(...part.map((id) => packet(header, 't', 0, id, 0x78)));
    }
    const expected = order.map((id) => `${answer}0200${id.toString(16).padStart(2, '0')}`);
    expect(await hexOf(writer, 100)).toEqual(expected);
  });
});

describe('every session that subscribes', () => {
  it('[MQTT311-4.5.0-1] gets the message, its client here or away', async () => {
    const bench = await ConformanceBench.start();
    for (const [clientId, filter] of [
      ['exact', 'a/b/c'],
      ['plus', 'a/+/c'],
      ['hash', 'a/#'],
      ['all', '#'],
      ['none', 'a/b'],
    ] as const) {
      const client = await client311(bench, clientId, LASTING);
      await client.subscribe(filter, 2);
      if (clientId !== 'exact') await bench.cut(client);
      else {
        await client.publish('a/b/c', 'x', 2);
        expect(await client.texts()).toEqual(['a/b/c x 2']);
      }
    }
    const writer = await client311(bench, 'w');
    await writer.publish('a/b/c', 'y', 2);
    for (const clientId of ['plus', 'hash', 'all', 'none']) {
      const client = await client311(bench, clientId, LASTING);
      expect([clientId, await client.texts()]).toEqual([clientId, clientId === 'none' ? [] : ['a/b/c y 2']]);
    }
  });

  it.each([0, 1, 2] as const)(
    '[MQTT311-4.6.0-5] [MQTT311-4.6.0-6] gets the messages of one client in their order, at QoS %i',
    async (qos) => {
      const bench = await ConformanceBench.start();
      const readers = [await reading(bench, qos, 'r1'), await reading(bench, qos, 'r2')];
      const writers = [await client311(bench, 'w1'), await client311(bench, 'w2')];
      for (let each = 0; each < 60; each++) {
        for (const [at, writer] of writers.entries()) {
          const payload = Buffer.from(`${at}:${each}`);
          if (qos === 0) writer.send(packet(0x30, 't', payload));
          else writer.send(packet(qos === 1 ? 0x32 : 0x34, 't', 0, each + 1, payload));
        }
      }
      for (const writer of writers) await writer.settled();
      for (const reader of readers) {
        const came: string[] = [];
        while (came.length < 120) {
          const message = await reader.next();
          if (message.type === 'pubrel') reader.send(ack(0x70, message.packetId));
          if (message.type !== 'publish') continue;
          came.push(Buffer.from(message.payload).toString());
          if (qos > 0) reader.send(ack(qos === 1 ? 0x40 : 0x50, message.packetId));
        }
        for (const at of [0, 1]) {
          const theirs = came.filter((payload) => payload.startsWith(`${at}:`));
          expect(theirs).toEqual(Array.from({ length: 60 }, (_, each) => `${at}:${each}`));
        }
      }
    },
  );

  it('[MQTT311-4.6.0-6] [MQTT311-4.6.0-1] gets them in order also over lost connections', async () => {
    const bench = await ConformanceBench.start();
    let reader = await reading(bench, 1);
    const writer = await client311(bench, 'w');
    const first: string[] = [];
    let sent = 0;
    for (let round = 0; round < 6; round++) {
      for (let each = 0; each < 10; each++) await writer.publish('t', `${sent++}`, 1);
      for (const { payload, dup, packetId } of (await reader.messages()).slice(0, 7)) {
        if (!dup || !first.includes(Buffer.from(payload).toString()))
          first.push(Buffer.from(payload).toString());
        reader.send(ack(0x40, packetId));
      }
      await reader.settled();
      await bench.cut(reader);
      reader = await client311(bench, 'reader', LASTING);
    }
    expect(first).toEqual(Array.from({ length: first.length }, (_, each) => `${each}`));
    expect(first.length).toBeGreaterThan(20);
  });
});
