import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { BrokerBench, type MemoryClient, publishPacket } from '../../test/support/mqtt-broker.ts';
import type { Packet, Properties } from './codec/packet.ts';
import { decodeProperties } from './codec/properties.ts';
import { PUBLISH_PROPERTIES } from './codec/property-table.ts';
import type { BrokerJournal } from './journal.ts';
import { LOCAL_PROFILE } from './origin.ts';
import { ACK_NEVER, type InboundPublish } from './types.ts';

/** A journal that counts batches and forgets rows. */
class SequenceJournal implements BrokerJournal {
  accepting = true;
  sequence = 1;
  urgent = false;
  putSession(): void {}
  removeSession(): void {}
  putSubscription(): void {}
  removeSubscription(): void {}
  addMessage(): void {}
  removeMessage(): void {}
  putOutgoing(): void {}
  removeOutgoing(): void {}
  addIncoming(): void {}
  removeIncoming(): void {}
  putRetained(): void {}
  removeRetained(): void {}
  mark(urgent: boolean): number {
    this.urgent ||= urgent;
    return this.sequence;
  }
}

const WRITER = { protocolLevel: 5 as const };

function reader(bench: BrokerBench, level: 4 | 5 = 5): MemoryClient {
  const client = bench.client(`reader${level}`, { protocolLevel: level });
  client.subscribe('#', 2);
  return client;
}

const texts = (client: MemoryClient) =>
  client.messages().map(({ topic, payload }) => `${topic} ${Buffer.from(payload).toString()}`);
const codes = (packets: Packet[]) =>
  packets.map((packet) => ('reasonCode' in packet ? `${packet.type} ${packet.reasonCode}` : packet.type));

describe('topic aliases of a client', () => {
  const aliased = (topic: string, topicAlias: number, payload: string, qos: 0 | 1 = 0) =>
    publishPacket(topic, payload, qos, 1, { properties: { topicAlias } });

  it('are set, used, set anew, and end with the connection [MQTT-3.3.2-7, MQTT-3.3.2-10, MQTT-3.3.2-12]', () => {
    const bench = new BrokerBench({ clientLimits: { topicAliasMaximum: 3 } });
    const [v5, v4] = [reader(bench), reader(bench, 4)];
    const writer = bench.client('writer', WRITER);
    writer.tell(
      aliased('a/long/topic', 3, '1'),
      aliased('', 3, '2', 1),
      aliased('b', 1, '3'),
      aliased('', 3, '4'),
    );
    writer.tell(aliased('c', 3, '5'), aliased('', 3, '6'), aliased('', 1, '7'));
    const wanted = ['a/long/topic 1', 'a/long/topic 2', 'b 3', 'a/long/topic 4', 'c 5', 'c 6', 'b 7'];
    expect(texts(v5)).toEqual(wanted);
    expect(texts(v4)).toEqual(wanted);
    writer.lose();
    const again = bench.client('writer', WRITER);
    expect(codes(again.send(aliased('', 3, '8')))).toEqual(['disconnect 130']);
    expect(again.closed).toBe(true);
  });

  it('are kept whole with a message that waits or is retained', () => {
    const bench = new BrokerBench();
    const lasting = { protocolLevel: 5 as const, properties: { sessionExpirySeconds: 60 } };
    const gone = bench.client('gone', lasting);
    gone.subscribe('#', 1);
    gone.lose();
    const writer = bench.client('writer', WRITER);
    writer.tell(aliased('a/long/topic', 1, '1', 1));
    const properties: Properties = { userProperties: [['k', 'v']], topicAlias: 1, contentType: 'x' };
    writer.tell(publishPacket('', '2', 1, 2, { retain: true, properties }));
    expect(texts(bench.client('gone', { ...lasting, cleanStart: false }))).toEqual([
      'a/long/topic 1',
      'a/long/topic 2',
    ]);
    const [, retained] = bench.client('new', { protocolLevel: 5 }).subscribe('#');
    expect(retained).toMatchObject({
      topic: 'a/long/topic',
      properties: { userProperties: [['k', 'v']], contentType: 'x' },
    });
    expect(retained).not.toHaveProperty('properties.topicAlias');
  });

  it.each([
    ['0 [MQTT-3.3.2-8]', 0, 'topic', 'disconnect 148'],
    ['above the maximum [MQTT-3.3.2-9]', 11, 'topic', 'disconnect 148'],
    ['that was not set', 5, '', 'disconnect 130'],
  ])('%s: the connection is closed with its code', (_name, alias, topic, code) => {
    const bench = new BrokerBench();
    const writer = bench.client('writer', WRITER);
    const bytes = Buffer.from([0x30, 0, 0, topic.length, ...Buffer.from(topic), 3, 0x23, 0, alias]);
    bytes[1] = bytes.length - 2;
    expect(codes(writer.send(bytes))).toEqual([code]);
    expect(writer.closed).toBe(true);
  });

  it('must be there when the topic is empty (v5 §3.3.2.1)', () => {
    for (const packet of [Buffer.from([0x30, 3, 0, 0, 0]), Buffer.from([0x30, 5, 0, 0, 2, 1, 0])]) {
      const writer = new BrokerBench().client('writer', WRITER);
      expect(codes(writer.send(packet))).toEqual(['disconnect 130']);
    }
    const old = new BrokerBench().client('old');
    expect(old.send(Buffer.from([0x30, 2, 0, 0]))).toEqual([]);
    expect(old.closed).toBe(true);
  });
});

