import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { PublishPacket } from '../../core/mqtt/codec/packet.ts';
import {
  ConformanceBench,
  type ConformanceClient,
  outcomes,
  packet,
  textOf,
} from '../support/conformance-client.ts';

/* Delivery at QoS 0, 1 and 2 and the four acknowledgements: MQTT 5.0 §3.4-§3.7, §4.3, §4.4. */

const LASTING = { properties: { sessionExpirySeconds: 1_000 } };

async function published(client: ConformanceClient): Promise<PublishPacket> {
  const message = await client.next();
  if (message.type !== 'publish') throw new Error(`PUBLISH was to come, and ${message.type} came.`);
  return message;
}

/** A subscriber of `t` at QoS 2 with a session that lasts, and a message of the station to it. */
async function receiving(qos: 1 | 2): Promise<{
  bench: ConformanceBench;
  client: ConformanceClient;
  packetId: number;
  back: () => Promise<ConformanceClient>;
}> {
  const bench = await ConformanceBench.start();
  const client = await bench.client('c', LASTING);
  await client.subscribe('t', 2);
  bench.broker.publish({ topic: 't', payload: Buffer.from('x'), qos });
  const { packetId } = await published(client);
  let last = client;
  const back = async () => {
    await last.settled();
    await bench.cut(last);
    return (last = await bench.client('c', { cleanStart: false, ...LASTING }));
  };
  return { bench, client, packetId, back };
}

describe('the broker as sender', () => {
  it('[MQTT-4.3.1-1] QoS 0: with QoS 0 and DUP 0, once', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2);
    await client.publish('t', 'x', 0);
    expect((await client.nextBytes())[0]).toBe(0x30);
    expect(await client.settled()).toEqual([]);
  });

  it.each([
    ['[MQTT-4.3.2-1] [MQTT-4.3.2-2] QoS 1', 1],
    ['[MQTT-4.3.3-1] [MQTT-4.3.3-2] QoS 2', 2],
  ] as const)('%s: each new message has an unused identifier, and DUP 0', async (_name, qos) => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2);
    const ids = new Set<number>();
    for (let round = 0; round < 10; round++) {
      bench.broker.publish({ topic: 't', payload: Buffer.from('x'), qos });
      const message = await published(client);
      expect(message).toMatchObject({ qos, dup: false });
      expect(ids.has(message.packetId)).toBe(false);
      ids.add(message.packetId);
    }
  });

  it('[MQTT-4.3.2-3] [MQTT-4.4.0-1] QoS 1: unacknowledged until PUBACK', async () => {
    const { packetId, back } = await receiving(1);
    for (let round = 0; round < 2; round++) {
      const again = await back();
      expect(await again.settled()).toMatchObject([{ type: 'publish', packetId, dup: true, qos: 1 }]);
      if (round === 1) again.send({ type: 'puback', packetId });
    }
    expect(await (await back()).settled()).toEqual([]);
  });

  it('[MQTT-4.3.3-3] [MQTT-4.3.3-4] QoS 2: unacknowledged until PUBREC, which is answered with PUBREL', async () => {
    const { packetId, back } = await receiving(2);
    const again = await back();
    expect(await again.settled()).toMatchObject([{ type: 'publish', packetId, dup: true, qos: 2 }]);
    again.send({ type: 'pubrec', packetId });
    expect(await again.nextBytes()).toEqual(Buffer.from([0x62, 2, packetId >> 8, packetId & 255]));
  });

  it('[MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.4.0-1] QoS 2: from PUBREC to PUBCOMP it is PUBREL that is sent again', async () => {
    const { client, packetId, back } = await receiving(2);
    client.send({ type: 'pubrec', packetId });
    for (let round = 0; round < 2; round++) {
      const again = round === 0 ? client : await back();
      expect(await again.settled()).toMatchObject([{ type: 'pubrel', packetId, reasonCode: 0 }]);
    }
    const last = await back();
    expect(outcomes([await last.ask({ type: 'pubcomp', packetId })])).toEqual(['pubrel 0x00']);
    expect(await (await back()).settled()).toEqual([]);
  });

  it('[MQTT-4.3.3-4] a PUBREC of 0x10 has its PUBREL too, and a second PUBREC another one', async () => {
    const { client, packetId } = await receiving(2);
    for (let round = 0; round < 2; round++) {
      const answer = await client.ask({ type: 'pubrec', packetId, reasonCode: 0x10 });
      expect(answer).toMatchObject({ type: 'pubrel', packetId, reasonCode: 0 });
    }
  });

  it.each([
    ['PUBACK', 1, 'puback'],
    ['PUBREC', 2, 'pubrec'],
  ] as const)('[MQTT-4.4.0-2] a %s of 0x80 or above ends the message', async (_name, qos, type) => {
    const { client, packetId, back } = await receiving(qos);
    client.send({ type, packetId, reasonCode: 0x97 });
    expect(await client.settled()).toEqual([]);
    expect(await (await back()).settled()).toEqual([]);
  });

  it('[MQTT-4.4.0-1] nothing is sent again while the connection lasts', async () => {
    const { bench, client } = await receiving(2);
    bench.clock.advance(1_000_000);
    expect(await client.settled()).toEqual([]);
  });

  it('[MQTT-4.3.3-7] QoS 2: a message that was sent does not expire any more', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', LASTING);
    await client.subscribe('t', 2);
    const writer = await bench.client('w');
    await writer.publish('t', 'x', 2, { properties: { messageExpirySeconds: 10 } });
    const { packetId } = await published(client);
    bench.clock.advance(60_000);
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false, ...LASTING });
    expect(await again.settled()).toMatchObject([{ type: 'publish', packetId, dup: true }]);
    expect(await again.ask({ type: 'pubrec', packetId })).toMatchObject({ type: 'pubrel', packetId });
  });
});

