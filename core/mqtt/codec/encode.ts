import { Buffer } from 'node:buffer';
import { encodeAck } from './acks.ts';
import { encodeConnack } from './connack.ts';
import { encodeConnect } from './connect.ts';
import { encodeAuth, encodeDisconnect } from './disconnect.ts';
import { CONNECT, type Packet, PINGREQ, PINGRESP } from './packet.ts';
import { encodePublish } from './publish.ts';
import { encodeSuback, encodeSubscribe } from './subscribe.ts';
import { encodeUnsuback, encodeUnsubscribe } from './unsubscribe.ts';
import { assemble, text } from './writing.ts';

/**
 * The bytes of one packet as protocol `level` 3, 4 or 5 writes it; CONNECT says its level itself. Below level 5
 * properties, reason codes of acknowledgements and subscription options are left out. Text above 65,535 bytes,
 * packets above 268,435,455 bytes and properties out of their range fail with `mqtt.not_encodable`; what a peer may
 * not send is the caller's matter.
 */
export function encodePacket(packet: Packet, level: number): Buffer {
  switch (packet.type) {
    case 'connect':
      return encodeConnect(packet);
    case 'connect-unsupported':
      return assemble(CONNECT << 4, [text('MQTT'), Buffer.from([packet.protocolLevel])]);
    case 'connack':
      return encodeConnack(packet, level);
    case 'publish':
      return encodePublish(packet, level);
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return encodeAck(packet, level);
    case 'subscribe':
      return encodeSubscribe(packet, level);
    case 'suback':
      return encodeSuback(packet, level);
    case 'unsubscribe':
      return encodeUnsubscribe(packet, level);
    case 'unsuback':
      return encodeUnsuback(packet, level);
    case 'pingreq':
      return Buffer.from([PINGREQ << 4, 0]);
    case 'pingresp':
      return Buffer.from([PINGRESP << 4, 0]);
    case 'disconnect':
      return encodeDisconnect(packet, level);
    case 'auth':
      return encodeAuth(packet);
  }
}
