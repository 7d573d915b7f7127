import type { Buffer } from 'node:buffer';
import { messageOf } from '../base/errors.ts';
import { MalformedPacket } from './codec/malformed.ts';
import { PUBACK, PUBREC, type Will } from './codec/packet.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import { PacketIdSet } from './packet-id-set.ts';
import { createFrame, type PublishFrame } from './publish-frame.ts';
import { entryOf, type TopicEntry } from './topic-cache.ts';
import { isServerOnly } from './topic.ts';
import { ACK_NEVER, ACK_NOW, type InboundPublish, type Qos } from './types.ts';

/** A PUBLISH header of QoS 0 without RETAIN: by far the most frequent packet. */
const PLAIN = 0x30;

/**
 * One PUBLISH of a client, `bytes[start..end)` with its variable header at `body`. This is the hot path: nothing
 * is allocated for a QoS 0 message of a known topic but the view of its payload, and that only for an intake.
 */
export function receivePublish(
  context: BrokerContext,
  connection: Connection,
  bytes: Buffer,
  start: number,
  body: number,
  end: number,
): void {
  const header = bytes[start]!;
  const qos = ((header >> 1) & 3) as Qos;
  const topicStart = body + 2;
  if (topicStart > end) throw truncated();
  const topicEnd = topicStart + ((bytes[body]! << 8) | bytes[body + 1]!);
  const payloadStart = qos === 0 ? topicEnd : topicEnd + 2;
  if (payloadStart > end) throw truncated();
  const entry = connection.topicOf(bytes, topicStart, topicEnd);

  if (context.options.authorize !== undefined || entry.serverOnly) {
    const allowed = !entry.serverOnly && connection.mayPublish(entry.topic);
    if (allowed === null) return;
    if (!allowed) {
      context.counters.denied++;
      if (qos > 0) acknowledge(context, connection, ACK_NOW, qos, readId(bytes, topicEnd));
      return;
    }
  }

  if (header === PLAIN) {
    context.counters.messagesIn++;
    if (context.options.intake !== undefined) {
      const verdict = offer(context, connection, entry, bytes, payloadStart, end, 0, false);
      if (verdict === ACK_NEVER) {
        context.counters.droppedIn++;
        return;
      }
    }
    context.router.addToRun(entry, bytes, start, end);
    return;
  }

  const id = qos === 0 ? 0 : readId(bytes, topicEnd);
  const { session } = connection;
  if (qos === 2 && session!.received?.has(id) === true) {
    // Sent again: it was taken in before, and perhaps still waits for its commit (MQTT-4.3.3-2).
    context.acks.pushBehind(connection, PUBREC << 4, id);
    return;
  }
  context.counters.messagesIn++;
  const retain = (header & 1) !== 0;
  let verdict = ACK_NOW;
  if (context.options.intake !== undefined) {
    verdict = offer(context, connection, entry, bytes, payloadStart, end, qos, retain);
    if (verdict === ACK_NEVER) {
      if (qos === 0) context.counters.droppedIn++;
      else connection.close('the message could not be taken in');
      return;
    }
  }
  if (qos === 2) (session!.received ??= new PacketIdSet()).add(id);
  const frame = context.view;
  frame.point(bytes, start, end, topicStart, topicEnd, qos);
  if (retain) retainMessage(context, entry, frame);
  context.router.deliver(entry, frame);
  if (qos > 0) acknowledge(context, connection, verdict, qos, id);
}

/**
 * A message of the station itself, or a client's will. False when the intake did not take it;
 * throws `MalformedPacket` when `topic` is no topic name.
 */
export function publishOwn(
  context: BrokerContext,
  clientId: string | null,
  topic: string,
  payload: Uint8Array,
  qos: Qos,
  retain: boolean,
): boolean {
  const entry = entryOf(topic);
  // A run may be under way when the intake answers a message with one of its own.
  context.router.endRun();
  const frame = createFrame(topic, payload, qos);
  context.counters.messagesIn++;
  const { intake } = context.options;
  if (intake !== undefined) {
    const receivedMs = context.clock.now();
    const verdict = take(context, { topic, payload, qos, retain, clientId, receivedMs });
    if (verdict === ACK_NEVER) {
      context.counters.droppedIn++;
      return false;
    }
  }
  if (retain) retainMessage(context, entry, frame);
  context.router.deliver(entry, frame);
  return true;
}

/** A client's last words may say what the client itself might, and no more. Throws nothing. */
export function publishWill(
  context: BrokerContext,
  clientId: string,
  username: string | null,
  will: Will,
): void {
  const { topic, payload, qos, retain } = will;
  const { authorize } = context.options;
  const decided = (allowed: boolean): void => {
    if (allowed) publishOwn(context, clientId, topic, payload, qos, retain);
    else context.counters.denied++;
  };
  const failed = (error: unknown): void =>
    context.log.error('a will could not be published', { client: clientId, error: messageOf(error) });
  try {
    if (isServerOnly(topic)) decided(false);
    else if (authorize === undefined) decided(true);
    else {
      const verdict = authorize({ clientId, username, action: 'publish', topic });
      if (typeof verdict === 'boolean') decided(verdict);
      else void verdict.then(decided).catch(failed);
    }
  } catch (error) {
    failed(error);
  }
}

function offer(
  context: BrokerContext,
  connection: Connection,
  entry: TopicEntry,
  bytes: Buffer,
  payloadStart: number,
  end: number,
  qos: Qos,
  retain: boolean,
): number {
  const { inbound } = context;
  inbound.topic = entry.topic;
  inbound.payload = bytes.subarray(payloadStart, end);
  inbound.qos = qos;
  inbound.retain = retain;
  inbound.clientId = connection.session!.clientId;
  inbound.receivedMs = connection.heardWallMs;
  return take(context, inbound);
}

function take(context: BrokerContext, publish: InboundPublish): number {
  try {
    return context.options.intake!.take(publish);
  } catch (error) {
    // Not acknowledging is the only honest answer: the client still has the message and will send it again.
    context.log.error('the intake of a message failed', { topic: publish.topic, error: messageOf(error) });
    return ACK_NEVER;
  }
}

function acknowledge(
  context: BrokerContext,
  connection: Connection,
  verdict: number,
  qos: Qos,
  id: number,
): void {
  const header = (qos === 1 ? PUBACK : PUBREC) << 4;
  if (verdict !== ACK_NOW) context.acks.push(verdict, connection, header, id);
  else if (connection.pendingAcks === 0) connection.sendAck(header, id);
  else context.acks.pushBehind(connection, header, id);
}

function retainMessage(context: BrokerContext, entry: TopicEntry, frame: PublishFrame): void {
  if (frame.payloadStart === frame.end) context.retained.delete(entry.topic);
  else if (!context.retained.set(entry.topic, frame.keep())) context.counters.retainedRefused++;
}

function readId(bytes: Buffer, at: number): number {
  const id = (bytes[at]! << 8) | bytes[at + 1]!;
  if (id === 0) throw new MalformedPacket('packet_id', 'PUBLISH with packet identifier 0 (MQTT-2.3.1-1).');
  return id;
}

function truncated(): MalformedPacket {
  return new MalformedPacket('truncated', 'A PUBLISH ends inside its topic or packet identifier.');
}
