import type { BrokerContext } from './context.ts';
import { AWAIT_PUBCOMP } from './inflight.ts';
import { type BrokerState, type OutgoingRow, QUEUED } from './journal.ts';
import { LOCAL_PROFILE } from './origin.ts';
import { frameOf, type PublishFrame } from './publish-frame.ts';
import type { Session } from './session.ts';
import { rowOf, subscriptionOf } from './subscribing.ts';

/**
 * Puts back what an earlier run of the station kept, before anything else happens. Clients that were connected left
 * now, as far as anyone knows; sessions that only kept a will have it published at the start. Rows that nothing needs
 * any more are taken out of the journal.
 */
export function restore(context: BrokerContext, state: BrokerState): void {
  const { sessions, retained, journal, ledger, router, limits, clock } = context;
  const nowMs = clock.now();
  const byId = new Map<number, Session>();
  const clientLimits = context.limitsOf(LOCAL_PROFILE);
  for (const row of state.sessions) {
    const twin = sessions.get(row.clientId);
    if (twin !== undefined) {
      // A connection with a will alone and a lasting session cannot have been at the same time.
      context.log.warn('two sessions of one client were kept', { client: row.clientId });
      byId.delete(twin.serial);
      sessions.remove(twin);
    }
    const leftMs = row.leftMs === 0 ? nowMs : row.leftMs;
    byId.set(row.id, sessions.restore({ ...row, leftMs }, clientLimits));
  }
  for (const row of state.subscriptions) {
    const session = byId.get(row.session);
    if (session !== undefined && !router.subscribe(session, subscriptionOf(row)))
      journal?.removeSubscription(row.session, row.filter);
  }
  for (const { session, packetId } of state.incoming) byId.get(session)?.restoreIncoming(packetId);
  retained.load(state.retained);

  const frames = new Map<number, PublishFrame>();
  let lastMessage = 0;
  for (const row of state.messages) {
    const frame = frameOf(row);
    frame.messageId = row.id;
    frames.set(row.id, frame);
    lastMessage = Math.max(lastMessage, row.id);
  }
  let lastOrder = 0;
  for (const row of state.outgoing) {
    lastOrder = Math.max(lastOrder, row.order);
    if (!restoreOutgoing(byId.get(row.session), row, frames)) journal?.removeOutgoing(row.order);
  }
  for (const frame of frames.values()) if (frame.references === 0) journal?.removeMessage(frame.messageId);
  ledger?.continueAfter(lastMessage, lastOrder);
  for (const session of byId.values()) session.putRow();
  context.log.info('sessions are back', {
    sessions: byId.size,
    messages: frames.size,
    window: limits.inflightWindow,
  });
}

/** False when there is nothing to do with it. */
function restoreOutgoing(
  session: Session | undefined,
  row: OutgoingRow,
  frames: Map<number, PublishFrame>,
): boolean {
  if (session?.lasting !== true) return false;
  const frame = row.message === 0 ? null : (frames.get(row.message) ?? null);
  if (frame === null && row.message !== 0) return false;
  if (frame === null && row.state !== AWAIT_PUBCOMP) return false;
  if (row.state !== QUEUED && row.packetId === 0) return false;
  session.restore(frame, row.qos, row.state, row.packetId, row.flags, row.order, row.subscriptionIds);
  return true;
}

/** Everything that is to be kept, for a journal that begins anew. */
export function stateOf(context: BrokerContext): BrokerState {
  const state: BrokerState = {
    sessions: [],
    subscriptions: [],
    messages: [],
    outgoing: [],
    incoming: [],
    retained: context.retained.rows(),
  };
  const told = new Set<number>();
  for (const session of context.sessions.all.values()) {
    if (session.journal === null && session.record.will === null) continue;
    state.sessions.push(session.record.row(session));
    if (session.journal === null) continue;
    for (const subscription of session.subscriptions.values())
      state.subscriptions.push(rowOf(session, subscription));
    session.received?.forEach((packetId) => state.incoming.push({ session: session.serial, packetId }));
    session.forEachOutgoing((row, frame) => {
      state.outgoing.push(row);
      if (frame === null || told.has(frame.messageId)) return;
      told.add(frame.messageId);
      const { messageId: id, topic, payload, properties, qos, expiresMs } = frame;
      state.messages.push({ id, topic, payload, properties, qos, expiresMs });
    });
  }
  state.outgoing.sort((one, other) => one.order - other.order);
  return state;
}
