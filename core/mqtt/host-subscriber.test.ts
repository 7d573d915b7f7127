import { describe, expect, it } from 'vitest';
import { BrokerBench } from '../../test/support/mqtt-broker.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a subscriber inside the station', () => {
  it.each([1, 2] as const)(
    'gets at QoS %i more than a window in one turn, all of it, in order and without another turn each',
    async (qos) => {
      const bench = new BrokerBench();
      const got: string[] = [];
      bench.broker.subscribe({ filter: 'a', qos }, ({ payload }) =>
        got.push(Buffer.from(payload).toString()),
      );
      await turn();
      const wanted = Array.from({ length: 900 }, (_, index) => String(index));
      for (const text of wanted) bench.broker.publish({ topic: 'a', payload: Buffer.from(text), qos });
      for (let turns = 0; turns < 5; turns++) await turn();
      if (qos === 1) expect(got).toEqual(wanted);
      for (let turns = 0; turns < 100; turns++) await turn();
      expect(got).toEqual(wanted);
      expect(bench.broker.counters.droppedOut).toBe(0);
    },
  );

  it('may publish what it gets itself: nothing is lost and the order is that of publishing', async () => {
    const bench = new BrokerBench();
    const got: string[] = [];
    const publish = (text: string): void =>
      void bench.broker.publish({ topic: 'a', payload: Buffer.from(text), qos: 1 });
    bench.broker.subscribe({ filter: 'a', qos: 1 }, ({ payload }) => {
      const text = Buffer.from(payload).toString();
      got.push(text);
      if (text.length < 5) publish(`${text}+`);
    });
    for (const text of ['1', '2', '3']) publish(text);
    for (let turns = 0; turns < 20; turns++) await turn();
    const rounds = ['', '+', '++', '+++', '++++'];
    expect(got).toEqual(rounds.flatMap((plus) => ['1', '2', '3'].map((text) => text + plus)));
  });

  it('gets nothing more once it has left', async () => {
    const bench = new BrokerBench();
    const got: string[] = [];
    const leave = bench.broker.subscribe({ filter: 'a' }, ({ topic }) => got.push(topic));
    await turn();
    bench.broker.publish({ topic: 'a', payload: Buffer.from('1') });
    leave();
    await turn();
    expect(got).toEqual([]);
  });
});
