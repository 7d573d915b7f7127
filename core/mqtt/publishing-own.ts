import { messageOf } from '../base/errors.ts';
import type { BrokerContext } from './context.ts';
import type { WillRow } from './journal.ts';
import { frameOf, type PublishFrame } from './publish-frame.ts';
import { entryOf, type TopicEntry } from './topic-cache.ts';
import { isServerOnly } from './topic.ts';
import { ACK_NEVER, type InboundPublish, type Qos } from './types.ts';

/** A message that no client's PUBLISH brought. */
export interface OwnPublish {
  /** The station's own are null; a will is its client's. */
  clientId: string | null;
  username: string | null;
  topic: string;
  payload: Uint8Array;
  qos: Qos;
  retain: boolean;
  /** Encoded v5 properties that receivers get as they are, without the length in front. */
  properties: Uint8Array;
  /** Message Expiry Interval; null for none. */
  expirySeconds: number | null;
  /** Not for the record: neither intake nor counters see it, as $SYS. */
  silent: boolean;
}

/**
 * A message of the station itself, or a client's will, in order with those of clients. Returns the number of its
 * receivers, or -1 when the intake did not take it. Throws `MalformedPacket` when `topic` is no topic name, and
 * `mqtt.not_encodable`.
 */
export function publishOwn(context: BrokerContext, message: OwnPublish): number {
  const { clientId, username, topic, payload, qos, retain, properties, expirySeconds, silent } = message;
  const entry = entryOf(topic);
  // A run may be under way when the intake answers a message with one of its own.
  context.router.endRun();
  const receivedMs = context.clock.now();
  const expiresMs = expirySeconds === null ? 0 : receivedMs + expirySeconds * 1_000;
  const frame = frameOf({ topic, payload, properties, qos, expiresMs, publisher: clientId, receivedMs });
  if (!silent) {
    context.counters.messagesIn++;
    const { intake } = context.options;
    const accepting = qos === 0 || context.journal?.accepting !== false;
    const taken =
      accepting &&
      (intake === undefined ||
        take(context, { topic, payload, qos, retain, clientId, username, properties, receivedMs }) !==
          ACK_NEVER);
    if (!taken) {
      context.counters.droppedIn++;
      return -1;
    }
  }
  if (retain) retainMessage(context, entry, frame);
  return context.router.deliver(entry, frame, retain);
}

/** A client's last words may say what the client itself might, and no more. Throws nothing. */
export function publishWill(
  context: BrokerContext,
  clientId: string,
  username: string | null,
  will: WillRow,
): void {
  const { topic } = will;
  try {
    if (!isServerOnly(topic) && context.mayUse(clientId, username, 'publish', topic))
      publishOwn(context, { ...will, clientId, username, silent: false });
    else context.counters.denied++;
  } catch (error) {
    context.log.error('a will could not be published', { client: clientId, error: messageOf(error) });
  }
}

/** What the intake says of a message; it has no other way to refuse than this. */
export function take(context: BrokerContext, publish: InboundPublish): number {
  try {
    return context.options.intake!.take(publish);
  } catch (error) {
    // Not acknowledging is the only honest answer: the client still has the message and will send it again.
    context.log.error('the intake of a message failed', { topic: publish.topic, error: messageOf(error) });
    return ACK_NEVER;
  }
}

/** MQTT-3.3.1-5, -6: keeps the message, or clears the one that is kept when it is empty. */
export function retainMessage(context: BrokerContext, entry: TopicEntry, frame: PublishFrame): void {
  if (frame.payloadStart === frame.end) context.retained.delete(entry.topic);
  else if (!context.retained.set(entry.topic, frame.keep())) context.counters.retainedRefused++;
}
