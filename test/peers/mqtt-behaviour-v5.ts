/** What only MQTT 5 can do, with MQTT.js as the other side. */
import { describe, expect, it } from 'vitest';
import { Inbox, next } from './mqtt-behaviour-rig.ts';
import type { MqttRig } from './mqtt-behaviour-rig.ts';

const V5 = { protocolVersion: 5 } as const;

export function describeV5(rig: () => MqttRig): void {
  describe('MQTT 5', () => {
    it('[MQTT-4.8.2-4] gives each message to one member of a shared subscription', async () => {
      const members = [await rig().client(V5), await rig().client(V5)];
      const inboxes = members.map((member) => new Inbox(member));
      for (const member of members) await member.subscribeAsync('$share/crew/job/#', { qos: 1 });
      const all = await rig().client(V5);
      const everything = new Inbox(all);
      await all.subscribeAsync('job/#', { qos: 1 });
      const writer = await rig().client(V5);
      for (let number = 0; number < 20; number++)
        await writer.publishAsync('job/x', String(number), { qos: 1 });
      await everything.until(20);
      const shared = () => inboxes.flatMap(({ packets }) => packets.map(({ payload }) => Number(payload)));
      while (shared().length < 20) await new Promise(setImmediate);
      expect(shared().sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, number) => number));
      for (const { packets } of inboxes) expect(packets.length).toBeGreaterThan(0);
    });

    it('[MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20] passes on what a request carries', async () => {
      const server = await rig().client(V5);
      const requests = new Inbox(server);
      await server.subscribeAsync('request', { qos: 1 });
      const asker = await rig().client(V5);
      const answers = new Inbox(asker);
      await asker.subscribeAsync('answer', { qos: 1 });
      const properties = {
        responseTopic: 'answer',
        correlationData: Buffer.from([0, 1, 255]),
        contentType: 'application/json',
        payloadFormatIndicator: true,
        userProperties: { site: 'north', many: ['1', '2'] },
      };
      await asker.publishAsync('request', '{}', { qos: 1, properties });
      await requests.until(1);
      expect(requests.packets[0]!.properties).toMatchObject(properties);
      const { responseTopic, correlationData } = requests.packets[0]!.properties!;
      await server.publishAsync(responseTopic!, 'done', {
        qos: 1,
        properties: { correlationData: correlationData! },
      });
      expect(await answers.until(1)).toEqual(['answer done 1']);
      expect(answers.packets[0]!.properties!.correlationData).toEqual(Buffer.from([0, 1, 255]));
    });

    it('[MQTT-3.3.2-12] understands topic aliases of the client, and sets its own', async () => {
      const properties = { topicAliasMaximum: 10 };
      const reader = await rig().client({ ...V5, properties, autoAssignTopicAlias: true });
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('a/long/topic/name', { qos: 0 });
      const writer = await rig().client(V5);
      const alias = { properties: { topicAlias: 3 } };
      await writer.publishAsync('a/long/topic/name', '1', alias);
      await writer.publishAsync('', '2', alias);
      expect(await inbox.until(2)).toEqual(['a/long/topic/name 1 0', 'a/long/topic/name 2 0']);
    });

    it('[MQTT-3.3.2-5] [MQTT-3.3.2-6] counts the expiry of a message down while it waits', async () => {
      const options = { ...V5, clientId: 'away', clean: false, properties: { sessionExpiryInterval: 60 } };
      const away = await rig().client(options);
      await away.subscribeAsync('a/#', { qos: 1 });
      await away.endAsync();
      const writer = await rig().client(V5);
      await writer.publishAsync('a/short', '1', { qos: 1, properties: { messageExpiryInterval: 1 } });
      await writer.publishAsync('a/long', '2', { qos: 1, properties: { messageExpiryInterval: 100 } });
      await new Promise((resolve) => setTimeout(resolve, 1_200)); // the broker's clock is the real one here
      const back = rig().connecting(options);
      const inbox = new Inbox(back);
      expect(await inbox.until(1)).toEqual(['a/long 2 1']);
      const left = inbox.packets[0]!.properties!.messageExpiryInterval!;
      expect(left).toBeGreaterThan(95);
      expect(left).toBeLessThan(100);
    });

    it('[MQTT-3.3.4-3] tells every identifier of overlapping subscriptions, and honours No Local', async () => {
      const reader = await rig().client(V5);
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('a/#', { qos: 1, properties: { subscriptionIdentifier: 7 } });
      await reader.subscribeAsync('own', { qos: 1, nl: true });
      await reader.publishAsync('own', 'unheard', { qos: 1 });
      await reader.publishAsync('a/b', '1', { qos: 1 });
      expect(await inbox.until(1)).toEqual(['a/b 1 1']);
      expect(inbox.packets[0]!.properties!.subscriptionIdentifier).toBe(7);
    });

    it('[MQTT-3.8.4-4] sends retained messages as Retain Handling says, and keeps RETAIN as published', async () => {
      const writer = await rig().client(V5);
      await writer.publishAsync('kept', 'old', { qos: 1, retain: true });
      const reader = await rig().client(V5);
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('kept', { qos: 1, rh: 2, rap: true });
      await writer.publishAsync('kept', 'new', { qos: 1, retain: true });
      expect(await inbox.until(1)).toEqual(['kept new 1r']);
    });

    it('[MQTT-3.1.3-9] waits with a will for its delay, and drops it when the client is back', async () => {
      const watcher = await rig().client(V5);
      const inbox = new Inbox(watcher);
      await watcher.subscribeAsync('will/#', { qos: 1 });
      const options = (id: string, willDelayInterval: number) => ({
        ...V5,
        clientId: id,
        clean: false,
        properties: { sessionExpiryInterval: 60 },
        will: {
          topic: `will/${id}`,
          payload: Buffer.from('gone'),
          qos: 1 as const,
          retain: false,
          properties: { willDelayInterval },
        },
      });
      const returning = await rig().client(options('returning', 1));
      returning.stream.destroy();
      await next(returning, 'close');
      await rig().client(options('returning', 1));
      const lost = await rig().client(options('lost', 1));
      lost.stream.destroy();
      const startedMs = performance.now();
      expect(await inbox.until(1)).toEqual(['will/lost gone 1']);
      expect(performance.now() - startedMs).toBeGreaterThan(900);
    });

    it('[MQTT-3.2.2-16] gives a client without an id one, and tells its limits', async () => {
      const client = rig().connecting({ ...V5, clientId: '', clean: true });
      const connack = await next<{ properties: Record<string, unknown> }>(client, 'connect');
      expect(connack.properties['assignedClientIdentifier']).toMatch(/./);
      expect(connack.properties['maximumPacketSize']).toBe(1_048_576);
    });

    it('[MQTT-3.1.2-24] never sends a packet above the Maximum Packet Size of the client', async () => {
      const reader = await rig().client({ ...V5, properties: { maximumPacketSize: 200 } });
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('a', { qos: 1 });
      const writer = await rig().client(V5);
      await writer.publishAsync('a', 'x'.repeat(300), { qos: 1 });
      await writer.publishAsync('a', 'small', { qos: 1 });
      expect(await inbox.until(1)).toEqual(['a small 1']);
    });

    it('[MQTT-3.1.2-25] disconnects a client whose packet is too large with 0x95', async () => {
      const writer = await rig().client(V5);
      // Below MQTT.js, which would keep to the limit it was told.
      Object.assign(writer, { options: { ...writer.options, properties: {} } });
      const told = next(writer, 'disconnect');
      const size = 3_000_000; // its length needs four bytes
      const head = Buffer.from([0x30, 0, 0, 0, 0, 0, 1, 0x61, 0]);
      for (let at = 1, rest = size + 4; at <= 4; at++, rest = Math.floor(rest / 128)) {
        head[at] = (rest % 128) | (at < 4 ? 0x80 : 0);
      }
      // In pieces: one WebSocket message of this size is refused as such.
      writer.stream.write(head);
      for (let sent = 0; sent < 640_000; sent += 64_000) writer.stream.write(Buffer.alloc(64_000));
      expect(await told).toMatchObject({ reasonCode: 0x95 });
    });
  });
}
