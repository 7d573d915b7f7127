import { type Buffer, isUtf8 } from 'node:buffer';
import { MalformedPacket } from './codec/malformed.ts';
import { PUBACK, PUBREC } from './codec/packet.ts';
import { nameless } from './codec/publish.ts';
import { PublishProperties } from './codec/publish-properties.ts';
import {
  NO_MATCHING_SUBSCRIBERS,
  NOT_AUTHORIZED,
  PACKET_IDENTIFIER_IN_USE,
  PAYLOAD_FORMAT_INVALID,
  QUOTA_EXCEEDED,
  SERVER_BUSY,
  SUCCESS,
} from './codec/reason-codes.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import { retainMessage, take } from './publishing-own.ts';
import type { TopicEntry } from './topic-cache.ts';
import { ACK_NEVER, ACK_NOW, type Qos } from './types.ts';

/** A PUBLISH header of QoS 0 without RETAIN: by far the most frequent packet. */
const PLAIN = 0x30;
const NO_PROPERTIES = new Uint8Array(0);
/** What Topic Alias and Message Expiry Interval take among the properties. */
const ALIAS_BYTES = 3;
const EXPIRY_BYTES = 5;

// Read into again and again, and done with before anything else is called: the intake may bring another message.
const read = new PublishProperties();

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
  const idEnd = qos === 0 ? topicEnd : topicEnd + 2;
  if (idEnd > end) throw truncated();
  if (connection.protocolLevel === 5 && bytes[idEnd] !== 0) {
    receiveWithProperties(context, connection, bytes, start, topicStart, topicEnd, end);
    return;
  }
  let payloadStart = idEnd;
  if (connection.protocolLevel === 5) {
    // No properties: the one byte that says so.
    if (++payloadStart > end) throw truncated();
    if (topicStart === topicEnd) throw nameless();
  }
  const entry = connection.topicOf(bytes, topicStart, topicEnd);
  connection.countPublish(end - payloadStart);
  if (header === PLAIN) {
    const refusal = refusalOf(context, connection, entry);
    if (refusal !== SUCCESS) return;
    context.counters.messagesIn++;
    if (context.options.intake !== undefined) {
      const verdict = offer(context, connection, entry, bytes, payloadStart, end, 0, false, NO_PROPERTIES);
      if (verdict === ACK_NEVER) {
        context.counters.droppedIn++;
        return;
      }
    }
    const layout = connection.protocolLevel === 5 ? 5 : 4;
    context.router.addToRun(entry, bytes, start, end, layout, connection.session!.clientId);
    return;
  }
  const id = qos === 0 ? 0 : readId(bytes, topicEnd);
  if (!isNew(context, connection, qos, id)) return;
  const refusal = refusalOf(context, connection, entry);
  if (refusal !== SUCCESS) {
    refuse(context, connection, qos, id, refusal);
    return;
  }
  const retain = (header & 1) !== 0;
  const verdict = takeIn(context, connection, entry, bytes, payloadStart, end, qos, retain, NO_PROPERTIES);
  if (verdict === ACK_NEVER) return;
  const layout = connection.protocolLevel === 5 ? 5 : 4;
  context.view.point(bytes, start, payloadStart, end, entry.topic, topicStart, topicEnd, layout, qos);
  spread(context, connection, entry, retain, id, verdict);
}

