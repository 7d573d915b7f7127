import { describe, expect, it } from 'vitest';
import {
  message,
  outgoing,
  putAll,
  everyRow,
  retained,
  session,
  subscription,
} from '../../test/support/broker-rows.ts';
import { MqttBatch } from './mqtt-batch.ts';
import type { Highest } from './mqtt-batch.ts';
import { columnsToState, INCOMING, rowsOf } from './mqtt-columns.ts';
import { emptyBrokerState } from './mqtt-types.ts';
import type { BrokerState } from './mqtt-types.ts';

function batchAfter(highest: Partial<Highest> = {}): MqttBatch {
  return new MqttBatch({ message: 0, order: 0, ...highest });
}

function putIn(batch: MqttBatch): BrokerState {
  const { rows } = batch.toRows();
  return rows === null ? emptyBrokerState() : columnsToState(rows.put);
}

describe('a batch of the broker', () => {
  it('gives every field of every row as it came, again and again', () => {
    const batch = batchAfter();
    putAll(batch, everyRow());
    expect(putIn(batch)).toEqual(everyRow());
    expect(putIn(batch)).toEqual(everyRow());
    batch.reset();
    expect(batch.toRows()).toEqual({ rows: null, transfer: [] });
  });

  it('sends the bytes of a payload and not what it is a view of', () => {
    const batch = batchAfter();
    const chunk = new Uint8Array(65_536).fill(9);
    batch.addMessage(message(1, { payload: chunk.subarray(100, 103) }));
    const { rows } = batch.toRows();
    expect(rows!.put.messages.bytes).toEqual(Uint8Array.of(9, 9, 9));
    expect(rows!.put.messages.bytes.buffer.byteLength).toBe(3);
  });

  it('keeps the latest state of each key', () => {
    const batch = batchAfter();
    batch.putSession(session(1));
    batch.putSession(session(1, { leftMs: 7 }));
    batch.putSubscription(subscription(1, 'a'));
    batch.putSubscription(subscription(1, 'a', { options: 2 }));
    batch.putOutgoing(outgoing(1, 1, 1));
    batch.putOutgoing(outgoing(1, 1, 1, { state: 1, packetId: 4 }));
    batch.putRetained(retained('r'));
    batch.putRetained(retained('r', { qos: 1 }));
    expect(putIn(batch)).toEqual({
      ...emptyBrokerState(),
      sessions: [session(1, { leftMs: 7 })],
      subscriptions: [subscription(1, 'a', { options: 2 })],
      outgoing: [outgoing(1, 1, 1, { state: 1, packetId: 4 })],
      retained: [retained('r', { qos: 1 })],
    });
  });

  it('holds nothing of a message that came and went, with all its states, and costs nothing then', () => {
    const batch = batchAfter({ message: 9, order: 99 });
    batch.addMessage(message(10));
    batch.putOutgoing(outgoing(100, 1, 10));
    batch.putOutgoing(outgoing(100, 1, 10, { state: 1, packetId: 1 }));
    batch.addIncoming(1, 5);
    expect(batch.bytes).toBeGreaterThan(0);
    batch.removeIncoming(1, 5);
    batch.removeOutgoing(100);
    batch.removeMessage(10);
    expect(batch.bytes).toBe(0);
    expect(batch.toRows().rows).toBeNull();
  });

  it('takes away from the disk what an earlier batch put, even after it changed in this one', () => {
    const highest = { message: 0, order: 0 };
    const earlier = new MqttBatch(highest);
    earlier.addMessage(message(1));
    earlier.putOutgoing(outgoing(1, 1, 1));
    earlier.addIncoming(1, 5);
    const batch = new MqttBatch(highest);
    batch.putOutgoing(outgoing(1, 1, 1, { state: 1 }));
    batch.removeOutgoing(1);
    batch.removeMessage(1);
    batch.removeIncoming(1, 5);
    batch.addIncoming(1, 5);
    batch.removeIncoming(1, 5);
    const { put, gone } = batch.toRows().rows!;
    expect(columnsToState(put)).toEqual(emptyBrokerState());
    expect([...gone.outgoing]).toEqual([1]);
    expect([...gone.messages]).toEqual([1]);
    expect(rowsOf(INCOMING, gone.incoming)).toEqual([{ session: 1, packetId: 5 }]);
  });

  it('knows what is on disk when it is used for a second time', () => {
    const highest = { message: 0, order: 0 };
    const reused = new MqttBatch(highest);
    reused.reset();
    new MqttBatch(highest).putOutgoing(outgoing(50, 1, 1));
    reused.begin();
    reused.putOutgoing(outgoing(50, 1, 1, { state: 1 }));
    reused.removeOutgoing(50);
    expect([...reused.toRows().rows!.gone.outgoing]).toEqual([50]);
  });

  it('takes away from a new file what that was given while it was in this batch', () => {
    const batch = batchAfter();
    batch.addMessage(message(1));
    batch.putOutgoing(outgoing(1, 1, 1));
    batch.addIncoming(1, 5);
    batch.seeded();
    batch.removeIncoming(1, 5);
    batch.removeOutgoing(1);
    batch.removeMessage(1);
    const { put, gone } = batch.toRows().rows!;
    expect(columnsToState(put)).toEqual(emptyBrokerState());
    expect([...gone.outgoing]).toEqual([1]);
    expect([...gone.messages]).toEqual([1]);
    expect(rowsOf(INCOMING, gone.incoming)).toEqual([{ session: 1, packetId: 5 }]);
  });

  it('puts an incoming id again that went in the same batch', () => {
    const batch = batchAfter();
    batch.removeIncoming(1, 5);
    batch.addIncoming(1, 5);
    expect(putIn(batch).incoming).toEqual([{ session: 1, packetId: 5 }]);
  });

  it('drops with a session what belongs to it, and only that', () => {
    const batch = batchAfter();
    for (const id of [1, 2]) {
      batch.putSession(session(id));
      batch.putSubscription(subscription(id, 'a'));
      batch.putOutgoing(outgoing(id, id, 1));
      batch.addIncoming(id, 5);
    }
    batch.removeOutgoing(77);
    batch.removeSession(1);
    const { put, gone } = batch.toRows().rows!;
    expect(columnsToState(put)).toEqual({
      ...emptyBrokerState(),
      sessions: [session(2)],
      subscriptions: [subscription(2, 'a')],
      outgoing: [outgoing(2, 2, 1)],
      incoming: [{ session: 2, packetId: 5 }],
    });
    expect([...gone.sessions]).toEqual([1]);
    expect([...gone.outgoing]).toEqual([77]);
  });

  it('leaves nothing of a former session to a new one of the same id', () => {
    const batch = batchAfter();
    batch.putSession(session(1));
    batch.putSubscription(subscription(1, 'old'));
    batch.putOutgoing(outgoing(1, 1, 1));
    batch.addIncoming(1, 5);
    batch.removeSession(1);
    batch.putSession(session(1, { clientId: 'other' }));
    batch.putSubscription(subscription(1, 'new'));
    const { put, gone } = batch.toRows().rows!;
    expect(columnsToState(put)).toEqual({
      ...emptyBrokerState(),
      sessions: [session(1, { clientId: 'other' })],
      subscriptions: [subscription(1, 'new')],
    });
    expect([...gone.sessions]).toEqual([1]);
  });

  it('does not grow when the same rows change for ever', () => {
    const batch = batchAfter();
    const turn = (): void => {
      batch.putSession(session(1));
      batch.putSubscription(subscription(1, 'a'));
      batch.removeSubscription(1, 'a');
      batch.putRetained(retained('r'));
      batch.removeRetained('r');
      batch.removeRetained('r');
      batch.removeMessage(3);
      batch.removeOutgoing(3);
      batch.removeIncoming(1, 3);
      batch.removeSession(1);
    };
    for (let i = 0; i < 2_000; i++) turn();
    const { bytes } = batch;
    for (let i = 0; i < 2_000; i++) turn();
    expect(batch.bytes).toBe(bytes);
  });
});
