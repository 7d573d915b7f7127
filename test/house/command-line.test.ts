import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import mqtt from 'mqtt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram, stopChild } from '../support/peers.ts';
import { runCli, startCli, startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

let folder: ReturnType<typeof temporaryFolder>;
let stations: StationProcess[] = [];

beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  await Promise.all(stations.map((station) => station.kill9()));
  stations = [];
  folder.remove();
});

async function start(options = {}): Promise<StationProcess> {
  const station = await startStation(folder.path, options);
  stations.push(station);
  return station;
}

describe('serve', () => {
  it('prints one line of JSON on stdout and stops with exit 0 on SIGTERM', async () => {
    const station = await start();
    expect(station.ready).toMatchObject({ ready: true });
    expect(station.ready.mqtt).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(station.ready.coap).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(station.ready.http).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(station.log()).not.toContain(station.ready.token);
    expect(await station.stop()).toBe(0);
  });

  it('stops with exit 0 on SIGINT too, with clients connected', async () => {
    const station = await start();
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`, {
      reconnectPeriod: 0,
    });
    const exit = new Promise<number | null>((resolve) => station.child.once('exit', resolve));
    station.child.kill('SIGINT');
    expect(await exit).toBe(0);
    await client.endAsync(true);
  });

  it('keeps its secrets readable by their owner only', async () => {
    const station = await start();
    const tokens = join(folder.path, 'tokens.json');
    expect(existsSync(tokens)).toBe(true);
    if (process.platform !== 'win32') expect(statSync(tokens).mode & 0o077).toBe(0);
    expect(await station.stop()).toBe(0);
  });

  it.skipIf(process.platform === 'win32')('keeps the whole record from other users', async () => {
    const made = join(folder.path, 'made', 'plant');
    const station = await startStation(made);
    stations.push(station);
    expect(statSync(made).mode & 0o777).toBe(0o700);
    const files = readdirSync(made);
    expect(files).toEqual(
      expect.arrayContaining(['record.db', 'record.db-wal', 'running.json', 'tokens.json']),
    );
    expect(files.filter((file) => (statSync(join(made, file)).mode & 0o077) !== 0)).toEqual([]);
  });

  it('goes on when nobody reads its lines any more', async () => {
    const station = await start();
    station.child.stdout!.destroy();
    station.child.stderr!.destroy();
    // Each of these writes a line to the log.
    for (let time = 0; time < 3; time++) {
      await fetch(`${station.ready.http!}/?token=wrong`).then((response) => response.text());
    }
    const client = station.client();
    expect(await client.call('station.info', {})).toMatchObject({ version: expect.any(String) as string });
    client.close();
    expect(await station.stop()).toBe(0);
  });

  it('says in one plain sentence that an address is none of this machine', async () => {
    // 192.0.2.0/24 is for documentation (RFC 5737) and on no machine.
    const address = '192.0.2.1:0';
    const station = await start({ mqtt: address, http: address, switches: ['--mqtt-anonymous'] });
    expect([station.ready.mqtt, station.ready.http]).toEqual([null, null]);
    for (const name of ['MQTT', 'HTTP']) {
      expect(station.log()).toContain(
        `${name} cannot listen on 192.0.2.1:0: this machine has no such address. Use one of its own`,
      );
    }
  });

  it('names a taken port and who holds it in one line, and starts the other listeners', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    try {
      const station = await start({ mqtt: `127.0.0.1:${port}` });
      expect(station.ready.mqtt).toBeNull();
      expect(station.ready.http).not.toBeNull();
      const line = station
        .log()
        .split('\n')
        .find((text) => text.includes(String(port)))!;
      expect(line).toContain('taken');
      if (process.platform === 'linux') expect(line).toContain(`pid ${process.pid}`);
      const client = station.client();
      const status = await client.call('station.status', {});
      client.close();
      expect(status.listeners.find((listener) => listener.name === 'mqtt')).toMatchObject({
        state: 'failed',
      });
      expect(status.listeners.find((listener) => listener.name === 'coap')).toMatchObject({
        state: 'listening',
      });
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it('refuses a second station on the same data folder and names the first; a killed one does not block', async () => {
    const first = await start();
    const second = await runCli([
      'serve',
      '--data',
      folder.path,
      '--mqtt',
      ':0',
      '--coap',
      ':0',
      '--http',
      ':0',
    ]);
    expect(second.code).toBe(1);
    expect(second.stdout).toBe('');
    expect(second.stderr).toContain('store.locked');
    expect(second.stderr).toContain(first.ready.http!);
    expect(second.stderr).toContain(String(first.child.pid));
    await first.kill9();
    const third = await start();
    expect(third.ready.token).toBe(first.ready.token);
  });

  it('says at once that a data folder cannot be made, wherever it is asked for', async () => {
    const file = join(folder.path, 'file');
    writeFileSync(file, '');
    for (const data of ['/proc/nope', '/proc/nope/deep', file, join(file, 'below')]) {
      const result = await runCli(['serve', '--data', data, '--mqtt', ':0', '--coap', ':0', '--http', ':0']);
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/^store\.cannot_open/);
      expect(result.stderr).toContain(data);
    }
  });

  it('makes a data folder several levels deep, for its owner alone', async () => {
    const deep = join(folder.path, 'with blanks', 'ünter', 'data');
    const station = await startStation(deep);
    stations.push(station);
    if (process.platform !== 'win32') expect(statSync(deep).mode & 0o077).toBe(0);
    expect(await station.stop()).toBe(0);
  });

  it('refuses flags and addresses that it does not understand', async () => {
    for (const args of [['--mqtt', 'nonsense'], ['--unknown', 'x'], ['folder-without-its-flag']]) {
      const result = await runCli(['serve', '--data', folder.path, ...args]);
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(/^options\./);
    }
  });
});

describe('call and watch', () => {
  it('calls a method and prints JSON', async () => {
    const station = await start();
    const result = await station.cli('call', 'station.info');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toMatchObject({ dataFolder: folder.path });
  });

  it('finds the station by its data folder', async () => {
    await start();
    const result = await runCli(['call', 'devices.list', '--data', folder.path]);
    expect(JSON.parse(result.stdout)).toEqual({ devices: [] });
  });

  it('prints the code of a refused call and exits with 1', async () => {
    const station = await start();
    const cases: [string[], RegExp][] = [
      [['call', 'devices.get', '{"id":77}'], /^devices\.unknown/],
      [['call', 'readings.query', '{"series":[]}'], /^rpc\.bad_input/],
      [['call', 'nothing.at_all'], /^cli\.no_method/],
      [['call', 'devices.get', '{broken'], /^cli\.bad_json/],
    ];
    for (const [args, pattern] of cases) {
      const result = await station.cli(...args);
      expect(result.stderr).toMatch(pattern);
      expect(result.code).toBe(1);
    }
  });

  it('refuses a wrong token, and says so at once when nobody is there', async () => {
    const station = await start();
    const wrong = await runCli(['call', 'station.info', '--http', station.ready.http!, '--token', 'wrong']);
    expect(wrong).toMatchObject({ code: 1, stdout: '' });
    expect(wrong.stderr).toMatch(/^rpc\.refused/);
    const nobody = await runCli(['call', 'station.info', '--http', 'http://127.0.0.1:1', '--token', 'any']);
    expect(nobody.stderr).toMatch(/^cli\.unreachable/);
  });

  it('shows both topic styles as one device with two series, and queries them', async () => {
    const station = await start();
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`);
    await client.publishAsync('plant/room1/sensor7/temperature', '21.5', { qos: 1 });
    await client.publishAsync('plant/room1/sensor7', '{"temp":22.5,"rh":48}', { qos: 2 });
    await client.endAsync();
    const { devices } = JSON.parse((await station.cli('call', 'devices.list')).stdout);
    expect(devices).toHaveLength(1);
    expect(devices[0]).toMatchObject({ key: 'plant/room1/sensor7', protocols: ['mqtt'] });
    expect(
      devices[0].series.map((series: { name: string; unit: string }) => [series.name, series.unit]),
    ).toEqual([
      ['temperature', 'Cel'],
      ['humidity', '%RH'],
    ]);
    const query = JSON.stringify({
      series: devices[0].series[0].id,
      from: 0,
      to: Date.now() + 1_000,
      maxPoints: 100,
    });
    const result = JSON.parse((await station.cli('call', 'readings.query', query)).stdout);
    expect(result.series[0]).toMatchObject({ mode: 'raw', v: [21.5, 22.5] });
  });

  it('watches a subscription, a line of JSON each, until it is told to end', async () => {
    const station = await start();
    const publisher = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`);
    const watch = startCli(['watch', 'devices', '--data', folder.path]);
    try {
      const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
      const next = async () => JSON.parse((await lines.next()).value as string);
      expect(await next()).toEqual({ kind: 'snapshot', data: { devices: [] } });
      await publisher.publishAsync('plant/a/temperature', '1', { qos: 1 });
      const { kind, data } = await next();
      expect(kind).toBe('delta');
      expect(data.upsert).toMatchObject([{ key: 'plant/a' }]);
    } finally {
      await stopChild(watch, 'SIGINT');
      await publisher.endAsync();
    }
    expect(watch.exitCode).toBe(0);
  });
});

describe('the Node guard', () => {
  const old = process.env['FIELDSTATION_OLD_NODE'] ?? findOldNode();

  it.skipIf(old === null)('says in one line which Node is needed, under an old Node', () => {
    for (const entry of ['core/cli.ts', 'scripts/start.ts', 'scripts/test.ts']) {
      const result = spawnSync(old!, ['scripts/launch.mjs', entry, 'help'], { encoding: 'utf8' });
      expect(result.status).toBe(1);
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
      expect(result.stderr).toMatch(/Node 24/);
    }
  });
});

/** A Node below 24 outside of node_modules, as a fresh Debian machine has; null (and a printed line) elsewhere. */
function findOldNode(): string | null {
  for (const path of ['/usr/bin/node', '/usr/local/bin/node', findProgram('nodejs') ?? '']) {
    if (path === '' || !existsSync(path)) continue;
    const version = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout;
    if (Number(version.split('.')[0]) < 24) return path;
  }
  process.stderr.write('skipped: the Node guard under an old Node: this machine has none\n');
  return null;
}