describe('the broker as receiver', () => {
  async function both(): Promise<{
    bench: ConformanceBench;
    client: ConformanceClient;
    reader: ConformanceClient;
  }> {
    const bench = await ConformanceBench.start();
    const reader = await bench.client('r');
    await reader.subscribe('t', 0);
    return { bench, client: await bench.client('c', LASTING), reader };
  }
  const qos1 = (payload: string, dup = false) =>
    packet(dup ? 0x3a : 0x32, 't', 0, 7, 0, Buffer.from(payload));
  const qos2 = (payload: string, dup = false) =>
    packet(dup ? 0x3c : 0x34, 't', 0, 7, 0, Buffer.from(payload));
  const PUBREL = packet(0x62, 0, 7);

  it('[MQTT-4.3.2-4] [MQTT-4.3.2-5] QoS 1: PUBACK, and the same identifier is a new message then, whatever DUP says', async () => {
    const { client, reader } = await both();
    for (const message of [qos1('a'), qos1('b'), qos1('c', true)])
      expect(await client.ask(message)).toMatchObject({ type: 'puback', packetId: 7, reasonCode: 0 });
    expect(await reader.texts()).toEqual(['t a 0', 't b 0', 't c 0']);
  });

  it('[MQTT-4.3.3-8] [MQTT-4.3.3-11] QoS 2: PUBREC, PUBREL, PUBCOMP', async () => {
    const { client, reader } = await both();
    expect(await client.ask(qos2('a'))).toMatchObject({ type: 'pubrec', packetId: 7, reasonCode: 0 });
    expect(await client.ask(PUBREL)).toMatchObject({ type: 'pubcomp', packetId: 7, reasonCode: 0 });
    expect(await reader.texts()).toEqual(['t a 0']);
  });

  it('[MQTT-4.3.3-10] QoS 2: until PUBREL the same identifier is answered, and not delivered again', async () => {
    const { bench, client, reader } = await both();
    for (const message of [qos2('a'), qos2('a', true), qos2('a')])
      expect(await client.ask(message)).toMatchObject({ type: 'pubrec', packetId: 7, reasonCode: 0 });
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false, ...LASTING });
    expect(await again.ask(qos2('a', true))).toMatchObject({ type: 'pubrec', packetId: 7 });
    expect(await again.ask(PUBREL)).toMatchObject({ type: 'pubcomp', packetId: 7, reasonCode: 0 });
    expect(await reader.texts()).toEqual(['t a 0']);
  });

  it('[MQTT-4.3.3-12] QoS 2: behind PUBCOMP the same identifier is a new message', async () => {
    const { client, reader } = await both();
    for (const text of ['a', 'b']) {
      expect(await client.ask(qos2(text))).toMatchObject({ type: 'pubrec', reasonCode: 0 });
      expect(await client.ask(PUBREL)).toMatchObject({ type: 'pubcomp', reasonCode: 0 });
    }
    expect(await client.ask(qos2('c', true))).toMatchObject({ type: 'pubrec', reasonCode: 0 });
    expect(await reader.texts()).toEqual(['t a 0', 't b 0', 't c 0']);
  });

  it('[MQTT-4.3.3-9] QoS 2: behind a PUBREC that refuses, the same identifier is a new message', async () => {
    let open = false;
    const bench = await ConformanceBench.start({ authorize: ({ action }) => open || action === 'subscribe' });
    const reader = await bench.client('r');
    await reader.subscribe('t');
    const client = await bench.client('c');
    expect(await client.ask(qos2('refused'))).toMatchObject({ type: 'pubrec', reasonCode: 0x87 });
    open = true;
    bench.broker.accessChanged();
    expect(await client.ask(qos2('taken'))).toMatchObject({ type: 'pubrec', packetId: 7, reasonCode: 0 });
    expect(await reader.texts()).toEqual(['t taken 0']);
  });

  it('[MQTT-4.3.3-13] QoS 2: the exchange goes on though the message has expired', async () => {
    const { bench, client } = await both();
    const expiring = packet(0x34, 't', 0, 7, 5, 0x02, 0, 0, 0, 1, 0x78);
    expect(await client.ask(expiring)).toMatchObject({ type: 'pubrec', reasonCode: 0 });
    bench.clock.advance(10_000);
    expect(await client.ask(PUBREL)).toMatchObject({ type: 'pubcomp', packetId: 7, reasonCode: 0 });
  });

  it('[MQTT-4.6.0-2] [MQTT-4.6.0-3] PUBACK and PUBREC come in the order of their messages', async () => {
    const { client } = await both();
    const ids = [5, 3, 200, 1, 77];
    client.send(...ids.map((id, index) => packet(index % 2 === 0 ? 0x32 : 0x34, 't', 0, id, 0)));
    const answers = await client.settled();
    expect(answers.map((answer) => 'packetId' in answer && answer.packetId)).toEqual(ids);
  });
});

