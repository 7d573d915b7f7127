import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { silentLog } from '../../core/base/log.ts';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { Broker } from '../../core/mqtt/broker.ts';
import { listenWebSocket } from '../../core/mqtt/transports/websocket.ts';
import { connectBytes, packet } from '../support/conformance-client.ts';

/* MQTT over WebSocket: MQTT 5.0 §6. */

const CONNECT = connectBytes(0x02, 'c');
const PINGREQ = packet(0xc0);
const PINGRESP = Buffer.from([0xd0, 0]);

async function url(): Promise<string> {
  const clock = new ManualClock();
  const broker = new Broker({ clock, log: silentLog });
  broker.start();
  const options = { host: '127.0.0.1', port: 0, log: silentLog, clock, path: '/mqtt' };
  const listener = await listenWebSocket(broker, options);
  onTestFinished(async () => {
    const closing = listener.close();
    clock.advance(10_000);
    await closing;
    broker.stop();
  });
  return `ws://127.0.0.1:${listener.address.port}/mqtt`;
}

/** A WebSocket with what came over it so far, all of it binary. */
class Client {
  readonly socket: WebSocket;
  received = Buffer.alloc(0);
  textFrames = 0;
  #wake: () => void = () => undefined;

  constructor(address: string, protocols: string[]) {
    this.socket = new WebSocket(address, protocols);
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data, isBinary) => {
      if (!isBinary) this.textFrames++;
      this.received = Buffer.concat([this.received, data as Buffer]);
      this.#wake();
    });
    this.socket.on('close', () => this.#wake());
  }

  static async open(address: string, protocols = ['mqtt']): Promise<Client> {
    const client = new Client(address, protocols);
    await once(client.socket, 'open');
    onTestFinished(() => client.socket.terminate());
    return client;
  }

  /** Everything up to a PINGRESP at the end. */
  async untilPong(): Promise<Buffer> {
    while (!this.received.subarray(-2).equals(PINGRESP)) {
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error('The broker closed the WebSocket.');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const all = this.received.subarray(0, -2);
    this.received = Buffer.alloc(0);
    return all;
  }
}

describe('MQTT over WebSocket', () => {
  it('[MQTT-6.0.0-1] goes in binary frames', async () => {
    const client = await Client.open(await url());
    client.socket.send(Buffer.concat([CONNECT, PINGREQ]));
    expect((await client.untilPong()).subarray(0, 4)).toMatchObject({ 0: 0x20, 3: 0 });
    expect(client.textFrames).toBe(0);
  });

  it('[MQTT-6.0.0-1] [MQTT-4.13.1-1] a text frame ends the connection', async () => {
    const address = await url();
    // Bytes that would be good MQTT in a binary frame: none of them is above 127.
    const early = await Client.open(address);
    early.socket.send(CONNECT.toString('latin1'));
    await once(early.socket, 'close');
    expect(early.received.length).toBe(0);
    const late = await Client.open(address);
    late.socket.send(Buffer.concat([CONNECT, packet(0x82, 0, 1, 0, 't', 0), PINGREQ]));
    await late.untilPong();
    late.socket.send(packet(0x30, 't', 0).toString('latin1'));
    await once(late.socket, 'close');
    expect(late.received.includes(packet(0x30, 't', 0))).toBe(false);
  });

  it('[MQTT-6.0.0-2] packets and frames need not begin together', async () => {
    const client = await Client.open(await url());
    const subscribe = packet(0x82, 0, 1, 0, 't', 0);
    const publish = packet(0x30, 't', 0, Buffer.from('across frames'));
    const whole = Buffer.concat([CONNECT, subscribe, publish, publish]);
    for (const byte of whole) client.socket.send(Uint8Array.of(byte));
    client.socket.send(PINGREQ);
    const one = await client.untilPong();
    expect(one.subarray(-2 * publish.length)).toEqual(Buffer.concat([publish, publish]));
    // Several in one frame, the last one in part; and one message in fragments.
    client.socket.send(Buffer.concat([publish, publish, publish.subarray(0, 5)]));
    client.socket.send(publish.subarray(5, 7), { fin: false });
    client.socket.send(publish.subarray(7), { fin: true });
    client.socket.send(PINGREQ);
    expect(await client.untilPong()).toEqual(Buffer.concat([publish, publish, publish]));
  });

  it('[MQTT-6.0.0-3] a client that does not offer mqtt is refused', async () => {
    const address = await url();
    for (const protocols of [[], ['chat'], ['MQTT'], ['mqttx']]) {
      const { socket } = new Client(address, protocols);
      const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
      expect(response.statusCode).toBe(400);
      socket.terminate();
    }
  });

  it('[MQTT-6.0.0-4] the server chooses mqtt', async () => {
    const address = await url();
    for (const protocols of [['mqtt'], ['chat', 'mqtt'], ['mqttv3.1', 'mqtt']])
      expect((await Client.open(address, protocols)).socket.protocol).toBe('mqtt');
  });
});
