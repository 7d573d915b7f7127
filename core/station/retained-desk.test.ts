import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BrokerBench } from '../../test/support/mqtt-broker.ts';
import type { BrokerOptions } from '../mqtt/options.ts';
import { RetainedDesk } from './retained-desk.ts';

function createDesk(messages: number, options: Partial<BrokerOptions> = {}) {
  const bench = new BrokerBench(options);
  const retain = (topic: string, payload = 'x') =>
    bench.broker.publish({ topic, payload: Buffer.from(payload), retain: true });
  for (let i = 0; i < messages; i++) retain(`plant/${i % 10}/${i}`);
  const desk = new RetainedDesk({ store: bench.broker.retained, clock: bench.clock });
  /** Runs what is under way to its end. */
  const finish = async () => {
    while (desk.status().jobs.some(({ state }) => state === 'running')) await turn();
  };
  return { bench, desk, retain, finish, count: () => bench.broker.retainedCount };
}

describe('RetainedDesk', () => {
  it('counts, lists and tells of what clients retained, and not of $SYS', () => {
    const { bench, desk, retain } = createDesk(2);
    const { revision } = desk;
    const sys = { topic: '$SYS/broker/uptime', payload: Buffer.from('1'), retain: true, silent: true };
    bench.broker.publish(sys);
    expect([desk.revision, desk.status().messages]).toEqual([revision, 2]);
    expect(desk.page({ search: '', after: '', limit: 9 })).toMatchObject({ total: 2, next: null });
    expect(desk.page({ search: '$sys', after: '', limit: 9 }).rows).toHaveLength(1);
    retain('plant/new');
    expect(desk.revision).toBeGreaterThan(revision);
  });

  it('clears one message at once, tells no subscriber, and gives it back as it was', () => {
    const { bench, desk, count } = createDesk(3);
    const client = bench.client('c');
    client.subscribe('#', 1, { retainHandling: 2 });
    const before = desk.get('plant/1/1');
    const job = desk.clear(['plant/1/1']);
    expect(job).toMatchObject({ state: 'done', done: 1, total: 1, what: 'plant/1/1' });
    expect(() => desk.get('plant/1/1')).toThrow(expect.objectContaining({ code: 'retained.unknown' }));
    expect(desk.restore(job.trash!)).toMatchObject({ kind: 'restore', state: 'done', done: 1 });
    expect(desk.get('plant/1/1')).toEqual(before);
    expect([count(), client.look()]).toEqual([3, []]);
  });

  it('clears below in steps that tell how far they are, and stops where it is told to', async () => {
    const { desk, finish, count } = createDesk(5_000);
    const job = desk.clearBelow('plant');
    expect(job).toMatchObject({ state: 'running', total: 5_000 });
    await turn();
    const [running] = desk.status().jobs;
    expect(running!.done).toBeGreaterThan(0);
    expect(running!.done).toBeLessThan(5_000);
    const stopped = desk.cancel(job.id);
    expect(stopped).toMatchObject({ state: 'cancelled', done: 5_000 - count() });
    await finish();
    expect(desk.status().trash).toMatchObject([{ messages: stopped.done, what: 'plant/#' }]);
    expect(desk.cancel(job.id).state).toBe('cancelled');
    desk.restore(desk.status().trash[0]!.id);
    await finish();
    expect(count()).toBe(5_000);
  });

  it('leaves alone what is newer, and keeps in the trash what does not fit', async () => {
    const { desk, retain, finish, count } = createDesk(4, { limits: { maxRetainedMessages: 4 } });
    const job = desk.clearBelow('plant');
    await finish();
    expect(count()).toBe(0);
    retain('plant/0/0', 'newer');
    for (const topic of ['other/1', 'other/2']) retain(topic);
    expect(desk.restore(job.trash!)).toMatchObject({ state: 'failed', done: 1 });
    expect(Buffer.from(desk.get('plant/0/0').payload).toString()).toBe('newer');
    const [left] = desk.status().trash;
    // All that it had not come to: a second try would leave the newer one alone.
    expect(left).toMatchObject({ messages: 3, what: 'plant/#' });
    expect(() => desk.restore(job.trash!)).toThrow(
      expect.objectContaining({ code: 'retained.no_such_trash' }),
    );
    expect(desk.emptyTrash()).toBe(3);
    expect(desk.status()).toMatchObject({ trash: [], trashBytes: 0, messages: 4 });
  });
});
