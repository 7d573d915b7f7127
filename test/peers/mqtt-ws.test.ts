/** MQTT over WebSocket: what every transport does, and what MQTT 5 §6 and browsers ask of a WebSocket server. */
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { encodePacket } from '../../core/mqtt/codec/encode.ts';
import { LOCAL_PROFILE } from '../../core/mqtt/origin.ts';
import { listenWebSocket } from '../../core/mqtt/transports/websocket.ts';
import { connectPacket } from '../support/mqtt-broker.ts';
import { describeMqtt } from './mqtt-behaviour.ts';
import { MqttRig } from './mqtt-behaviour-rig.ts';

describeMqtt('ws');

const CONNECT = encodePacket(connectPacket({ clientId: 'raw' }), 4);
const PINGREQ = Buffer.from([0xc0, 0]);
const CONNACK = '20020000';
const PINGRESP = 'd000';

describe('WebSocket in particular', () => {
  let rig: MqttRig;
  beforeEach(async () => void (rig = await MqttRig.open('ws')));
  afterEach(() => rig.close());

  async function opened(url = rig.url): Promise<WebSocket> {
    const socket = new WebSocket(url, 'mqtt');
    rig.undo(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  }

  /** Collects binary messages as one hex text; `until` waits for its end. */
  function bytesOf(socket: WebSocket) {
    let hex = '';
    let wake: () => void = () => undefined;
    socket.on('message', (data) => {
      hex += (data as Buffer).toString('hex');
      wake();
    });
    return {
      async until(end: string) {
        while (!hex.endsWith(end)) await new Promise<void>((resolve) => (wake = resolve));
        return hex;
      },
    };
  }

  /** The status of the answer to an upgrade with these headers; 101 when it became a WebSocket. */
  async function upgrade(headers: Record<string, string>, path = '/mqtt', port = rig.port): Promise<number> {
    const asked = request({
      port,
      path,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        'sec-websocket-protocol': 'mqtt',
        ...headers,
      },
    });
    asked.end();
    return new Promise((resolve, reject) => {
      asked.on('upgrade', (response: IncomingMessage, socket) => {
        socket.destroy();
        resolve(response.statusCode!);
      });
      asked.on('response', (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      asked.on('error', reject);
    });
  }

  describe('an MQTT connection over WebSocket', () => {
    it('[MQTT-6.0.0-3] [MQTT-6.0.0-4] [MQTT311-6.0.0-3] [MQTT311-6.0.0-4] has the subprotocol mqtt', async () => {
      expect((await opened()).protocol).toBe('mqtt');
      const old = new WebSocket(rig.url, ['mqttv3.1']);
      await once(old, 'open');
      expect(old.protocol).toBe('mqttv3.1');
      old.terminate();
      expect(await upgrade({ 'sec-websocket-protocol': 'chat, mqtt' })).toBe(101);
      expect(await upgrade({ 'sec-websocket-protocol': 'chat' })).toBe(400);
      expect(await upgrade({ 'sec-websocket-protocol': '' })).toBe(400);
      expect(rig.listener.counters.upgradesRefused).toBe(2);
    });

    it('[MQTT-6.0.0-1] [MQTT311-6.0.0-1] is closed when a text frame comes, and only that one', async () => {
      const other = await rig.client();
      const socket = await opened();
      const bytes = bytesOf(socket);
      socket.send(CONNECT);
      await bytes.until(CONNACK);
      socket.send('text');
      const [code] = (await once(socket, 'close')) as [number];
      expect([code, other.connected]).toEqual([1003, true]);
    });

    it('[MQTT-6.0.0-2] [MQTT311-6.0.0-2] may split packets over messages and put several into one', async () => {
      const socket = await opened();
      const bytes = bytesOf(socket);
      for (const byte of CONNECT) socket.send(Buffer.from([byte]));
      await bytes.until(CONNACK);
      socket.send(Buffer.concat([PINGREQ, PINGREQ, PINGREQ.subarray(0, 1)]));
      socket.send(PINGREQ.subarray(1));
      expect(await bytes.until(PINGRESP.repeat(3))).toBe(CONNACK + PINGRESP.repeat(3));
      socket.send(PINGREQ.subarray(0, 1), { fin: false });
      socket.send(PINGREQ.subarray(1), { fin: true });
      await bytes.until(PINGRESP.repeat(4));
    });

    it('is closed with 1009 when one message is larger than any packet may be', async () => {
      const socket = await opened();
      socket.send(Buffer.alloc(2_000_000));
      expect((await once(socket, 'close'))[0]).toBe(1009);
      while (rig.listener.connections > 0) await new Promise(setImmediate);
    });

    it('gathers no large message of a client that was not let in', async () => {
      const limits = { maxPacketBytes: 268_435_460 };
      // Time stands still: it is not the patience with CONNECT that ends it.
      await rig.close();
      rig = await MqttRig.open('ws', { broker: { clock: new ManualClock(Date.now()) } });
      rig.listener.setProfile({ ...LOCAL_PROFILE, limits });
      const part = Buffer.alloc(400_000);
      const stranger = await opened();
      for (let at = 0; at < 4; at++) stranger.send(part, { fin: false });
      expect((await once(stranger, 'close'))[0]).toBe(1006);
      const client = await opened();
      const answers = bytesOf(client);
      client.send(CONNECT);
      await answers.until(CONNACK);
      // PUBLISH of 1,600,000 bytes in as many frames.
      const publish = Buffer.concat([
        Buffer.from([0x30, 0x80, 0xd4, 0x61, 0, 1, 0x61]),
        Buffer.alloc(1_599_997),
      ]);
      for (let at = 0; at < publish.length; at += 400_000)
        client.send(publish.subarray(at, at + 400_000), { fin: at + 400_000 >= publish.length });
      client.send(PINGREQ);
      await answers.until(PINGRESP);
    });

    it('is closed with a normal closing handshake when the broker ends it', async () => {
      const first = await opened();
      const bytes = bytesOf(first);
      first.send(CONNECT);
      await bytes.until(CONNACK);
      const closed = once(first, 'close');
      const second = await opened();
      second.send(CONNECT);
      expect((await closed)[0]).toBe(1000);
    });

    it('ends when the socket dies, and the broker hears of it', async () => {
      const socket = await opened();
      expect(rig.listener.connections).toBe(1);
      socket.terminate();
      while (rig.broker.connectionCount > 0) await new Promise(setImmediate);
      expect(rig.listener.connections).toBe(0);
    });
  });

  describe('the HTTP in front of it', () => {
    it('serves one path, whatever its query, and says where it is', async () => {
      expect(await upgrade({}, '/mqtt?token=1')).toBe(101);
      expect(await upgrade({}, '/')).toBe(404);
      expect(await upgrade({}, '/mqtt/')).toBe(404);
      const plain = await fetch(`http://127.0.0.1:${rig.port}/mqtt`);
      expect([plain.status, await plain.text()]).toEqual([
        426,
        'MQTT over WebSocket is spoken at /mqtt here.\n',
      ]);
    });

    it('refuses pages of other origins, and names that were pointed here, on loopback', async () => {
      const own = `127.0.0.1:${rig.port}`;
      expect(await upgrade({ origin: `http://${own}` })).toBe(101);
      expect(await upgrade({ host: 'localhost', origin: 'http://localhost:5173' })).toBe(101);
      expect(await upgrade({ origin: 'https://evil.example' })).toBe(403);
      expect(await upgrade({ origin: 'null' })).toBe(403);
      expect(await upgrade({ host: 'evil.example', origin: 'http://evil.example' })).toBe(403);
      expect(await upgrade({ host: 'evil.example:80' })).toBe(403);
    });

    it('lets pages of other origins in where users sign in, or where it was opened', async () => {
      rig.listener.setProfile({ ...LOCAL_PROFILE, anonymous: false });
      expect(await upgrade({ origin: 'https://console.example' })).toBe(101);
      expect(await upgrade({ host: 'evil.example' })).toBe(403);
      const options = { host: '0.0.0.0', port: 0, path: '/mqtt', log: silentLog };
      const open = await listenWebSocket(rig.broker, options);
      const headers = { host: 'plant.example', origin: 'https://console.example' };
      expect(await upgrade(headers, '/mqtt', open.address.port)).toBe(101);
      await open.close();
    });

    it('answers rubbish and headers without end, and closes', async () => {
      for (const text of ['\x10\x0c\0\x04MQTT', `GET /mqtt HTTP/1.1\r\nx: ${'y'.repeat(20_000)}`]) {
        const socket = connect(rig.port, '127.0.0.1')
          .on('error', () => undefined)
          .resume();
        socket.write(text);
        await once(socket, 'close');
      }
      expect(rig.listener.connections).toBe(0);
      expect(rig.listener.counters.upgradesRefused).toBe(2);
    });
  });

  describe('with the clock in hand', () => {
    it('keeps room for others when one address only knocks', async () => {
      const knock = (localAddress: string) => connect({ port: rig.port, host: '127.0.0.1', localAddress });
      const silent = Array.from({ length: 700 }, () => knock('127.0.0.2'));
      for (const socket of silent) socket.on('error', () => undefined);
      rig.undo(() => silent.forEach((socket) => socket.destroy()));
      const { counters } = rig.listener;
      while (counters.accepted + counters.refused < 700) await new Promise(setImmediate);
      // Half of the places; the others are everybody else's.
      expect(counters.accepted).toBe(500);
      expect((await rig.client()).connected).toBe(true);
      expect(counters.refused).toBe(200);
      silent.forEach((socket) => socket.destroy());
    }, 20_000);

    it('gives up on newcomers that send no request, and on peers that answer no ping', async () => {
      const clock = new ManualClock();
      const options = { host: '127.0.0.1', port: 0, path: '/mqtt', log: silentLog, clock };
      const listener = await listenWebSocket(rig.broker, options);
      const { port } = listener.address;
      const silent = connect(port, '127.0.0.1');
      while (listener.counters.accepted === 0) await new Promise(setImmediate);
      clock.advance(10_000);
      await once(silent, 'close');
      expect(listener.counters.newcomersTimedOut).toBe(1);

      const lively = await opened(`ws://127.0.0.1:${port}/mqtt`);
      const dead = new WebSocket(`ws://127.0.0.1:${port}/mqtt`, 'mqtt', { autoPong: false });
      await once(dead, 'open');
      const deadClosed = once(dead, 'close');
      for (let round = 0; round < 3; round++) {
        const pinged = once(lively, 'ping');
        clock.advance(30_000);
        await pinged;
        // The answer to something later proves that the pong has come.
        const bytes = bytesOf(lively);
        lively.send(round === 0 ? CONNECT : PINGREQ);
        await bytes.until(round === 0 ? CONNACK : PINGRESP);
      }
      await deadClosed;
      expect(lively.readyState).toBe(WebSocket.OPEN);
      await listener.close();
      expect(clock.pendingTimers).toBe(0);
    });
  });
});
