import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import mqtt from 'mqtt';
import type { MqttClient } from 'mqtt';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';
import { expect, skipIf, test } from './launchers.ts';

/** Why a small disk of our own cannot be had here, or null. */
function noMount(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'mounting a small disk needs root on Linux';
  return null;
}

async function connect(station: StationProcess): Promise<MqttClient> {
  return mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`);
}

test('a full disk is an alarm; live values flow, nothing acknowledged is lost, and it heals by itself', async ({
  chromiumBrowser,
}, info) => {
  const reason = noMount();
  skipIf(reason !== null, reason ?? '');

  const folder = temporaryFolder();
  const disk = join(folder.path, 'disk');
  mkdirSync(disk);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk], { encoding: 'utf8' });
  expect(mounted.stderr).toBe('');
  const station = await startStation(disk);
  const context = await chromiumBrowser.newContext({ viewport: { width: 1366, height: 768 } });
  const publisher = await connect(station);
  try {
    await publisher.publishAsync('plant/room1/sensor7/temperature', '20', { qos: 1 });
    const page = await context.newPage();
    await page.goto(`${station.ready.http}/?token=${station.ready.token}#/devices`);

    // Raw messages of 100 KB until the disk has no room: their acknowledgements stop coming.
    const acknowledged: number[] = [];
    const payload = Buffer.alloc(100_000, 'x');
    for (let n = 0; n < 400; n++) {
      payload.writeUInt32BE(n);
      publisher.publish('plant/blob', Buffer.from(payload), { qos: 1 }, (error) => {
        if (!error) acknowledged.push(n);
      });
    }
    const strip = page.getByTestId('alarm-strip');
    await expect(strip).toContainText(/disk full/i, { timeout: 20_000 });
    await page.screenshot({ path: info.outputPath('disk-full.png') });

    // Live values flow while nothing can be written.
    let late = false;
    publisher.publish('plant/room1/sensor7/temperature', '33', { qos: 1 }, () => (late = true));
    await page.goto(`${station.ready.http}/#/devices`);
    const row = page.getByTestId('device-row').filter({ hasText: 'sensor7' });
    await expect(row.getByTestId('value-temperature')).toContainText('33');
    expect(late).toBe(false);
    expect(acknowledged.length).toBeLessThan(400);

    // Room again: what waited is written and acknowledged, and the alarm goes.
    const grown = spawnSync('mount', ['-o', 'remount,size=200m', disk], { encoding: 'utf8' });
    expect(grown.stderr).toBe('');
    await expect.poll(() => late, { timeout: 30_000 }).toBe(true);
    expect(acknowledged).toHaveLength(400);
    await expect(strip).not.toContainText(/disk full/i);
    const { stdout, stderr } = await station.cli(
      'call',
      'readings.query',
      '{"series":"plant/room1/sensor7/temperature"}',
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout).series[0].v).toEqual([20, 33]);
  } finally {
    await publisher.endAsync(true);
    await context.close();
    await station.kill9();
    spawnSync('umount', [disk]);
    folder.remove();
  }
});

test('a taken port is shown in the console with what to do, and the rest works', async ({
  chromiumBrowser,
}) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const folder = temporaryFolder();
  const station = await startStation(folder.path, { mqtt: `127.0.0.1:${port}` });
  const context = await chromiumBrowser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${station.ready.http}/?token=${station.ready.token}`);
    await expect(page.getByTestId('alarm-strip')).toContainText('MQTT');
    await page.goto(`${station.ready.http}/#/settings`);
    await expect(page.getByRole('main')).toContainText(`port ${port} is taken`);
  } finally {
    await context.close();
    await station.kill9();
    folder.remove();
    await new Promise((resolve) => other.close(resolve));
  }
});

test('a damaged record is set aside, never deleted, and the console says so', async ({ chromiumBrowser }) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder.path, 'record.db'), 'this was never a database, but somebody may want it back');
  const station = await startStation(folder.path);
  const context = await chromiumBrowser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${station.ready.http}/?token=${station.ready.token}`);
    await expect(page.getByTestId('alarm-strip')).toContainText(/set aside/i);
    const client = station.client();
    const { recorder } = await client.call('station.status', {});
    client.close();
    expect(recorder.setAside?.file).toMatch(/record\.corrupt-/);
  } finally {
    await context.close();
    await station.kill9();
    folder.remove();
  }
});
