import { encodePacket } from './codec/encode.ts';
import {
  SUBSCRIBE_REFUSED,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from './codec/packet.ts';
import {
  NO_SUBSCRIPTION_EXISTED,
  QUOTA_EXCEEDED,
  SUCCESS,
  TOPIC_FILTER_INVALID,
} from './codec/reason-codes.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import type { SubscriptionRow } from './journal.ts';
import type { Session } from './session.ts';
import type { Subscription } from './subscription.ts';
import { parseShared } from './topic.ts';
import type { Qos } from './types.ts';

/** SUBSCRIBE: one reason code per filter, then the retained messages (v5 §3.8.4). */
export function receiveSubscribe(
  context: BrokerContext,
  connection: Connection,
  packet: SubscribePacket,
): void {
  const session = connection.session!;
  const subscriptionId = packet.properties.subscriptionIds?.[0] ?? 0;
  const reasonCodes = packet.filters.map((request) =>
    subscribe(context, connection, session, request, subscriptionId),
  );
  const told = connection.protocolLevel === 5 ? reasonCodes : reasonCodes.map(older);
  answer(
    context,
    connection,
    encodePacket(
      { type: 'suback', packetId: packet.packetId, reasonCodes: told, properties: {} },
      connection.protocolLevel,
    ),
  );
  session.pump();
}

/** The reason code of one filter; on success its retained messages wait in the session. */
function subscribe(
  context: BrokerContext,
  connection: Connection,
  session: Session,
  request: SubscriptionRequest,
  subscriptionId: number,
): number {
  const { filter, qos, retainHandling } = request;
  const { counters, router } = context;
  const shared = parseShared(filter);
  const topicFilter = shared === null ? filter : shared.filter;
  const refusal = session.hidden
    ? SUCCESS
    : context.refusalOf(session.clientId, connection.username, 'subscribe', topicFilter);
  if (refusal !== SUCCESS) {
    counters.denied++;
    return refusal;
  }
  const { maxSubscriptions, maxTopicLevels } = session.record.limits;
  if (levelsOf(topicFilter) > maxTopicLevels) {
    counters.denied++;
    return TOPIC_FILTER_INVALID;
  }
  const isNew = !session.subscriptions.has(filter);
  const subscription: Subscription = { ...request, subscriptionId };
  if ((isNew && session.subscriptions.size >= maxSubscriptions) || !router.subscribe(session, subscription)) {
    counters.quotaExceeded++;
    return QUOTA_EXCEEDED;
  }
  session.journal?.putSubscription(rowOf(session, subscription));
  // MQTT-3.3.1-9 to -11; shared subscriptions get none (v5 §4.8.2).
  if (shared === null && (retainHandling === 0 || (retainHandling === 1 && isNew))) {
    const ids = subscriptionId === 0 ? null : [subscriptionId];
    session.addRetained(context.retained.match(filter), qos, ids);
  }
  return qos;
}

/** UNSUBSCRIBE is always acknowledged, whatever was there (MQTT-3.10.4-4, -5). */
export function receiveUnsubscribe(
  context: BrokerContext,
  connection: Connection,
  packet: UnsubscribePacket,
): void {
  const session = connection.session!;
  const reasonCodes = packet.filters.map((filter) =>
    unsubscribe(context, session, filter) ? SUCCESS : NO_SUBSCRIPTION_EXISTED,
  );
  const { protocolLevel } = connection;
  answer(
    context,
    connection,
    encodePacket(
      {
        type: 'unsuback',
        packetId: packet.packetId,
        reasonCodes: protocolLevel === 5 ? reasonCodes : [],
        properties: {},
      },
      protocolLevel,
    ),
  );
}

/** False when there was no such subscription. */
export function unsubscribe(context: BrokerContext, session: Session, filter: string): boolean {
  if (!context.router.unsubscribe(session, filter)) return false;
  session.journal?.removeSubscription(session.serial, filter);
  return true;
}

/** The rules of access changed: subscriptions that are not allowed any more go, and are counted. */
export function dropForbidden(context: BrokerContext, session: Session): void {
  if (session.hidden) return;
  for (const filter of [...session.subscriptions.keys()]) {
    const topicFilter = parseShared(filter)?.filter ?? filter;
    if (context.mayUse(session.clientId, session.record.username, 'subscribe', topicFilter)) continue;
    unsubscribe(context, session, filter);
    context.counters.denied++;
    session.touch();
  }
}

export function rowOf(session: Session, subscription: Subscription): SubscriptionRow {
  const { filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionId } = subscription;
  const options = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4);
  return { session: session.serial, filter, options, subscriptionId };
}

export function subscriptionOf({ filter, options, subscriptionId }: SubscriptionRow): Subscription {
  return {
    filter,
    qos: (options & 3) as Qos,
    noLocal: (options & 4) !== 0,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: ((options >> 4) & 3) as 0 | 1 | 2,
    subscriptionId,
  };
}

/** SUBACK and UNSUBACK of a lasting session wait until what they promise is on disk. */
function answer(
  context: BrokerContext,
  connection: Connection,
  packet: ReturnType<typeof encodePacket>,
): void {
  const { journal } = connection.session!;
  if (journal === null || connection.relaxed) connection.send(packet);
  else context.acks.pushPacket(journal.mark(true), connection, packet);
}

/** Older clients know one refusal. */
function older(reasonCode: number): number {
  return reasonCode >= SUBSCRIBE_REFUSED ? SUBSCRIBE_REFUSED : reasonCode;
}

function levelsOf(filter: string): number {
  let levels = 1;
  for (let at = 0; at < filter.length; at++) if (filter.charCodeAt(at) === 0x2f) levels++;
  return levels;
}