describe('an exchange as it is begun', () => {
  it('[MQTT-4.6.0-4] PUBREL comes in the order of PUBREC', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c');
    await client.subscribe('t', 2);
    for (let round = 0; round < 5; round++)
      bench.broker.publish({ topic: 't', payload: Buffer.from(String(round)), qos: 2 });
    const ids = (await client.messages()).map(({ packetId }) => packetId);
    const odd = [ids[3]!, ids[0]!, ids[4]!, ids[2]!, ids[1]!];
    client.send(...odd.map((packetId) => ({ type: 'pubrec', packetId }) as const));
    const answers = await client.settled();
    expect(answers.map((answer) => 'packetId' in answer && answer.packetId)).toEqual(odd);
  });

  it('[MQTT-4.6.0-1] [MQTT-4.4.0-1] is taken up again in its first order', async () => {
    const bench = await ConformanceBench.start();
    const client = await bench.client('c', LASTING);
    await client.subscribe('#', 2);
    for (let round = 0; round < 8; round++) {
      const topic = round % 2 === 0 ? 'even' : 'odd';
      bench.broker.publish({ topic, payload: Buffer.from(String(round)), qos: round % 3 === 0 ? 1 : 2 });
    }
    const first = await client.messages();
    client.send(
      { type: 'puback', packetId: first[3]!.packetId },
      { type: 'pubrec', packetId: first[2]!.packetId },
    );
    await client.settled();
    await bench.cut(client);
    const again = await bench.client('c', { cleanStart: false, ...LASTING });
    const second = await again.settled();
    const texts = second.map((answer) => (answer.type === 'publish' ? textOf(answer) : answer.type));
    const sent = first.map((message, index) => (index === 2 ? 'pubrel' : `${textOf(message)}d`));
    expect(texts).toEqual(sent.filter((_text, index) => index !== 3));
    const ids = second.map((answer) => 'packetId' in answer && answer.packetId);
    expect(ids).toEqual(first.map(({ packetId }) => packetId).filter((_id, index) => index !== 3));
  });
});
