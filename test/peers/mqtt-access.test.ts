/** Users, roles and SCRAM at the broker with real clients: Debian's mosquitto_pub and MQTT.js. */
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MqttAccess } from '../../core/access/mqtt-access.ts';
import { ScramClient } from '../../core/access/scram-client-for-tests.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { Broker } from '../../core/mqtt/broker.ts';
import { LOCAL_PROFILE } from '../../core/mqtt/origin.ts';
import { listenTcp } from '../../core/mqtt/transports/tcp.ts';
import type { TransportListener } from '../../core/mqtt/transports/transport-listener.ts';
import { missingPeers, startPeer } from '../support/peers.ts';

const noMosquitto = missingPeers('mosquitto_pub').length > 0;
const PASSWORD = 'correct horse';
const METHOD = 'SCRAM-SHA-256';

let folder: string;
let access: MqttAccess;
let broker: Broker;
let listener: TransportListener;
const cleanUp: (() => unknown)[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-access-'));
  access = MqttAccess.open(folder, { clock: systemClock, log: silentLog });
  broker = new Broker({
    clock: systemClock,
    log: silentLog,
    authenticate: (request) => access.authenticate(request),
    beginAuth: (method, request) => access.beginAuth(method, request),
    authorize: (request) => access.authorize(request),
  });
  access.changed.on(() => broker.accessChanged());
  access.revoked.on((user) => broker.disconnectUser(user));
  broker.start();
  const profile = { ...LOCAL_PROFILE, anonymous: false };
  listener = await listenTcp(broker, { host: '127.0.0.1', port: 0, log: silentLog, profile });
  access.putRole({
    name: 'device',
    rules: [
      { effect: 'deny', action: 'both', filter: 'dev/+/secret' },
      { effect: 'allow', action: 'both', filter: 'dev/%c/#' },
    ],
  });
  await access.putUser({ name: 'ann', password: PASSWORD, roles: ['device'] });
});

afterEach(async () => {
  for (const undo of cleanUp.splice(0).reverse()) await undo();
  broker.stop();
  await listener.close();
  rmSync(folder, { recursive: true, force: true });
});

const url = (): string => `mqtt://127.0.0.1:${listener.address.port}`;

async function connect(options: IClientOptions): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url(), { reconnectPeriod: 0, clientId: 'pump', ...options });
  cleanUp.push(() => client.endAsync(true));
  return client;
}

async function refusedWith(options: IClientOptions): Promise<number | undefined> {
  return connect(options).then(
    () => undefined,
    (error: { code?: number }) => error.code,
  );
}

/** MQTT.js with our own client half of SCRAM: it has none. */
async function scram(name: string, password: string): Promise<MqttClient> {
  const half = new ScramClient(name, password);
  const client = mqtt.connect(url(), {
    protocolVersion: 5,
    reconnectPeriod: 0,
    clientId: 'pump',
    manualConnect: true,
    properties: { authenticationMethod: METHOD, authenticationData: half.first() },
  });
  client.handleAuth = (packet, callback) => {
    const authenticationData = half.final(packet.properties!.authenticationData!);
    callback(undefined, {
      cmd: 'auth',
      reasonCode: 0x18,
      properties: { authenticationMethod: METHOD, authenticationData },
    });
  };
  cleanUp.push(() => client.endAsync(true));
  const answer = new Promise<Buffer | undefined>((resolve) => {
    client.on('packetreceive', (packet) => {
      if (packet.cmd === 'connack') resolve(packet.properties?.authenticationData);
    });
  });
  const connected = new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.once('error', reject);
  });
  client.connect();
  await connected;
  expect(half.accepts((await answer) ?? null)).toBe(true);
  return client;
}