describe('properties of a message', () => {
  it('reach v5 receivers unaltered and in order, older ones not at all [MQTT-3.3.2-4, -15, -16, -17, -18, -20]', () => {
    const seen: InboundPublish[] = [];
    const take = (publish: InboundPublish): number => {
      seen.push({ ...publish, properties: Uint8Array.from(publish.properties) });
      return 0;
    };
    const bench = new BrokerBench({ intake: { take } });
    const [v5, v4] = [reader(bench), reader(bench, 4)];
    const properties: Properties = {
      payloadFormat: 1,
      contentType: 'text/plain',
      responseTopic: 'answer/here',
      correlationData: Buffer.from([0, 1, 255]),
      userProperties: [
        ['z', '1'],
        ['a', '2'],
        ['z', '1'],
      ],
    };
    const writer = bench.client('writer', WRITER);
    for (const qos of [0, 1, 2] as const) {
      writer.tell(publishPacket('a', `${qos}`, qos, 4, { properties }));
      const [message] = v5.messages();
      expect(message).toMatchObject({ qos, properties });
      expect(v4.messages()).toMatchObject([{ qos, properties: {}, payload: Buffer.from(`${qos}`) }]);
    }
    const { properties: shown } = seen[0]!;
    expect(decodeProperties(Buffer.from(shown), 0, shown.length, PUBLISH_PROPERTIES)).toEqual(properties);
    expect(seen[0]).toMatchObject({ clientId: 'writer', username: null });
  });

  it('Message Expiry Interval counts down while it waits; afterwards nobody gets the message [MQTT-3.3.2-5, MQTT-3.3.2-6]', () => {
    const bench = new BrokerBench();
    const lasting = { protocolLevel: 5 as const, properties: { sessionExpirySeconds: 600 } };
    const gone = bench.client('gone', lasting);
    gone.subscribe('#', 1);
    gone.lose();
    const writer = bench.client('writer', WRITER);
    const expiring = (payload: string, messageExpirySeconds: number, retain = false) =>
      writer.tell(
        publishPacket(`t/${payload}`, payload, 1, 7, { retain, properties: { messageExpirySeconds } }),
      );
    expiring('short', 2);
    expiring('long', 10);
    expiring('kept', 10, true);
    bench.clock.advance(2_500);
    const back = bench.client('gone', { ...lasting, cleanStart: false });
    const [long, kept, ...none] = back.messages();
    expect(none).toEqual([]);
    expect([long, kept]).toMatchObject([
      { topic: 't/long', properties: { messageExpirySeconds: 8 } },
      { topic: 't/kept', properties: { messageExpirySeconds: 8 } },
    ]);
    expect(bench.broker.counters.expiredMessages).toBe(1);
    const late = bench.client('late', WRITER);
    expect(late.subscribe('t/+').slice(1)).toMatchObject([{ properties: { messageExpirySeconds: 8 } }]);
    bench.clock.advance(8_000);
    expect(bench.client('later', WRITER).subscribe('t/+')).toHaveLength(1);
    expect(bench.broker.counters.expiredMessages).toBe(2);
    // Those who are there get it at once, whatever its interval.
    const here = reader(bench);
    expiring('now', 0);
    expect(here.messages()).toMatchObject([{ properties: { messageExpirySeconds: 0 } }]);
  });

  it('a payload that is not the UTF-8 it says is refused with 0x99', () => {
    const bench = new BrokerBench();
    const here = reader(bench);
    const writer = bench.client('writer', WRITER);
    for (const qos of [0, 1, 2] as const) {
      const packet = publishPacket('a', '', qos, 5, { properties: { payloadFormat: 1 } });
      packet.payload = Buffer.from([0xc3, 0x28]);
      expect(codes(writer.send(packet))).toEqual([[], ['puback 153'], ['pubrec 153']][qos]);
    }
    expect(here.messages()).toEqual([]);
    // The exchange is over with the PUBREC: the id is free [MQTT-4.3.3-4].
    expect(codes(writer.publish('a', 'ok', 2, 5))).toEqual(['pubrec 0']);
  });
});

