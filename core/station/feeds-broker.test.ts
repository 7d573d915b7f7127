import { expect, it } from 'vitest';
import { BrokerBench } from '../../test/support/mqtt-broker.ts';
import { silentLog } from '../base/log.ts';
import { Signal } from '../base/events.ts';
import type { ClientsDelta } from '../contract/broker.ts';
import { BrokerDesk } from './broker-desk.ts';
import { clientsFeed, securityFeed } from './feeds-broker.ts';

/** A screen: it knows of the clients what its feed tells. */
function screen(desk: BrokerDesk) {
  const feed = clientsFeed(desk, new Signal<void>(), () => undefined);
  const shown = new Set(feed.snapshot().clients.map(({ clientId }) => clientId));
  const look = (): string[] => {
    const delta: ClientsDelta | null = feed.drain();
    for (const clientId of delta?.removed ?? []) shown.delete(clientId);
    for (const { clientId } of delta?.upsert ?? []) shown.add(clientId);
    return [...shown].sort();
  };
  return { look, feed };
}

it('two screens that look in turn both hear of every change and every removal', () => {
  const bench = new BrokerBench();
  const desk = new BrokerDesk(bench.broker, silentLog);
  const there = () =>
    bench.broker
      .clients()
      .map(({ clientId }) => clientId)
      .sort();
  const screens = [screen(desk), screen(desk)];
  for (let step = 0; step < 300; step++) {
    const id = `c${(step * 7) % 11}`;
    if (step % 3 === 0) bench.broker.disconnect(id);
    else bench.client(id);
    if (step % 2 === 0) expect(screens[0]!.look()).toEqual(there());
    if (step % 5 === 0) expect(screens[1]!.look()).toEqual(there());
  }
});

it('nobody stays on a screen that looks after more went than the broker remembers', () => {
  const bench = new BrokerBench();
  const desk = new BrokerDesk(bench.broker, silentLog);
  bench.client('stays');
  const gone = bench.client('gone');
  const { look } = screen(desk);
  expect(look()).toEqual(['gone', 'stays']);
  gone.lose();
  for (let index = 0; index < 20_010; index++) bench.client('brief').lose();
  bench.client('new');
  expect(look()).toEqual(['new', 'stays']);
  expect(look()).toEqual(['new', 'stays']);
});

it('users are told again with the tick after a sign-in, and not with every tick', () => {
  const tick = new Signal<void>();
  const access = {
    signIns: 0,
    changed: new Signal<void>(),
    heldBackChanged: new Signal<void>(),
    snapshot: () => ({ users: [], roles: [], anonymousRole: null, heldBack: [] }),
  };
  let dirty = 0;
  const feed = securityFeed(access, tick, () => dirty++);
  feed.snapshot();
  tick.emit();
  expect([dirty, feed.drain()]).toEqual([0, null]);
  access.signIns++;
  tick.emit();
  expect(dirty).toBe(1);
  expect(feed.drain()).not.toBeNull();
  access.changed.emit();
  expect(dirty).toBe(2);
  feed.close();
  expect([tick.size, access.changed.size, access.heldBackChanged.size]).toEqual([0, 0, 0]);
});