describe.skipIf(noMosquitto)('mosquitto_pub', () => {
  const publish = async (version: string, ...more: string[]): Promise<{ code: number; errors: string }> => {
    const { port } = listener.address;
    const args = [
      '-h',
      '127.0.0.1',
      '-p',
      `${port}`,
      '-V',
      version,
      '-i',
      'pump',
      '-q',
      '1',
      '-t',
      'dev/pump/up',
    ];
    const child = startPeer('mosquitto_pub', [...args, '-m', 'x', ...more]);
    let errors = '';
    child.stderr!.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout!.resume();
    const [code] = (await once(child, 'close')) as [number];
    return { code, errors };
  };

  it.each(['mqttv31', 'mqttv311', 'mqttv5'])('[MQTT-3.1.4-2] signs in over %s', async (version) => {
    const before = broker.counters.messagesIn;
    expect(await publish(version, '-u', 'ann', '-P', PASSWORD)).toEqual({ code: 0, errors: '' });
    expect(broker.counters.messagesIn).toBe(before + 1);
    const wrong = await publish(version, '-u', 'ann', '-P', 'wrong');
    const unknown = await publish(version, '-u', 'eve', '-P', PASSWORD);
    expect(wrong.code).not.toBe(0);
    expect(wrong).toEqual(unknown);
    expect(wrong.errors).toMatch(
      version === 'mqttv5' ? /Bad user name or password|not authori[sz]ed/i : /bad user name or password/i,
    );
    expect((await publish(version)).errors).toMatch(/not authori[sz]ed/i);
    expect(broker.counters.messagesIn).toBe(before + 1);
  });
});

describe('MQTT.js', () => {
  it('[MQTT-4.12.0-2] signs in by SCRAM-SHA-256, and knows the server by its signature', async () => {
    const client = await scram('ann', PASSWORD);
    await client.publishAsync('dev/pump/up', 'x', { qos: 1 });
    expect(broker.counters.messagesIn).toBe(1);
  });

  it('[MQTT-4.12.0-4] is refused by SCRAM with a wrong password, an unknown user, another method', async () => {
    await expect(scram('ann', 'wrong')).rejects.toMatchObject({ code: 0x86 });
    await expect(scram('eve', PASSWORD)).rejects.toMatchObject({ code: 0x86 });
    const properties = { authenticationMethod: 'SCRAM-SHA-1', authenticationData: Buffer.from('n,,n=a,r=b') };
    expect(await refusedWith({ protocolVersion: 5, properties })).toBe(0x8c);
  });

  it('may do what its rules say, and is told where they do not', async () => {
    const client = await connect({ protocolVersion: 5, username: 'ann', password: PASSWORD });
    const codes = await new Promise<number[]>((resolve) => {
      client.on('packetreceive', (packet) => {
        if (packet.cmd === 'suback') resolve(packet.granted as number[]);
      });
      client.subscribe(['dev/pump/down', 'dev/pump/#', 'dev/other/down'], { qos: 1 }, () => undefined);
    });
    expect(codes).toEqual([1, 0x87, 0x87]);
    await expect(client.publishAsync('dev/pump/secret', 'x', { qos: 1 })).rejects.toMatchObject({
      code: 0x87,
    });
    await client.publishAsync('dev/pump/up', 'x', { qos: 1 });
    access.putRole({ name: 'device', rules: [] });
    await expect(client.publishAsync('dev/pump/up', 'x', { qos: 1 })).rejects.toMatchObject({ code: 0x87 });
  });

  it('loses its connection when its user goes', async () => {
    const client = await connect({ protocolVersion: 5, username: 'ann', password: PASSWORD });
    const gone = new Promise<void>((resolve) => client.once('close', () => resolve()));
    access.removeUser('ann');
    await gone;
    expect(await refusedWith({ username: 'ann', password: PASSWORD })).toBe(4);
  });

  it('waits after five wrong passwords: 3 below MQTT 5, 0x89 with it', async () => {
    for (let time = 0; time < 5; time++) {
      expect(await refusedWith({ username: 'ann', password: `guess ${time}` })).toBe(4);
    }
    expect(await refusedWith({ username: 'ann', password: PASSWORD })).toBe(3);
    expect(await refusedWith({ username: 'ann', password: PASSWORD, protocolVersion: 5 })).toBe(0x89);
    expect(access.counters.throttled).toBe(2);
  });
});
