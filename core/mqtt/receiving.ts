import { Buffer } from 'node:buffer';
import { CLIENT_DISCONNECT_CODES } from './codec/legal-codes.ts';
import { MalformedPacket } from './codec/malformed.ts';
import { type DisconnectPacket, type Packet, PUBACK, PUBCOMP, PUBREC, PUBREL } from './codec/packet.ts';
import {
  NORMAL_DISCONNECTION,
  NOT_AUTHORIZED,
  PACKET_IDENTIFIER_NOT_FOUND,
  SUCCESS,
} from './codec/reason-codes.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import type { Admission } from './options.ts';
import { receiveSubscribe, receiveUnsubscribe } from './subscribing.ts';

const PINGRESP = Buffer.from([0xd0, 0]);
const ACK_TYPES = { puback: PUBACK, pubrec: PUBREC, pubrel: PUBREL, pubcomp: PUBCOMP } as const;

/** PUBACK, PUBREC, PUBREL or PUBCOMP of a connected client: the steps of v5 §4.3. */
export function receiveAck(
  context: BrokerContext,
  connection: Connection,
  type: number,
  id: number,
  reasonCode: number,
): void {
  if (id === 0) throw new MalformedPacket('packet_id', 'An acknowledgement of packet identifier 0.');
  const session = connection.session!;
  if (type === PUBREL) {
    receiveRelease(context, connection, id);
    return;
  }
  const fits =
    type === PUBACK
      ? session.onPuback(id)
      : type === PUBREC
        ? session.onPubrec(id, reasonCode)
        : session.onPubcomp(id);
  if (!fits)
    throw new MalformedPacket('wrong_acknowledgement', 'An acknowledgement that does not fit its message.');
}

/** Known or not: the client's half is over, and PUBCOMP says so (MQTT-4.3.3-11), when that cannot be lost any more. */
function receiveRelease(context: BrokerContext, connection: Connection, id: number): void {
  const session = connection.session!;
  const known = session.release(id);
  const { journal } = session;
  const reasonCode = known ? SUCCESS : PACKET_IDENTIFIER_NOT_FOUND;
  if (journal === null || connection.relaxed) connection.sendAck(PUBCOMP << 4, id, reasonCode);
  else context.acks.push(journal.mark(true), connection, PUBCOMP << 4, id, reasonCode);
}

/** Every other packet of a connected client. */
export function receiveOther(context: BrokerContext, connection: Connection, packet: Packet): void {
  switch (packet.type) {
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      receiveAck(context, connection, ACK_TYPES[packet.type], packet.packetId, packet.reasonCode);
      break;
    case 'subscribe':
      receiveSubscribe(context, connection, packet);
      break;
    case 'unsubscribe':
      receiveUnsubscribe(context, connection, packet);
      break;
    case 'pingreq':
      connection.send(PINGRESP);
      break;
    case 'disconnect':
      receiveDisconnect(context, connection, packet);
      break;
    case 'auth':
      if (connection.auth === null)
        throw new MalformedPacket('protocol', 'AUTH, but CONNECT named no method (MQTT-4.12.0-7).');
      connection.auth.receive(packet, renewal(connection));
      break;
    default:
      throw new MalformedPacket('out_of_order', `A client may not send ${packet.type} here.`);
  }
}

/** The client takes leave. Only reason code 0 takes its will along (MQTT-3.14.4-3). */
function receiveDisconnect(
  context: BrokerContext,
  connection: Connection,
  { reasonCode, properties }: DisconnectPacket,
): void {
  const session = connection.session!;
  const { sessionExpirySeconds } = properties;
  if (properties.serverReference !== undefined || !CLIENT_DISCONNECT_CODES.has(reasonCode))
    throw new MalformedPacket('protocol', 'A DISCONNECT that only a server sends.');
  if (sessionExpirySeconds !== undefined) {
    if (sessionExpirySeconds > 0 && session.record.expirySeconds === 0) {
      const message = 'DISCONNECT asks for a session that CONNECT did not ask for (MQTT-3.14.2-2).';
      throw new MalformedPacket('protocol', message);
    }
    session.setExpiry(Math.min(sessionExpirySeconds, connection.limits.maxSessionExpirySeconds));
  }
  if (reasonCode === NORMAL_DISCONNECTION) connection.dropWill();
  context.log.debug('a client disconnects', { client: session.clientId, reasonCode });
  connection.close('the client disconnected');
}

/** Re-authentication (v5 §4.12.1): the client goes on as the same user, or not at all (MQTT-4.12.1-2). */
function renewal(connection: Connection) {
  return {
    done: (admission: Admission, data: Uint8Array) => {
      if (admission.username === connection.username) connection.auth!.send(SUCCESS, data);
      else connection.close('re-authentication as another user', NOT_AUTHORIZED);
    },
    refused: (refusal: { reasonCode: number; reason?: string }) =>
      connection.close(refusal.reason ?? 're-authentication failed', refusal.reasonCode),
  };
}
