/** How the broker behaves for real clients, the same over every transport: each transport's test file runs this. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../core/base/manual-clock.ts';
import type { Qos, Transport } from '../../core/mqtt/types.ts';
import { missingPeers } from '../support/peers.ts';
import { Inbox, MqttRig, next } from './mqtt-behaviour-rig.ts';
import { describeV5 } from './mqtt-behaviour-v5.ts';

const QOS: Qos[] = [0, 1, 2];
const noMosquitto = missingPeers('mosquitto_pub', 'mosquitto_sub').length > 0;

export function describeMqtt(transport: Transport): void {
  describe(`MQTT over ${transport}`, () => behaviour(transport));
}

function behaviour(transport: Transport): void {
  let rig: MqttRig;
  beforeEach(async () => void (rig = await MqttRig.open(transport)));
  afterEach(() => rig.close());

  describe.each([4, 5] as const)('MQTT.js, protocol level %i', (protocolVersion) => {
    const lasting =
      protocolVersion === 5 ? { clean: false, properties: { sessionExpiryInterval: 60 } } : { clean: false };

    it.each(QOS)('exchanges live and retained messages at QoS %i', async (qos) => {
      const reader = await rig.client({ protocolVersion });
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('a/#', { qos });
      const writer = await rig.client({ protocolVersion });
      await writer.publishAsync('a/live', '1', { qos });
      await writer.publishAsync('a/kept', '2', { qos, retain: true });
      expect(await inbox.until(2)).toEqual([`a/live 1 ${qos}`, `a/kept 2 ${qos}`]);
      const late = await rig.client({ protocolVersion });
      const lateInbox = new Inbox(late);
      await late.subscribeAsync('a/#', { qos });
      expect(await lateInbox.until(1)).toEqual([`a/kept 2 ${qos}r`]);
    });

    it('[MQTT-3.1.2-8] has its will published when its socket dies, not when it says goodbye', async () => {
      const watcher = await rig.client({ protocolVersion });
      const inbox = new Inbox(watcher);
      await watcher.subscribeAsync('will/#', { qos: 1 });
      const will = (name: string) => ({
        topic: `will/${name}`,
        payload: Buffer.from('gone'),
        qos: 1 as const,
        retain: false,
      });
      const polite = await rig.client({ protocolVersion, will: will('polite') });
      await polite.endAsync();
      const dying = await rig.client({ protocolVersion, will: will('dying') });
      dying.stream.destroy();
      expect(await inbox.until(1)).toEqual(['will/dying gone 1']);
    });

    it('[MQTT-3.1.4-3] is taken over by a second client of the same id', async () => {
      const first = await rig.client({ protocolVersion, clientId: 'same' });
      const told = protocolVersion === 5 ? next(first, 'disconnect') : undefined;
      const replaced = next(first, 'close');
      const second = await rig.client({ protocolVersion, clientId: 'same' });
      await replaced;
      if (told) expect(await told).toMatchObject({ reasonCode: 0x8e });
      expect([second.connected, rig.broker.counters.takeOvers]).toEqual([true, 1]);
    });

    it('[MQTT-4.4.0-1] finds its session again with everything that came meanwhile', async () => {
      const options = { protocolVersion, clientId: 'lasting', ...lasting };
      const first = await rig.client(options);
      await first.subscribeAsync('a', { qos: 2 });
      await first.endAsync();
      const writer = await rig.client({ protocolVersion });
      for (const qos of [1, 2] as const) await writer.publishAsync('a', String(qos), { qos });
      const again = rig.connecting(options);
      const inbox = new Inbox(again);
      const connack = await next<{ sessionPresent: boolean }>(again, 'connect');
      expect(connack.sessionPresent).toBe(true);
      expect(await inbox.until(2)).toEqual(['a 1 1', 'a 2 2']);
    });

    it('gets a message of 200 KB whole, there and back', async () => {
      const reader = await rig.client({ protocolVersion });
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('big', { qos: 1 });
      const payload = Buffer.alloc(200_000, 'abcdefg');
      await (await rig.client({ protocolVersion })).publishAsync('big', payload, { qos: 1 });
      await inbox.until(1);
      expect(payload.equals(inbox.packets[0]!.payload as Buffer)).toBe(true);
    });

    it('[MQTT-4.6.0-2] gets 1,000 messages at once in their order', async () => {
      const reader = await rig.client({ protocolVersion });
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('many', { qos: 1 });
      const writer = await rig.client({ protocolVersion });
      const numbers = Array.from({ length: 1_000 }, (_, number) => number);
      await Promise.all(numbers.map((number) => writer.publishAsync('many', String(number), { qos: 1 })));
      await inbox.until(numbers.length);
      expect(inbox.packets.map(({ payload }) => Number(payload))).toEqual(numbers);
    });

    it('does not let a subscriber that stops reading delay another', async () => {
      const frozen = await rig.client({ protocolVersion });
      await frozen.subscribeAsync('flood');
      frozen.stream.pause();
      const reader = await rig.client({ protocolVersion });
      const inbox = new Inbox(reader);
      await reader.subscribeAsync('flood');
      const writer = await rig.client({ protocolVersion });
      const payload = Buffer.alloc(200_000, 'x');
      for (let count = 1; count <= 100; count++) {
        await writer.publishAsync('flood', payload);
        await inbox.until(count);
      }
      expect(inbox.packets).toHaveLength(100);
    });

    it('is told and disconnected when its listener closes, and the others stay', async () => {
      const other = await MqttRig.open('tcp');
      const stays = await other.client({ protocolVersion });
      // Its clock stands still: it is no patience that ends the connection.
      const closing = await MqttRig.open(transport, { broker: { clock: new ManualClock(Date.now()) } });
      const client = await closing.client({ protocolVersion });
      const told = protocolVersion === 5 ? next(client, 'disconnect') : undefined;
      const gone = next(client, 'close');
      await Promise.all([closing.listener.close(), closing.listener.close()]);
      await gone;
      if (told) expect(await told).toMatchObject({ reasonCode: 0x8b });
      expect(closing.listener.connections).toBe(0);
      expect(stays.connected).toBe(true);
      await Promise.all([other.close(), closing.close()]);
    });
  });

  describeV5(() => rig);

  const spoken = transport === 'tcp' || transport === 'tls';
  if (!spoken) {
    process.stderr.write(
      `skipped: mosquitto's clients over ${transport}: Debian's 2.0 speak TCP and TLS only\n`,
    );
    return;
  }
  describe.skipIf(noMosquitto).each(['mqttv31', 'mqttv311', 'mqttv5'])(
    'mosquitto_pub and mosquitto_sub with %s',
    (version) => {
      it.each(QOS)('exchange messages at QoS %i', async (qos) => {
        const sub = rig.peerStarted('mosquitto_sub', [
          ...['-V', version, '-t', 'plant/#', '-q', String(qos), '-C', '3', '-F', '%t %p %q', '-W', '15'],
        ]);
        await rig.subscribed(1);
        for (const value of ['1', '2', '3']) {
          await rig.peer('mosquitto_pub', [
            '-V',
            version,
            '-t',
            'plant/room1',
            '-m',
            value,
            '-q',
            String(qos),
          ]);
        }
        expect(await sub.ended).toBe([1, 2, 3].map((value) => `plant/room1 ${value} ${qos}\n`).join(''));
        expect(rig.broker.counters.malformedPackets).toBe(0);
      });

      it('see retained messages, and 200 KB whole', async () => {
        const big = rig.file('big', 'x'.repeat(200_000));
        await rig.peer('mosquitto_pub', ['-V', version, '-t', 'a/b', '-f', big, '-r', '-q', '1']);
        const args = ['-V', version, '-t', 'a/+', '-C', '1', '-F', '%l %r', '-W', '10'];
        expect(await rig.peer('mosquitto_sub', args)).toBe('200000 1\n');
      });
    },
  );
}
