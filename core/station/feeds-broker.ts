import type { ClientsDelta, ClientsSnapshot } from '../contract/broker.ts';
import type { Signal } from '../base/events.ts';
import type { Feed } from '../rpc/types.ts';
import type { BrokerDesk } from './broker-desk.ts';

/** Sessions: everything once, then those that changed. A look is due with every tick of the status. */
export function clientsFeed(
  desk: BrokerDesk,
  tick: Signal<void>,
  dirty: () => void,
): Feed<ClientsSnapshot, ClientsDelta> {
  let stamp = 0;
  const removers = [tick.on(dirty), desk.changed.on(dirty)];
  return {
    snapshot: () => {
      const changes = desk.changesSince(0);
      stamp = changes.stamp;
      return { clients: changes.upsert };
    },
    drain: () => {
      const { upsert, removed, stamp: next } = desk.changesSince(stamp);
      stamp = next;
      return upsert.length === 0 && removed.length === 0 ? null : { upsert, removed };
    },
    close: () => {
      for (const remove of removers) remove();
    },
  };
}

/** A small state that is told whole whenever it changed. */
export function wholeFeed<T>(
  look: () => T,
  changed: readonly { on(listener: () => void): () => void }[],
  dirty: () => void,
): Feed<T, T> {
  let isNew = false;
  const removers = changed.map((signal) =>
    signal.on(() => {
      isNew = true;
      dirty();
    }),
  );
  return {
    snapshot: () => {
      isNew = false;
      return look();
    },
    drain: () => {
      if (!isNew) return null;
      isNew = false;
      return look();
    },
    close: () => {
      for (const remove of removers) remove();
    },
  };
}
