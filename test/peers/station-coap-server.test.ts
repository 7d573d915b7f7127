/** The station as a CoAP server, asked by libcoap's clients over UDP, TCP and TLS, with MQTT on the other side. */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RpcClient } from '../../core/rpc/types.ts';
import { missingLibcoap, runCoapClient } from '../support/coap-plugtest-libcoap.ts';
import type { Way } from '../support/coap-plugtest-libcoap.ts';
import { followWhole } from '../support/followed.ts';
import { missingPeers, runPeer, startPeer, stopChild } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const missing = [
  ...missingLibcoap('udp', 'openssl', 'gnutls'),
  ...missingPeers('mosquitto_pub', 'mosquitto_sub'),
];
const WITHIN = { timeout: 10_000 };

describe.skipIf(missing.length > 0)('libcoap asks the station', { timeout: 60_000 }, () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let station: StationProcess;
  let rpc: RpcClient;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    folder = temporaryFolder();
    await open();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await stopChild(child, 'SIGKILL');
    rpc.close();
    await station.kill9();
    folder.remove();
  });

  async function open(flags: Parameters<typeof startStation>[1] = {}): Promise<void> {
    station = await startStation(folder.path, flags);
    rpc = station.client();
  }

  const base = () => `coap://127.0.0.1:${station.port('coap')}`;
  const publish = (topic: string, payload: string, ...flags: string[]): void => {
    runPeer('mosquitto_pub', [
      ...['-p', String(station.port('mqtt')), '-q', '1', '-t', topic, '-m', payload],
      ...flags,
    ]);
  };
  /** Code, format and text of the last answer. */
  async function ask(uri: string, args: string[] = [], way: Way = 'udp') {
    const run = await runCoapClient(way, [...args, uri]);
    const answer = run.pdus.filter((pdu) => pdu.way === 'received').at(-1);
    const format = answer?.options.find(([name]) => name === 'Content-Format')?.[1] ?? null;
    return { code: answer?.code, format, text: run.shown };
  }

  /** What an observer has shown so far, and what ends it. */
  function observe(path: string): { lines: () => string[] } {
    const child = startPeer('stdbuf', [
      '-oL',
      'coap-client-notls',
      '-s',
      '60',
      '-B',
      '70',
      `${base()}${path}`,
    ]);
    children.push(child);
    let shown = '';
    child.stdout!.on('data', (part: Buffer) => (shown += part.toString()));
    return { lines: () => shown.split('\n').filter((line) => line !== '') };
  }

  it('tells devices, readings and topics, over UDP, TCP, WebSocket listeners of the command line and TLS', async () => {
    rpc.close();
    await station.stop();
    await open({ coapTcp: '127.0.0.1:0', coapWs: '127.0.0.1:0' });
    publish('plant/room1', '{"temperature": 21.5}');
    const { id: authority } = await rpc.call('certificates.makeAuthority', { name: 'North plant' });
    const { id: certificate } = await rpc.call('certificates.issueServer', {
      ...{ kind: 'server', name: 'CoAP', hosts: ['127.0.0.1', 'localhost'] },
    });
    const tls = { name: 'Over TLS', transport: 'tls', host: '127.0.0.1', port: 0 } as const;
    await expect(rpc.call('coap.addListener', tls)).rejects.toMatchObject({
      code: 'listeners.needs_certificate',
    });
    await rpc.call('coap.addListener', { ...tls, certificate });
    const server = followWhole(rpc, 'coapServer');
    const { listeners } = await server.until((now) =>
      now.listeners.every(({ state }) => state === 'listening'),
    );
    expect(listeners.map(({ config, fixed }) => [config.transport, fixed])).toEqual([
      ['tcp', true],
      ['ws', true],
      ['tls', false],
    ]);
    const at = (transport: string) =>
      listeners.find(({ config }) => config.transport === transport)!.address!;
    const { pem } = await rpc.call('certificates.export', { id: authority });
    const ca = join(folder.path, 'ca.pem');
    writeFileSync(ca, pem);

    const { devices } = await rpc.call('devices.list', {});
    const device = devices[0]!;
    const series = device.series[0]!;
    const asking: [Way, string, string[]][] = [
      ['udp', base(), []],
      ['tcp', `coap+tcp://${at('tcp')}`, []],
      ['openssl', `coaps+tcp://${at('tls')}`, ['-R', ca]],
      ['gnutls', `coaps+tcp://${at('tls')}`, ['-R', ca]],
    ];
    for (const [way, uri, args] of asking) {
      const core = await ask(`${uri}/.well-known/core`, args, way);
      expect(core).toMatchObject({ code: '2.05', format: 'application/link-format' });
      for (const path of [`/devices/${device.id}`, '/devices', '/topics', '/rd'])
        expect(core.text).toContain(`<${path}>`);
      const reading = await ask(`${uri}/readings/${series.id}`, args, way);
      expect(JSON.parse(reading.text)).toEqual([
        { bn: 'plant/room1:', n: 'temperature', u: 'Cel', v: 21.5, t: expect.any(Number) as number },
      ]);
      expect(await ask(`${uri}/readings/plant/room1/temperature`, [...args, '-A', '0'], way)).toMatchObject({
        ...{ code: '2.05', text: '21.5' },
      });
      expect((await ask(`${uri}/topics/plant/room1`, args, way)).text).toBe('{"temperature": 21.5}');
      expect((await ask(`${uri}/devices/99`, args, way)).code).toBe('4.04');
    }
    const overWs = await rpc.call('coap.request', { uri: `coap+ws://${at('ws')}/devices`, accept: 50 });
    expect(JSON.parse(overWs.text!)).toMatchObject([{ key: 'plant/room1' }]);
    expect((await server.until((now) => now.requests > 20)).denied).toBe(0);
  });

  it('observers of a reading and of a topic hear what MQTT publishes', async () => {
    publish('plant/room1', '{"temperature": 1}');
    const seen = followWhole(rpc, 'coapServer');
    const { devices } = await rpc.call('devices.list', {});
    const reading = observe(`/readings/${devices[0]!.series[0]!.id}`);
    const topic = observe('/topics/plant/room1');
    await seen.until(({ observers }) => observers === 2);
    await expect.poll(() => topic.lines(), WITHIN).toHaveLength(1);
    for (const value of [2, 3]) {
      publish('plant/room1', `{"temperature": ${value}}`);
      const said = (lines: string[]) => lines.at(-1) ?? '';
      await expect.poll(() => said(topic.lines()), WITHIN).toContain(`{"temperature": ${value}}`);
      await expect.poll(() => said(reading.lines()), WITHIN).toContain(`"v":${value},`);
    }
    for (const child of children.splice(0)) await stopChild(child, 'SIGTERM');
    // Who is gone without a word does not answer the next notification, or refuses it.
    publish('plant/room1', '{"temperature": 4}');
    await seen.until(({ observers }) => observers === 0);
  });

  it('PUT publishes to MQTT subscribers, and is on disk before it is answered', async () => {
    const subscriber = startPeer('stdbuf', [
      '-oL',
      'mosquitto_sub',
      ...['-p', String(station.port('mqtt')), '-t', 'from/#', '-v', '-q', '1', '-d'],
    ]);
    children.push(subscriber);
    let heard = '';
    subscriber.stdout!.on('data', (part: Buffer) => (heard += part.toString()));
    await expect.poll(() => heard, WITHIN).toContain('received SUBACK');
    const put = (topic: string, payload: string, query = '') =>
      ask(`${base()}/topics/${topic}${query}`, ['-m', 'put', '-e', payload]);
    expect((await put('from/pump', '{"flow": 7.25}')).code).toBe('2.04');
    await expect.poll(() => heard, WITHIN).toContain('from/pump {"flow": 7.25}');
    expect((await put('from/mode', 'night', '?retain')).code).toBe('2.04');
    expect((await put('%24SYS/broker/version', 'x')).code).toBe('4.03');
    expect((await put('from/%23', 'x')).code).toBe('4.00');

    for (let round = 1; round <= 3; round++) {
      expect((await put('from/pump', `{"flow": ${round}}`)).code).toBe('2.04');
      rpc.close();
      await station.kill9();
      await open();
      const { series } = await rpc.call('readings.query', { series: 'from/pump/flow' });
      expect(series[0]!.v.at(-1)).toBe(round);
    }
    const retained = runPeer('mosquitto_sub', [
      ...['-p', String(station.port('mqtt')), '-t', 'from/mode', '-C', '1', '-W', '5'],
    ]);
    expect(retained.trim()).toBe('night');
  });

  it('topics keep to the anonymous role once there are users', async () => {
    publish('open/a', '1');
    const all = async (topic: string) => [
      (await ask(`${base()}/topics/${topic}`)).code,
      (await ask(`${base()}/topics/${topic}`, ['-m', 'put', '-e', '2'])).code,
    ];
    expect(await all('open/a')).toEqual(['2.05', '2.04']);
    await rpc.call('security.putRole', {
      name: 'guests',
      rules: [
        { effect: 'allow', action: 'subscribe', filter: 'open/#' },
        { effect: 'allow', action: 'publish', filter: 'open/in' },
      ],
    });
    await rpc.call('security.putUser', { name: 'anna', password: 'correct horse', roles: ['guests'] });
    // Somebody is meant to say who they are, and CoAP cannot: nothing is open to nobody in particular.
    expect(await all('open/a')).toEqual(['4.03', '4.03']);
    await rpc.call('security.setAnonymousRole', { role: 'guests' });
    expect(await all('open/a')).toEqual(['2.05', '4.03']);
    expect(await all('open/in')).toEqual(['4.04', '2.04']);
    expect(await all('other')).toEqual(['4.03', '4.03']);
    // Readings are no topics: for them it counts where one asks from.
    expect((await ask(`${base()}/devices`)).code).toBe('2.05');
  });
});