describe('reason codes of PUBACK and PUBREC', () => {
  it('0x10 when nobody has subscribed, and 0 when somebody has', () => {
    const bench = new BrokerBench();
    const writer = bench.client('writer', WRITER);
    expect(codes(writer.publish('a', '1', 1))).toEqual(['puback 16']);
    expect(codes(writer.publish('a', '1', 2))).toEqual(['pubrec 16']);
    expect(codes(writer.ack('pubrel', 1))).toEqual(['pubcomp 0']);
    const old = bench.client('old');
    expect(codes(old.publish('a', '1', 1))).toEqual(['puback 0']);
    reader(bench);
    expect(codes(writer.publish('a', '1', 1))).toEqual(['puback 0']);
  });

  it("0x87 for topics that are not the client's, below level 5 acknowledged and ignored [MQTT311-3.3.5-2]", () => {
    const bench = new BrokerBench({
      authorize: ({ action, topic }) => action === 'subscribe' || topic === 'mine',
    });
    const here = reader(bench);
    const [writer, old] = [bench.client('writer', WRITER), bench.client('old')];
    for (const topic of ['theirs', '$SYS/x']) {
      expect(codes(writer.publish(topic, 'no', 0))).toEqual([]);
      expect(codes(writer.publish(topic, 'no', 1, 3, { retain: true }))).toEqual(['puback 135']);
      expect(codes(writer.publish(topic, 'no', 2, 4))).toEqual(['pubrec 135']);
      expect(codes(old.publish(topic, 'no', 2, 4))).toEqual(['pubrec 0']);
      expect(codes(old.ack('pubrel', 4))).toEqual(['pubcomp 0']);
    }
    expect(codes(writer.publish('mine', 'yes', 2, 4))).toEqual(['pubrec 0']);
    expect(texts(here)).toEqual(['mine yes']);
    expect([bench.broker.counters.denied, bench.broker.retainedCount]).toEqual([8, 0]);
  });

  it('0x97 for topics of more levels than the client may use', () => {
    const bench = new BrokerBench({ clientLimits: { maxTopicLevels: 3 } });
    reader(bench);
    const [writer, old] = [bench.client('writer', WRITER), bench.client('old')];
    expect(codes(writer.publish('1/2/3', '', 1))).toEqual(['puback 0']);
    expect(codes(writer.publish('1/2/3/4', '', 1))).toEqual(['puback 151']);
    expect(codes(writer.publish('1/2/3/4', '', 0))).toEqual([]);
    expect(codes(old.publish('1/2/3/4', '', 1))).toEqual(['puback 0']);
    expect(bench.broker.counters.quotaExceeded).toBe(3);
  });

  it('0x91 for QoS 1 with the id of an open QoS 2 exchange; the same QoS 2 message once more is no news [MQTT-4.3.3-10]', () => {
    const bench = new BrokerBench();
    const here = reader(bench);
    const writer = bench.client('writer', WRITER);
    expect(codes(writer.publish('a', 'two', 2, 9))).toEqual(['pubrec 0']);
    expect(codes(writer.publish('a', 'one', 1, 9))).toEqual(['puback 145']);
    expect(codes(writer.publish('a', 'two', 2, 9, { dup: true }))).toEqual(['pubrec 0']);
    expect(codes(writer.publish('a', 'two', 2, 9))).toEqual(['pubrec 0']);
    expect(texts(here)).toEqual(['a two']);
  });

  it('closes with 0x90 for a wildcard [MQTT-3.3.2-2] and 0x93 above Receive Maximum [MQTT-3.3.4-9]', () => {
    let sequence = 0;
    const bench = new BrokerBench({
      clientLimits: { receiveMaximum: 2 },
      intake: { take: () => ++sequence },
    });
    const wild = bench.client('wild', WRITER);
    const bytes = Buffer.from([0x30, 6, 0, 3, ...Buffer.from('a/#'), 0]);
    expect(codes(wild.send(bytes))).toEqual(['disconnect 144']);
    const writer = bench.client('writer', WRITER);
    expect(
      codes(writer.send(publishPacket('a', '', 1, 1), publishPacket('a', '', 2, 2), publishPacket('a', ''))),
    ).toEqual([]);
    bench.broker.release(sequence);
    expect(codes(writer.look())).toEqual(['puback 16', 'pubrec 16']);
    expect(codes(writer.send(publishPacket('a', '', 1, 3), publishPacket('a', '', 1, 4)))).toEqual([
      'disconnect 147',
    ]);
  });
});