/** The same for a message of level 5 that has properties (v5 §3.3.2.3). */
function receiveWithProperties(
  context: BrokerContext,
  connection: Connection,
  bytes: Buffer,
  start: number,
  topicStart: number,
  topicEnd: number,
  end: number,
): void {
  const header = bytes[start]!;
  const qos = ((header >> 1) & 3) as Qos;
  const payloadStart = read.read(bytes, qos === 0 ? topicEnd : topicEnd + 2, end);
  const { start: propertiesStart, end: propertiesEnd, topicAlias, expirySeconds, payloadFormat } = read;
  const hasAlias = topicAlias !== 0;
  const hasExpiry = expirySeconds >= 0;
  const ownBytes = (hasAlias ? ALIAS_BYTES : 0) + (hasExpiry ? EXPIRY_BYTES : 0);
  const forwards = propertiesEnd - propertiesStart > ownBytes;
  const forward = forwards && read.needsRewrite ? read.forwardBytes(bytes) : null;

  let entry: TopicEntry;
  const named = topicStart < topicEnd;
  if (named) {
    entry = connection.topicOf(bytes, topicStart, topicEnd);
    if (hasAlias) connection.inboundAliases.set(topicAlias, entry);
  } else if (hasAlias) entry = connection.inboundAliases.get(topicAlias);
  else throw nameless();
  connection.countPublish(end - payloadStart);

  const id = qos === 0 ? 0 : readId(bytes, topicEnd);
  if (!isNew(context, connection, qos, id)) return;
  let refusal = refusalOf(context, connection, entry);
  if (refusal === SUCCESS && payloadFormat === 1 && !isUtf8(bytes.subarray(payloadStart, end))) {
    // Nobody who trusts the indicator should get what it is wrong about (v5 §3.3.2.3.2).
    context.counters.droppedIn++;
    refusal = PAYLOAD_FORMAT_INVALID;
  }
  if (refusal !== SUCCESS) {
    refuse(context, connection, qos, id, refusal);
    return;
  }
  const retain = (header & 1) !== 0;
  const properties =
    context.options.intake === undefined ? NO_PROPERTIES : bytes.subarray(propertiesStart, propertiesEnd);
  const verdict = takeIn(context, connection, entry, bytes, payloadStart, end, qos, retain, properties);
  if (verdict === ACK_NEVER) return;

  const { view } = context;
  view.point(bytes, start, payloadStart, end, entry.topic, topicStart, topicEnd, 5, qos);
  if (!named) {
    view.topicBytes = entry.bytes;
    view.topicStart = 0;
    view.topicEnd = entry.bytes.length;
  }
  view.whole = ownBytes === 0;
  if (forward !== null) {
    view.propertyBytes = forward;
    view.propertiesEnd = forward.length;
  } else if (forwards) {
    view.propertyBytes = bytes;
    view.propertiesStart = propertiesStart;
    view.propertiesEnd = propertiesEnd;
  }
  // Counted from receipt (MQTT-3.3.2-5, -6).
  if (hasExpiry) view.expiresMs = connection.heardWallMs + expirySeconds * 1_000;
  spread(context, connection, entry, retain, id, verdict);
}

/**
 * False for a message that was taken in before. Whatever is new counts against our Receive Maximum until it is
 * answered (MQTT-3.3.4-9); above that this throws.
 */
function isNew(context: BrokerContext, connection: Connection, qos: Qos, id: number): boolean {
  if (qos === 0) return true;
  const inUse = connection.session!.received?.has(id) === true;
  if (qos === 2 && inUse) {
    // It was taken in, and perhaps still waits for its commit (MQTT-4.3.3-10, MQTT311-4.3.3-2).
    const { journal } = context;
    if (journal === null || connection.relaxed) context.acks.pushBehind(connection, PUBREC << 4, id, SUCCESS);
    else context.acks.push(journal.mark(true), connection, PUBREC << 4, id, SUCCESS);
    return false;
  }
  connection.takesQuota();
  if (!inUse || connection.protocolLevel !== 5) return true;
  // QoS 1 with the id of an exchange that is not over.
  refuse(context, connection, qos, id, PACKET_IDENTIFIER_IN_USE);
  return false;
}

/** Whether the client may publish to this topic: a reason code. */
function refusalOf(context: BrokerContext, connection: Connection, entry: TopicEntry): number {
  if (entry.serverOnly || (context.options.authorize !== undefined && !connection.mayPublish(entry))) {
    context.counters.denied++;
    return NOT_AUTHORIZED;
  }
  if (entry.levels > connection.limits.maxTopicLevels) {
    context.counters.quotaExceeded++;
    return QUOTA_EXCEEDED;
  }
  return SUCCESS;
}

