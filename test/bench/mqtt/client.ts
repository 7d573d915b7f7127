import { connect, type Socket } from 'node:net';
import { encodePacket } from '../../../core/mqtt/codec/encode.ts';

/** Temp/RH as a sensor would send it, padded to 64 bytes. */
export const PAYLOAD = Buffer.from('{"temp":21.53,"rh":48.21}'.padEnd(64));

/** The load speaks 3.1.1: every contender does. */
const LEVEL = 4;

/**
 * A raw MQTT socket for load: reads go into one buffer that is used over and over, and what to do with them is
 * the load's matter. MQTT.js would be the bottleneck of every figure here.
 */
export class RawClient {
  /** Gets every read once the client is set up: `bytes[0..length)`. */
  onBytes: (bytes: Buffer, length: number) => void = () => undefined;
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Connects as `clientId` and subscribes to `filter` when one is given. */
  static open(port: number, clientId: string, filter?: string, qos: 0 | 1 = 0): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      let setUpBytes = filter === undefined ? 4 : 9;
      const buffer = Buffer.allocUnsafeSlow(262_144);
      const onread = {
        buffer,
        callback: (length: number) => {
          if (setUpBytes === 0) client.onBytes(buffer, length);
          else {
            // CONNACK and SUBACK have fixed sizes, and nothing else comes before the load begins.
            setUpBytes -= length;
            if (setUpBytes === 0) resolve(client);
          }
          return true;
        },
      };
      const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread });
      const client = new RawClient(socket);
      socket.once('error', reject);
      socket.once('close', () => reject(new Error(`The broker closed the connection of ${clientId}.`)));
      socket.write(
        encodePacket(
          {
            type: 'connect',
            protocolLevel: LEVEL,
            cleanStart: true,
            keepAliveSeconds: 0,
            clientId,
            will: null,
            username: null,
            password: null,
            properties: {},
          },
          LEVEL,
        ),
      );
      if (filter !== undefined) {
        const request = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
        socket.write(
          encodePacket({ type: 'subscribe', packetId: 1, filters: [request], properties: {} }, LEVEL),
        );
      }
    });
  }
}

/** `count` PUBLISH packets of equal size side by side, with packet ids 1, 2, ... when `qos` is 1. */
export function publishBlock(
  topic: string,
  qos: 0 | 1,
  count: number,
): { bytes: Buffer; packetBytes: number } {
  const packets = Array.from({ length: count }, (_, index) =>
    encodePacket(
      {
        type: 'publish',
        topic,
        payload: PAYLOAD,
        qos,
        retain: false,
        dup: false,
        packetId: qos === 0 ? 0 : index + 1,
        properties: {},
      },
      LEVEL,
    ),
  );
  return { bytes: Buffer.concat(packets), packetBytes: packets[0]!.length };
}