describe('acknowledgement', () => {
  it('waits for the rows of the delivery, that come after the reading', () => {
    const journal = new SequenceJournal();
    // The reading goes into the batch that is open; the delivery's rows into the next one.
    const bench = new BrokerBench({ journal, intake: { take: () => journal.sequence++ } });
    const lasting = bench.client('lasting', { ...WRITER, properties: { sessionExpirySeconds: 60 } });
    lasting.subscribe('#', 2);
    lasting.lose();
    const [writer, old] = [bench.client('writer', WRITER), bench.client('old')];
    bench.broker.release(journal.sequence);
    for (const [client, qos] of [
      [writer, 1],
      [old, 1],
      [writer, 2],
      [old, 2],
    ] as const) {
      const reading = journal.sequence;
      expect(client.publish('a', 'x', qos)).toEqual([]);
      bench.broker.release(reading);
      expect(client.look()).toEqual([]);
      bench.broker.release(journal.sequence);
      expect(codes(client.look())).toEqual([qos === 1 ? 'puback 0' : 'pubrec 0']);
    }
    expect(journal.urgent).toBe(true);
  });

  it('waits for nothing on a listener that says so', () => {
    const journal = new SequenceJournal();
    const bench = new BrokerBench({ journal, intake: { take: () => ++journal.sequence } });
    const origin = { profile: { ...LOCAL_PROFILE, acknowledge: 'received' as const }, certificate: null };
    const writer = bench.unconnected(origin);
    writer.connect({ clientId: 'writer' });
    expect(codes(writer.publish('a', 'x', 1))).toEqual(['puback 0']);
    expect(codes(writer.publish('a', 'x', 2))).toEqual(['pubrec 0']);
    expect(codes(bench.client('other').publish('a', 'x', 1))).toEqual([]);
  });
});

describe('a message that cannot be taken in', () => {
  it('also when the journal takes nothing more: above QoS 0 it is not acknowledged', () => {
    const journal = new SequenceJournal();
    const bench = new BrokerBench({ journal });
    const here = reader(bench);
    const writer = bench.client('writer', WRITER);
    journal.accepting = false;
    expect(codes(writer.send(publishPacket('a', '0'), publishPacket('a', '1', 1)))).toEqual([
      'disconnect 137',
    ]);
    expect(texts(here)).toEqual(['a 0']);
    expect(bench.broker.publish({ topic: 'a', payload: Buffer.from('own'), qos: 1 })).toMatchObject({
      taken: false,
    });
    expect(bench.broker.publish({ topic: 'a', payload: Buffer.from('own'), qos: 0 })).toEqual({
      taken: true,
      receivers: 1,
    });
  });

  it('is not acknowledged: the connection is closed, in level 5 with 0x89, and nobody gets it', () => {
    const bench = new BrokerBench({ intake: { take: ({ qos }) => (qos > 0 ? ACK_NEVER : 0) } });
    const here = reader(bench);
    const [writer, old] = [bench.client('writer', WRITER), bench.client('old')];
    expect(codes(writer.send(publishPacket('a', '0'), publishPacket('a', '1', 1)))).toEqual([
      'disconnect 137',
    ]);
    expect(old.publish('a', '2', 2)).toEqual([]);
    expect([writer.closed, old.closed]).toEqual([true, true]);
    expect(texts(here)).toEqual(['a 0']);
  });
});