/** Ignores a message. Clients below level 5 have no way to be told (MQTT311-3.3.5-2). */
function refuse(
  context: BrokerContext,
  connection: Connection,
  qos: Qos,
  id: number,
  reasonCode: number,
): void {
  if (qos > 0) acknowledge(context, connection, ACK_NOW, qos, id, reasonCode);
}

/** Shows the message to the intake. With `ACK_NEVER` everything is done: it is dropped, or the connection closed. */
function takeIn(
  context: BrokerContext,
  connection: Connection,
  entry: TopicEntry,
  bytes: Buffer,
  payloadStart: number,
  end: number,
  qos: Qos,
  retain: boolean,
  properties: Uint8Array,
): number {
  context.counters.messagesIn++;
  let verdict = ACK_NOW;
  if (qos > 0 && context.journal?.accepting === false) verdict = ACK_NEVER;
  else if (context.options.intake !== undefined)
    verdict = offer(context, connection, entry, bytes, payloadStart, end, qos, retain, properties);
  if (verdict === ACK_NEVER) {
    if (qos === 0) context.counters.droppedIn++;
    else connection.close('the message could not be taken in', SERVER_BUSY);
  }
  return verdict;
}

/** Keeps and delivers the message in `context.view`, and answers it. */
function spread(
  context: BrokerContext,
  connection: Connection,
  entry: TopicEntry,
  retain: boolean,
  id: number,
  verdict: number,
): void {
  const { view } = context;
  const { qos } = view;
  const session = connection.session!;
  view.publisher = session.clientId;
  view.receivedMs = connection.heardWallMs;
  if (qos === 2) session.takeIn(id);
  if (retain) retainMessage(context, entry, view);
  const receivers = context.router.deliver(entry, view, retain);
  if (qos === 0) return;
  const { journal } = context;
  // The rows of this message may be in a later batch than its reading.
  const sequence = journal === null ? verdict : journal.mark(true);
  const wait = connection.relaxed ? ACK_NOW : sequence;
  acknowledge(context, connection, wait, qos, id, receivers === 0 ? NO_MATCHING_SUBSCRIBERS : SUCCESS);
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
  properties: Uint8Array,
): number {
  const { inbound } = context;
  inbound.topic = entry.topic;
  inbound.payload = bytes.subarray(payloadStart, end);
  inbound.qos = qos;
  inbound.retain = retain;
  inbound.clientId = connection.session!.clientId;
  inbound.username = connection.username;
  inbound.properties = properties;
  inbound.receivedMs = connection.heardWallMs;
  return take(context, inbound);
}

/** PUBACK or PUBREC, in order of arrival (MQTT-4.6.0-2, -3). `reasonCode` is for level 5. */
function acknowledge(
  context: BrokerContext,
  connection: Connection,
  sequence: number,
  qos: Qos,
  id: number,
  reasonCode: number,
): void {
  const header = (qos === 1 ? PUBACK : PUBREC) << 4;
  const code = connection.protocolLevel === 5 ? reasonCode : SUCCESS;
  if (sequence !== ACK_NOW) context.acks.push(sequence, connection, header, id, code);
  else if (connection.pendingAcks === 0) connection.sendAck(header, id, code);
  else context.acks.pushBehind(connection, header, id, code);
}

function readId(bytes: Buffer, at: number): number {
  const id = (bytes[at]! << 8) | bytes[at + 1]!;
  if (id === 0) throw new MalformedPacket('packet_id', 'PUBLISH with packet identifier 0 (MQTT-2.2.1-3).');
  return id;
}

function truncated(): MalformedPacket {
  return new MalformedPacket(
    'truncated',
    'A PUBLISH ends inside its topic, packet identifier or properties.',
  );
}
