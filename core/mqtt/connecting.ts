import type { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { AuthConversation } from './auth.ts';
import { encodePacket } from './codec/encode.ts';
import { bodyStart } from './codec/frame.ts';
import { MalformedPacket } from './codec/malformed.ts';
import type { ConnectPacket, Packet, Properties } from './codec/packet.ts';
import {
  BAD_AUTHENTICATION_METHOD,
  CLIENT_IDENTIFIER_NOT_VALID,
  NOT_AUTHORIZED,
  PACKET_TOO_LARGE,
  SESSION_TAKEN_OVER,
  SUCCESS,
  UNSUPPORTED_PROTOCOL_VERSION,
} from './codec/reason-codes.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import { NEVER_EXPIRES, type WillRow } from './journal.ts';
import type { Admission, ConnectRequest, ConnectVerdict, Refusal } from './options.ts';
import { type ClientLimits, HOST_PROFILE } from './origin.ts';
import { willRow } from './wills.ts';

/** What was made of CONNECT: its will, and what goes back in CONNACK. */
interface Extras {
  will: WillRow | null;
  assignedClientId?: string;
  authData?: Uint8Array;
}

/** A packet before CONNACK: CONNECT, and AUTH of an exchange that CONNECT began. */
export function receiveFirst(context: BrokerContext, connection: Connection, packet: Packet): void {
  const { auth } = connection;
  if (auth !== null) {
    if (packet.type === 'auth') auth.receive(packet, NEVER);
    else if (packet.type === 'disconnect') connection.close('the client gave up its AUTH exchange');
    else
      throw new MalformedPacket('protocol', 'Only AUTH and DISCONNECT come before CONNACK (MQTT-3.1.2-30).');
  } else if (packet.type === 'connect') receiveConnect(context, connection, packet);
  else if (packet.type === 'connect-unsupported') refuseVersion(context, connection, packet.protocolLevel);
  else throw new MalformedPacket('out_of_order', 'The first packet is not CONNECT (MQTT-3.1.0-1).');
}

/** An exchange under way in front of CONNACK does not begin another one. */
const NEVER = { done: () => undefined, refused: () => undefined };

/**
 * A CONNECT of a version that is not spoken here (MQTT-3.1.2-2): newer ones are told in the words of MQTT 5. The
 * highest bit is how Mosquitto's bridges ask whether they talk to a Mosquitto; told 1 (MQTT311-3.1.2-2), they come
 * again without it.
 */
function refuseVersion(context: BrokerContext, connection: Connection, level: number): void {
  context.counters.connectionsRefused++;
  connection.speak((level & 0x7f) >= 5 ? 5 : 4);
  connection.close(`MQTT protocol level ${level} is not spoken here`, UNSUPPORTED_PROTOCOL_VERSION);
}

/** The first two phases of a session, establishment and authentication. */
function receiveConnect(context: BrokerContext, connection: Connection, packet: ConnectPacket): void {
  const { protocolLevel, username, password, properties } = packet;
  connection.speak(protocolLevel);
  connection.maximumPacketBytes = properties.maximumPacketBytes ?? Infinity;
  const extras: Extras = { will: packet.will === null ? null : willRow(packet.will) };
  if (packet.clientId === '') {
    // MQTT311-3.1.3-8: a nameless client cannot ask for a session that outlives its connection. Level 5 is told its name.
    if (protocolLevel === 3 || (protocolLevel === 4 && !packet.cleanStart)) {
      refuse(context, connection, { reasonCode: CLIENT_IDENTIFIER_NOT_VALID });
      return;
    }
    packet.clientId = `auto-${randomUUID()}`;
    extras.assignedClientId = packet.clientId;
  }
  const { clientId } = packet;
  const { origin, sink } = connection;
  const request: ConnectRequest = {
    clientId,
    username,
    password: password === null ? null : Uint8Array.from(password),
    address: sink.address,
    protocolLevel,
    origin,
  };
  if (origin.profile === HOST_PROFILE) accept(context, connection, packet, { username: null }, extras);
  else if (properties.authMethod !== undefined)
    exchange(context, connection, packet, request, extras, properties.authMethod);
  else authenticate(context, connection, packet, request, extras);
}

function exchange(
  context: BrokerContext,
  connection: Connection,
  packet: ConnectPacket,
  request: ConnectRequest,
  extras: Extras,
  method: string,
): void {
  const conversation = new AuthConversation(context, connection, method, request);
  connection.auth = conversation;
  const begun = conversation.begin(packet.properties.authData, {
    done: (admission, authData) =>
      accept(context, connection, packet, admission, {
        ...extras,
        ...(authData.length > 0 && { authData }),
      }),
    refused: (refusal) => refuseCredentials(context, connection, refusal),
  });
  if (begun) return;
  const reason = 'this authentication method is not offered here';
  refuse(context, connection, { reasonCode: BAD_AUTHENTICATION_METHOD, reason });
}

function authenticate(
  context: BrokerContext,
  connection: Connection,
  packet: ConnectPacket,
  request: ConnectRequest,
  extras: Extras,
): void {
  const hook = context.options.authenticate;
  const decide = (verdict: ConnectVerdict): void => {
    if ('reasonCode' in verdict) refuseCredentials(context, connection, verdict);
    else accept(context, connection, packet, verdict, extras);
  };
  const failed = (error: unknown): void => {
    context.warn('an authentication failed', error);
    decide({ reasonCode: NOT_AUTHORIZED });
  };
  if (hook === undefined) {
    const { anonymous } = connection.origin.profile;
    decide(anonymous ? { username: packet.username } : { reasonCode: NOT_AUTHORIZED });
    return;
  }
  let verdict: ConnectVerdict | Promise<ConnectVerdict>;
  try {
    verdict = hook(request);
  } catch (error) {
    failed(error);
    return;
  }
  if (verdict instanceof Promise) connection.wait(verdict, decide, failed);
  else decide(verdict);
}

function accept(
  context: BrokerContext,
  connection: Connection,
  packet: ConnectPacket,
  admission: Admission,
  extras: Extras,
): void {
  const { clientId, cleanStart, protocolLevel, properties } = packet;
  const { counters, sessions, clock } = context;
  const limits = context.limitsOf(connection.origin.profile, admission.limits);
  const asked = askedExpiry(packet);
  const expirySeconds = Math.min(asked, limits.maxSessionExpirySeconds);
  const told = protocolLevel === 5 ? terms(packet, limits, expirySeconds, extras) : {};
  const { maximumPacketBytes = Infinity, topicAliasMaximum = 0, receiveMaximum = 65_535 } = properties;
  const acknowledgement = connack(packet, told, maximumPacketBytes);
  if (acknowledgement.length > maximumPacketBytes) {
    // Nothing that it needs to be told fits (MQTT-3.1.2-24).
    connection.close('the client takes no packet as long as CONNACK', PACKET_TOO_LARGE);
    return;
  }
  const earlier = sessions.get(clientId)?.connection ?? null;
  if (earlier !== null) {
    // MQTT-3.1.4-3: the newer connection takes the client id over.
    counters.takeOvers++;
    earlier.close('another connection took over the client id', SESSION_TAKEN_OVER);
  }
  const { session, present } = sessions.open(clientId, cleanStart, admission.username, limits);
  session.hidden = connection.origin.profile === HOST_PROFILE;
  if (!session.hidden) counters.connectionsAccepted++;
  const keepAliveSeconds =
    protocolLevel === 5 ? shortened(packet.keepAliveSeconds, limits) : packet.keepAliveSeconds;
  connection.open({
    session,
    username: admission.username,
    limits,
    keepAliveSeconds,
    maximumPacketBytes,
    topicAliasMaximum,
  });
  const { record } = session;
  const { profile } = connection.origin;
  Object.assign(record, {
    limits,
    username: admission.username,
    protocolLevel,
    leftMs: 0,
    will: extras.will,
    transport: profile.transport,
    listener: profile.id,
    address: connection.sink.address,
    keepAliveSeconds,
    connectedMs: clock.now(),
    receiveMaximum,
    maximumPacketBytes: properties.maximumPacketBytes ?? 0,
    topicAliasMaximum,
    userProperties: properties.userProperties ?? [],
  });
  session.setExpiry(expirySeconds);
  // Session Present (v5 §3.2.2.1.1), which MQTT 3.1 has not.
  if (present && protocolLevel > 3) acknowledgement[bodyStart(acknowledgement, 0)] = 1;
  connection.send(acknowledgement);
  session.attach(connection, receiveMaximum);
  if (present) session.pump();
}

/** A yes, of a session that is new. What a client may do without is left out where it has no room (MQTT-3.1.2-24). */
function connack({ protocolLevel }: ConnectPacket, told: Properties, maximumPacketBytes: number): Buffer {
  const encode = (properties: Properties): Buffer =>
    encodePacket({ type: 'connack', sessionPresent: false, reasonCode: SUCCESS, properties }, protocolLevel);
  const whole = encode(told);
  if (whole.length <= maximumPacketBytes) return whole;
  const { maximumPacketBytes: _ours, topicAliasMaximum: _aliases, ...needed } = told;
  return encode(needed);
}

/** Session Expiry Interval that the client asks for; below level 5 Clean Session says never or at once. */
function askedExpiry({ protocolLevel, cleanStart, properties }: ConnectPacket): number {
  if (protocolLevel === 5) return properties.sessionExpirySeconds ?? 0;
  return cleanStart ? 0 : NEVER_EXPIRES;
}

/** The keep-alive that a v5 client has to use (v5 §3.2.2.3.14): its own, where it is not longer than is allowed. */
function shortened(keepAliveSeconds: number, { serverKeepAliveSeconds: longest }: ClientLimits): number {
  return longest > 0 && (keepAliveSeconds === 0 || keepAliveSeconds > longest) ? longest : keepAliveSeconds;
}

/** Properties of CONNACK (v5 §3.2.2.3): whatever is not as the client must take it for granted. */
function terms(
  { properties: asked, keepAliveSeconds }: ConnectPacket,
  limits: ClientLimits,
  expirySeconds: number,
  { assignedClientId, authData }: Extras,
): Properties {
  const { receiveMaximum, maxPacketBytes, topicAliasMaximum } = limits;
  const serverKeepAliveSeconds = shortened(keepAliveSeconds, limits);
  return {
    ...(expirySeconds !== (asked.sessionExpirySeconds ?? 0) && { sessionExpirySeconds: expirySeconds }),
    ...(receiveMaximum < 65_535 && { receiveMaximum }),
    maximumPacketBytes: maxPacketBytes,
    ...(topicAliasMaximum > 0 && { topicAliasMaximum }),
    ...(assignedClientId !== undefined && { assignedClientId }),
    ...(serverKeepAliveSeconds !== keepAliveSeconds && { serverKeepAliveSeconds }),
    ...(asked.authMethod !== undefined && { authMethod: asked.authMethod }),
    ...(authData !== undefined && { authData }),
  };
}

function refuseCredentials(context: BrokerContext, connection: Connection, refusal: Refusal): void {
  context.counters.badCredentials++;
  refuse(context, connection, refusal);
}

function refuse(context: BrokerContext, connection: Connection, refusal: Refusal): void {
  context.counters.connectionsRefused++;
  connection.close(refusal.reason ?? '', refusal.reasonCode, refusal.serverReference);
}
