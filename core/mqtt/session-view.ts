import { AWAIT_PUBACK, AWAIT_PUBREC } from './inflight.ts';
import type { Session } from './session.ts';
import type { ClientDetail, ClientView, SubscriptionView } from './types.ts';

/** Longest list of a detail. */
const MAX_LISTED = 200;

export function viewOf(session: Session): ClientView {
  const { record, connection } = session;
  if (connection !== null) connection.report(record);
  return {
    clientId: session.clientId,
    connected: connection !== null,
    protocolLevel: record.protocolLevel,
    transport: record.transport,
    listener: record.listener,
    address: record.address,
    username: record.username,
    keepAliveSeconds: record.keepAliveSeconds,
    connectedMs: record.connectedMs,
    leftMs: record.leftMs,
    lastPacketMs: record.lastPacketMs,
    sessionExpirySeconds: record.expirySeconds,
    subscriptions: session.subscriptions.size,
    inFlight: session.inflight?.count ?? 0,
    queued: (session.queue?.size ?? 0) + session.retainedWaiting,
    queuedBytes: session.queue?.bytes ?? 0,
    dropped: record.dropped,
    messagesIn: record.messagesIn,
    messagesOut: record.messagesOut,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
    slow: connection?.slow ?? false,
  };
}

export function detailOf(session: Session): ClientDetail {
  const { record, inflight, queue } = session;
  const { will } = record;
  const detail: ClientDetail = {
    view: viewOf(session),
    subscriptions: [],
    inFlight: [],
    queued: [],
    will:
      will === null
        ? null
        : {
            topic: will.topic,
            qos: will.qos,
            retain: will.retain,
            bytes: will.payload.length,
            delaySeconds: will.delaySeconds,
          },
    receiveMaximum: record.receiveMaximum,
    maximumPacketBytes: record.maximumPacketBytes,
    topicAliasMaximum: record.topicAliasMaximum,
    userProperties: record.userProperties,
  };
  for (const subscription of session.subscriptions.values()) {
    if (detail.subscriptions.length >= MAX_LISTED) break;
    const { filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionId }: SubscriptionView =
      subscription;
    detail.subscriptions.push({ filter, qos, noLocal, retainAsPublished, retainHandling, subscriptionId });
  }
  inflight?.forEach((at) => {
    if (detail.inFlight.length >= MAX_LISTED) return;
    const state = inflight.stateAt(at);
    detail.inFlight.push({
      packetId: inflight.idAt(at),
      qos: state === AWAIT_PUBACK ? 1 : 2,
      state: state === AWAIT_PUBACK ? 'puback' : state === AWAIT_PUBREC ? 'pubrec' : 'pubcomp',
      topic: inflight.frameAt(at)?.topic ?? null,
    });
  });
  queue?.forEach(MAX_LISTED, (frame, qos) => {
    detail.queued.push({ topic: frame.topic, qos, bytes: frame.payload.length });
  });
  return detail;
}
