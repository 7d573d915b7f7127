import { describe, expect, it } from 'vitest';
import { MemoryJournal } from '../../test/support/memory-journal.ts';
import { BrokerBench, type MemoryClient } from '../../test/support/mqtt-broker.ts';
import type { BrokerState } from './journal.ts';
import type { BrokerOptions } from './options.ts';
import { LOCAL_PROFILE } from './origin.ts';

const lasting = { cleanStart: false };

/** A broker with a journal that a test commits and crashes by hand. */
class Durable extends BrokerBench {
  readonly journal: MemoryJournal;

  constructor(state?: BrokerState, options: Partial<BrokerOptions> = {}) {
    const journal = new MemoryJournal(state);
    super({ journal, ...options }, (broker) => {
      if (state !== undefined) broker.restore(state);
    });
    this.journal = journal;
  }

  commit(): void {
    this.broker.release(this.journal.commit());
  }

  /** The next run on what is on the disk; everything else is gone. */
  crash(): Durable {
    return new Durable(this.journal.state());
  }

  publish(payload: string, qos: 0 | 1 | 2, topic = 'a'): void {
    this.broker.publish({ topic, payload: Buffer.from(payload), qos });
  }

  lastingReader(): MemoryClient {
    const reader = this.client('reader', lasting);
    reader.subscribe('a', 2);
    this.commit();
    reader.look();
    return reader;
  }
}

const kinds = (packets: { type: string }[]) => packets.map(({ type }) => type);

describe('what waits for the commit', () => {
  it('is SUBACK and UNSUBACK of a lasting session, and of no other', () => {
    const bench = new Durable();
    const reader = bench.client('reader', lasting);
    expect(reader.subscribe('a', 1)).toEqual([]);
    bench.commit();
    expect(kinds(reader.look())).toEqual(['suback']);
    expect(reader.send({ type: 'unsubscribe', packetId: 3, filters: ['a'] })).toEqual([]);
    bench.commit();
    expect(kinds(reader.look())).toEqual(['unsuback']);
    expect(kinds(bench.client('clean').subscribe('a', 1))).toEqual(['suback']);
    expect(bench.journal.subscriptions.size).toBe(0);
  });

  it('is an outgoing QoS 2 message, while QoS 1 goes at once', () => {
    const bench = new Durable();
    const reader = bench.lastingReader();
    bench.publish('1', 1);
    bench.publish('2', 2);
    expect(reader.texts()).toEqual(['a 1 1']);
    bench.commit();
    expect(reader.texts()).toEqual(['a 2 2']);
    expect([...bench.journal.outgoing.values()]).toMatchObject([
      { qos: 1, state: 1, packetId: 1 },
      { qos: 2, state: 2, packetId: 2 },
    ]);
  });

  it('is PUBREL until the state is written, and then the message is gone from the disk', () => {
    const bench = new Durable();
    const reader = bench.lastingReader();
    bench.publish('2', 2);
    bench.commit();
    reader.look();
    expect(reader.ack('pubrec', 1)).toEqual([]);
    bench.commit();
    expect(reader.look()).toMatchObject([{ type: 'pubrel', packetId: 1 }]);
    expect([...bench.journal.outgoing.values()]).toMatchObject([{ message: 0, state: 3 }]);
    expect(bench.journal.messages.size).toBe(0);
    reader.ack('pubcomp', 1);
    bench.commit();
    expect(bench.journal.outgoing.size).toBe(0);
  });

  it('is PUBREC and PUBCOMP of a lasting publisher', () => {
    const bench = new Durable();
    const writer = bench.client('writer', lasting);
    expect(writer.publish('a', 'x', 2, 7)).toEqual([]);
    bench.commit();
    expect(kinds(writer.look())).toEqual(['pubrec']);
    expect(bench.journal.incoming.size).toBe(1);
    expect(writer.ack('pubrel', 7)).toEqual([]);
    bench.commit();
    expect(kinds(writer.look())).toEqual(['pubcomp']);
    expect(bench.journal.incoming.size).toBe(0);
  });

  it('is nothing on a listener that acknowledges what it received', () => {
    const bench = new Durable();
    const client = bench.unconnected({
      profile: { ...LOCAL_PROFILE, acknowledge: 'received' },
      certificate: null,
    });
    client.connect({ clientId: 'c', ...lasting });
    expect(kinds(client.subscribe('a', 2))).toEqual(['suback']);
    expect(kinds(client.publish('a', 'x', 2, 7))).toEqual(['publish', 'pubrec']);
    expect(kinds(client.ack('pubrec', 1))).toEqual(['pubrel']);
    expect(kinds(client.ack('pubrel', 7))).toEqual(['pubcomp']);
  });

  it('passes unsent when its connection is gone, and the session sends it on the next one', () => {
    const bench = new Durable();
    const reader = bench.lastingReader();
    bench.publish('2', 2);
    reader.lose();
    const again = bench.client('reader', lasting);
    expect(again.look()).toEqual([]);
    bench.commit();
    expect(again.texts()).toEqual(['a 2 2']);
    expect(reader.look()).toEqual([]);
  });
});

