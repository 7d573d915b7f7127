import { Buffer } from 'node:buffer';
import { MalformedPacket } from './codec/malformed.ts';
import { type Packet, PUBACK, PUBCOMP, PUBREC, PUBREL } from './codec/packet.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';
import { receiveSubscribe, receiveUnsubscribe } from './subscribing.ts';

const PINGRESP = Buffer.from([0xd0, 0]);

/** PUBACK, PUBREC, PUBREL or PUBCOMP of a connected client: the steps of MQTT 3.1.1 §4.3. */
export function receiveAck(connection: Connection, type: number, id: number): void {
  if (id === 0) throw new MalformedPacket('packet_id', 'An acknowledgement of packet identifier 0.');
  const session = connection.session!;
  if (type === PUBREL) {
    // Known or not: the client's half is over, and PUBCOMP says so (MQTT-4.3.3-2).
    session.received?.delete(id);
    connection.sendAck(PUBCOMP << 4, id);
    return;
  }
  const fits =
    type === PUBACK ? session.onPuback(id) : type === PUBREC ? session.onPubrec(id) : session.onPubcomp(id);
  if (!fits)
    throw new MalformedPacket('wrong_acknowledgement', 'An acknowledgement that does not fit its message.');
}

/** Every other packet of a connected client. */
export function receiveOther(context: BrokerContext, connection: Connection, packet: Packet): void {
  switch (packet.type) {
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
      connection.dropWill();
      connection.close('the client disconnected');
      break;
    default:
      throw new MalformedPacket('out_of_order', `A client may not send ${packet.type} here.`);
  }
}
