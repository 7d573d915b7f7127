import { encodePacket } from './codec/encode.ts';
import { SUBSCRIBE_REFUSED, type SubscribePacket, type UnsubscribePacket } from './codec/packet.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import type { Verdict } from './options.ts';

/** SUBSCRIBE: one return code per filter, then the retained messages (MQTT 3.1.1 §3.8.4). */
export function receiveSubscribe(
  context: BrokerContext,
  connection: Connection,
  packet: SubscribePacket,
): void {
  const { authorize } = context.options;
  if (authorize === undefined) {
    subscribe(context, connection, packet, null);
    return;
  }
  const { clientId } = connection.session!;
  const { username } = connection;
  const verdicts: Verdict[] = packet.filters.map(({ filter }) => {
    try {
      return authorize({ clientId, username, action: 'subscribe', topic: filter });
    } catch {
      return false;
    }
  });
  const allowed: boolean[] = [];
  connection.decide(
    () => {
      if (verdicts.every((verdict) => typeof verdict === 'boolean')) {
        allowed.push(...verdicts);
        return true;
      }
      const settled = verdicts.map((verdict) => Promise.resolve(verdict).catch(() => false));
      return Promise.all(settled).then((answers) => {
        allowed.push(...answers);
        return true;
      });
    },
    () => subscribe(context, connection, packet, allowed),
  );
}

function subscribe(
  context: BrokerContext,
  connection: Connection,
  packet: SubscribePacket,
  allowed: boolean[] | null,
): void {
  const session = connection.session!;
  const returnCodes = packet.filters.map(({ filter, qos }, index) => {
    const full =
      session.subscriptions.size >= context.limits.maxSubscriptionsPerSession &&
      !session.subscriptions.has(filter);
    const refused = full || (allowed !== null && allowed[index] !== true);
    if (!refused && context.router.subscribe(session, filter, qos)) return qos;
    context.counters.denied++;
    return SUBSCRIBE_REFUSED;
  });
  connection.send(encodePacket({ type: 'suback', packetId: packet.packetId, returnCodes }));
  packet.filters.forEach(({ filter, qos }, index) => {
    // MQTT-3.3.1-6, and again when the filter was there before (MQTT-3.8.4-3).
    if (returnCodes[index] !== SUBSCRIBE_REFUSED) session.addRetained(context.retained.match(filter), qos);
  });
  session.pump();
}

/** UNSUBSCRIBE is always acknowledged, whatever was there (MQTT-3.10.4-4, -5). */
export function receiveUnsubscribe(
  context: BrokerContext,
  connection: Connection,
  packet: UnsubscribePacket,
): void {
  const session = connection.session!;
  for (const filter of packet.filters) context.router.unsubscribe(session, filter);
  connection.send(encodePacket({ type: 'unsuback', packetId: packet.packetId }));
}