describe('a session without a future', () => {
  it('writes nothing at all', () => {
    const bench = new Durable();
    const reader = bench.client('reader');
    reader.subscribe('a', 2);
    bench.client('writer').publish('a', 'x', 2);
    reader.ack('pubrec', 1);
    reader.lose();
    expect(bench.journal.log).toEqual([]);
  });
});

describe('after a crash', () => {
  it('the session has its subscriptions, its queue and what was under way, in order, with the same ids and DUP', () => {
    const bench = new Durable(undefined, { limits: { inflightWindow: 3 } });
    bench.lastingReader();
    for (const [payload, qos] of [
      ['1', 1],
      ['2', 2],
      ['3', 1],
      ['4', 2],
      ['5', 1],
    ] as const)
      bench.publish(payload, qos);
    bench.commit();
    const next = bench.crash();
    expect(next.broker.clients()).toMatchObject([
      { connected: false, subscriptions: 1, inFlight: 3, queued: 2, leftMs: next.clock.now() },
    ]);
    const reader = next.client('reader', lasting);
    // The row of the fourth has no packet id yet.
    expect(reader.texts()).toEqual(['a 1 1d', 'a 2 2d', 'a 3 1d', 'a 5 1']);
    next.commit();
    expect(reader.texts()).toEqual(['a 4 2']);
    next.publish('6', 1);
    expect(reader.texts()).toEqual(['a 6 1']);
  });

  it('a QoS 2 message that was released is released again and not sent again [MQTT-4.4.0-1]', () => {
    const bench = new Durable();
    const reader = bench.lastingReader();
    bench.publish('2', 2);
    bench.commit();
    reader.ack('pubrec', 1);
    bench.commit();
    const again = bench.crash().client('reader', lasting);
    expect(again.look()).toMatchObject([{ type: 'pubrel', packetId: 1 }]);
  });

  it('a message that was not committed is gone, and was acknowledged to nobody', () => {
    const bench = new Durable();
    const reader = bench.lastingReader();
    const writer = bench.client('writer', lasting);
    bench.commit();
    expect(writer.publish('a', 'x', 2, 9)).toEqual([]);
    expect(reader.look()).toEqual([]);
    const next = bench.crash();
    expect(next.client('reader', lasting).look()).toEqual([]);
    const again = next.client('writer', lasting);
    // The publisher sends it again, and it is taken for what it is: new.
    again.publish('a', 'x', 2, 9, { dup: true });
    next.commit();
    expect(kinds(again.look())).toEqual(['pubrec']);
    expect([...next.journal.outgoing.values()]).toMatchObject([{ qos: 2, state: 2 }]);
  });

  it('a repetition of a QoS 2 message that was taken in is not delivered again', () => {
    const bench = new Durable();
    bench.lastingReader();
    const writer = bench.client('writer', lasting);
    writer.publish('a', 'x', 2, 9);
    bench.commit();
    const next = bench.crash();
    const again = next.client('writer', lasting);
    again.publish('a', 'x', 2, 9, { dup: true });
    next.commit();
    expect(kinds(again.look())).toEqual(['pubrec']);
    expect(next.client('reader', lasting).messages()).toHaveLength(1);
  });

  it('one message is one row for all who wait for it, and goes with the last of them', () => {
    const bench = new Durable();
    for (const name of ['r1', 'r2', 'r3']) {
      bench.client(name, lasting).subscribe('a', 1);
      bench.broker.disconnect(name);
    }
    bench.publish('x', 1);
    bench.commit();
    expect([bench.journal.messages.size, bench.journal.outgoing.size]).toEqual([1, 3]);
    const next = bench.crash();
    for (const name of ['r1', 'r2']) {
      const reader = next.client(name, lasting);
      for (const { packetId } of reader.messages()) reader.ack('puback', packetId);
    }
    next.commit();
    expect([next.journal.messages.size, next.journal.outgoing.size]).toEqual([1, 1]);
    next.broker.removeSession('r3');
    next.commit();
    expect([next.journal.messages.size, next.journal.outgoing.size]).toEqual([0, 0]);
  });

  it('the whole state can be told for a record that begins anew', () => {
    const bench = new Durable(undefined, { limits: { inflightWindow: 1 } });
    bench.lastingReader();
    const writer = bench.client('writer', { ...lasting, will: { ...WILL, topic: 'b' } });
    writer.publish('a', 'x', 2, 9, { retain: true });
    bench.publish('y', 1);
    bench.client('clean', { will: WILL });
    bench.commit();
    const sorted = (state: BrokerState) => ({
      ...state,
      sessions: state.sessions.sort((a, b) => a.id - b.id),
    });
    expect(sorted(structuredClone(bench.broker.state()))).toEqual(sorted(bench.journal.state()));
  });

  it('wills of clients that were connected are published, also of sessions that end with their connection', () => {
    const bench = new Durable();
    bench.client('watcher', lasting).subscribe('gone', 1);
    bench.client('clean', { will: WILL });
    bench.client('lasting', { ...lasting, will: WILL });
    bench.commit();
    const next = bench.crash();
    expect(next.broker.sessionCounts).toMatchObject({ connected: 0 });
    next.clock.advance(300);
    expect(next.client('watcher', lasting).texts()).toEqual(['gone x 1', 'gone x 1']);
    expect(next.broker.clients().map(({ clientId }) => clientId)).toEqual(['watcher', 'lasting']);
    next.commit();
    expect([...next.journal.sessions.values()].map(({ will }) => will)).toEqual([null, null]);
  });

  it('sessions that expired meanwhile are gone with all their rows', () => {
    const bench = new Durable();
    const reader = bench.client('r', { protocolLevel: 5, properties: { sessionExpirySeconds: 10 } });
    reader.subscribe('a', 1);
    reader.lose();
    bench.publish('x', 1);
    bench.commit();
    const state = bench.journal.state();
    state.sessions[0]!.leftMs -= 10_000;
    const next = new Durable(state);
    next.clock.advance(300);
    next.commit();
    expect(next.broker.clients()).toEqual([]);
    expect(next.broker.sessionCounts).toEqual({ connected: 0, absent: 0, expired: 1 });
    expect(next.journal.state()).toMatchObject({
      sessions: [],
      subscriptions: [],
      messages: [],
      outgoing: [],
    });
  });
});

describe('a session that ends with its connection from now on', () => {
  it('leaves the disk, and still sends what it had [MQTT-3.1.2-23]', () => {
    const bench = new Durable();
    const v5 = { protocolLevel: 5 as const, cleanStart: false };
    const reader = bench.client('r', { ...v5, properties: { sessionExpirySeconds: 100 } });
    reader.subscribe('a', 2);
    reader.lose();
    bench.publish('1', 1);
    bench.publish('2', 2);
    const again = bench.client('r', v5);
    expect(again.texts()).toEqual(['a 1 1', 'a 2 2']);
    bench.commit();
    expect(bench.journal.state()).toMatchObject({
      sessions: [],
      subscriptions: [],
      messages: [],
      outgoing: [],
    });
    again.ack('puback', 1);
    again.ack('pubrec', 2);
    again.ack('pubcomp', 2);
    again.lose();
    bench.commit();
    expect(bench.broker.clients()).toEqual([]);
  });
});

const WILL = { topic: 'gone', payload: Buffer.from('x'), qos: 1 as const, retain: false };
