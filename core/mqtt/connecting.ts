import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { encodePacket } from './codec/encode.ts';
import { MalformedPacket } from './codec/malformed.ts';
import type { ConnectPacket, Packet } from './codec/packet.ts';
import type { Connection } from './connection.ts';
import type { BrokerContext } from './context.ts';

/** CONNACK return codes (MQTT 3.1.1 §3.2.2.3). */
const ACCEPTED = 0;
const UNACCEPTABLE_PROTOCOL = 1;
const IDENTIFIER_REJECTED = 2;
const NOT_AUTHORIZED = 5;

/** MQTT 5 reads another CONNACK: reason 0x84 Unsupported Protocol Version and no properties (v5 §3.2). */
const UNSUPPORTED_V5 = Buffer.from([0x20, 3, 0, 0x84, 0]);

/** The first packet of a connection. */
export function receiveFirst(context: BrokerContext, connection: Connection, packet: Packet): void {
  if (packet.type === 'connect') receiveConnect(context, connection, packet);
  else if (packet.type === 'connect-unsupported') refuseVersion(context, connection, packet.protocolLevel);
  else throw new MalformedPacket('out_of_order', 'The first packet is not CONNECT (MQTT-3.1.0-1).');
}

/** A CONNECT of a version that is not spoken here (MQTT-3.1.2-2). */
function refuseVersion(context: BrokerContext, connection: Connection, level: number): void {
  context.counters.connectionsRefused++;
  if (level >= 5) connection.send(UNSUPPORTED_V5);
  else connection.send(connack(UNACCEPTABLE_PROTOCOL, false));
  connection.close(`MQTT protocol level ${level} is not spoken here`);
}

/** The first two phases of a session, establishment and authentication. */
function receiveConnect(context: BrokerContext, connection: Connection, packet: ConnectPacket): void {
  connection.protocolLevel = packet.protocolLevel;
  if (packet.clientId === '') {
    // MQTT-3.1.3-8: a nameless client cannot ask for a session that outlives its connection.
    if (!packet.cleanSession || packet.protocolLevel === 3) {
      refuse(context, connection, IDENTIFIER_REJECTED, 'a client without an id asked for a lasting session');
      return;
    }
    packet.clientId = `auto-${randomUUID()}`;
  }
  const { authenticate } = context.options;
  if (authenticate === undefined) {
    accept(context, connection, packet);
    return;
  }
  const { clientId, username, password } = packet;
  connection.decide(
    () => authenticate({ clientId, username, password, address: connection.sink.address }),
    (allowed) => {
      if (allowed) accept(context, connection, packet);
      else refuse(context, connection, NOT_AUTHORIZED, 'the client is not allowed to connect');
    },
  );
}

function accept(context: BrokerContext, connection: Connection, packet: ConnectPacket): void {
  const { clientId, cleanSession, keepAliveSeconds } = packet;
  const earlier = context.sessions.get(clientId)?.connection ?? null;
  if (earlier !== null) {
    // MQTT-3.1.4-2: the newer connection takes the client id over.
    context.counters.takeOvers++;
    earlier.close('another connection took over the client id');
  }
  const { session, present } = context.sessions.open(clientId, cleanSession);
  context.counters.connectionsAccepted++;
  connection.open(session, packet.will, packet.username, keepAliveSeconds);
  connection.send(connack(ACCEPTED, present));
  session.attach(connection, keepAliveSeconds, context.clock.now());
  if (present) {
    session.redeliver();
    session.pump();
  }
}

function refuse(context: BrokerContext, connection: Connection, returnCode: number, reason: string): void {
  context.counters.connectionsRefused++;
  connection.send(connack(returnCode, false));
  connection.close(reason);
}

function connack(returnCode: number, sessionPresent: boolean): Buffer {
  return encodePacket({ type: 'connack', returnCode, sessionPresent });
}
