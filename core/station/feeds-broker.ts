import type { ClientRow, ClientsDelta, ClientsSnapshot } from '../contract/broker.ts';
import type { MqttAccess } from '../access/mqtt-access.ts';
import { Signal } from '../base/events.ts';
import type { SecuritySnapshot } from '../contract/security.ts';
import type { Feed } from '../rpc/types.ts';
import type { BrokerDesk } from './broker-desk.ts';

/** Sessions: everything once, then those that changed. A look is due with every tick of the status. */
export function clientsFeed(
  desk: BrokerDesk,
  tick: Signal<void>,
  dirty: () => void,
): Feed<ClientsSnapshot, ClientsDelta> {
  let stamp = 0;
  /** Who the screen shows. */
  const told = new Set<string>();
  const removers = [tick.on(dirty), desk.changed.on(dirty)];
  return {
    snapshot: () => {
      const changes = desk.changesSince(0);
      stamp = changes.stamp;
      told.clear();
      for (const { clientId } of changes.upsert) told.add(clientId);
      return { clients: changes.upsert };
    },
    drain: () => {
      const changes = desk.changesSince(stamp);
      stamp = changes.stamp;
      const { upsert } = changes;
      // When more went than the broker remembers, it names everybody who is there.
      const removed = changes.complete ? changes.removed : othersThan(upsert, told);
      for (const clientId of removed) told.delete(clientId);
      for (const { clientId } of upsert) told.add(clientId);
      return upsert.length === 0 && removed.length === 0 ? null : { upsert, removed };
    },
    close: () => {
      for (const remove of removers) remove();
    },
  };
}

function othersThan(clients: ClientRow[], told: ReadonlySet<string>): string[] {
  const here = new Set(clients.map(({ clientId }) => clientId));
  return [...told].filter((clientId) => !here.has(clientId));
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

/** Users and roles: at once when they are changed, and with the next tick when somebody signed in. */
export function securityFeed(
  access: Pick<MqttAccess, 'snapshot' | 'changed' | 'heldBackChanged' | 'signIns'>,
  tick: Signal<void>,
  dirty: () => void,
): Feed<SecuritySnapshot, SecuritySnapshot> {
  const seen = new Signal<void>();
  let signIns = access.signIns;
  const stopTicks = tick.on(() => {
    if (signIns === access.signIns) return;
    signIns = access.signIns;
    seen.emit();
  });
  const feed = wholeFeed(() => access.snapshot(), [access.changed, access.heldBackChanged, seen], dirty);
  return {
    ...feed,
    close: () => {
      stopTicks();
      feed.close();
    },
  };
}
