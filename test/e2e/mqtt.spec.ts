import { spawnSync } from 'node:child_process';
import { missingPeers, runPeer } from '../support/peers.ts';
import { arrival, expect, skipIf, test } from './launchers.ts';
import type { Desk } from './launchers.ts';
import { painted } from './paint.ts';

const missing = missingPeers('mosquitto_pub');
test.skip(missing.length > 0, `without ${missing.join(', ')}`);

function publish(desk: Desk, topic: string, message: string, qos: 0 | 1 | 2): void {
  const to = ['-h', '127.0.0.1', '-p', String(desk.port('mqtt'))];
  runPeer('mosquitto_pub', [...to, '-t', topic, '-m', message, '-q', String(qos)]);
}

/** "Within a second": the promise of the product, from the end of mosquitto_pub to the text on the screen. */
const WITHIN_A_SECOND = { timeout: 1_000 };

test('the first-run page gives lines that work as they stand, and shows the device when it comes', async ({
  desk,
}) => {
  const { page } = desk;
  const firstRun = page.getByTestId('first-run');
  await expect(firstRun).toBeVisible();
  for (const label of ['line for one topic per value', 'line for one topic per device']) {
    const line = await page.getByLabel(label, { exact: true }).inputValue();
    expect(line).toContain(`-p ${desk.port('mqtt')}`);
    const result = spawnSync('sh', ['-c', line], { encoding: 'utf8' });
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
  }
  await expect(firstRun.getByText('sensor7').first()).toBeVisible();
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Devices' }).click();
  await expect(page.getByTestId('device-row')).toHaveCount(1);
});

for (const qos of [0, 1, 2] as const) {
  test(`mosquitto_pub at QoS ${qos}, both topic styles: device, values and a moving chart within a second`, async ({
    desk,
  }) => {
    const { page } = desk;
    await expect(page.getByTestId('first-run')).toBeVisible();
    publish(desk, 'plant/room1/sensor7/temperature', '21.5', qos);
    await expect(page.getByRole('link', { name: 'plant/room1/sensor7', exact: true })).toBeVisible(
      WITHIN_A_SECOND,
    );
    await page.getByRole('link', { name: 'All devices' }).click();
    const row = page.getByTestId('device-row').filter({ hasText: 'sensor7' });
    await expect(row.getByTestId('value-temperature')).toContainText('21.5');
    publish(desk, 'plant/room1/sensor7', '{"temp":22.5,"rh":48}', qos);
    await expect(row.getByTestId('value-temperature')).toContainText('22.5', WITHIN_A_SECOND);
    await expect(row.getByTestId('value-humidity')).toContainText('48', WITHIN_A_SECOND);
    await expect(page.getByTestId('device-row')).toHaveCount(1);

    await row.click();
    const temperature = page.getByTestId('value-temperature');
    const humidity = page.getByTestId('value-humidity');
    await expect(temperature).toHaveAttribute('data-value', '22.5');
    await expect(humidity).toHaveAttribute('data-value', '48');

    const chart = page.getByTestId('time-chart').first();
    await expect(chart).toHaveAttribute('data-loading', 'false');
    publish(desk, 'plant/room1/sensor7', '{"temp":26,"rh":55}', qos);
    await expect(temperature).toHaveAttribute('data-value', '26', WITHIN_A_SECOND);
    await expect(humidity).toHaveAttribute('data-value', '55', WITHIN_A_SECOND);
    // Two pens have painted, and the next value moves the picture.
    await expect
      .poll(async () => Object.keys((await painted(chart)).byToken).length)
      .toBeGreaterThanOrEqual(2);
    const before = await painted(chart);
    publish(desk, 'plant/room1/sensor7', '{"temp":19,"rh":40}', qos);
    await expect(temperature).toHaveAttribute('data-value', '19', WITHIN_A_SECOND);
    await expect.poll(async () => (await painted(chart)).hash).not.toBe(before.hash);

    const query = JSON.stringify({ series: 'plant/room1/sensor7/temperature' });
    const result = await desk.cli('call', 'readings.query', query);
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout).series[0].v).toEqual([21.5, 22.5, 26, 19]);
  });
}

test('topics that are no readings are kept and shown raw, with the reason', async ({ desk }) => {
  const { page } = desk;
  publish(desk, 'plant/room1/door', 'open', 1);
  await page.goto(new URL('#/topics/plant%2Froom1%2Fdoor', page.url()).href);
  await expect(page.getByTestId('topic-row').filter({ hasText: 'door' })).toBeVisible();
  await expect(page.getByRole('main').getByText('open', { exact: true }).first()).toBeVisible();
  await page.goto(new URL('#/devices', page.url()).href);
  await expect(page.getByTestId('device-row')).toHaveCount(0);
});

test('a stopped station is a banner over values marked old; back again, everything is as before', async ({
  desk,
}) => {
  skipIf(desk.power === null, 'the desktop supervises its own station');
  const { page } = desk;
  publish(desk, 'plant/room1/sensor7', '{"temp":21.5,"rh":48}', 1);
  publish(desk, 'plant/room1/door', 'open', 1);
  await arrival(page);
  await page.goto(new URL('#/devices', page.url()).href);
  const value = page.getByTestId('device-row').getByTestId('value-temperature');
  await expect(value).toContainText('21.5');
  await expect(value).toHaveAttribute('data-quality', 'live');

  await desk.power!.kill9();
  await expect(page.getByTestId('connection-banner')).toBeVisible();
  await expect(value).toHaveAttribute('data-quality', 'held');

  await desk.power!.start();
  await expect(page.getByTestId('connection-banner')).toBeHidden({ timeout: 15_000 });
  await expect(value).toContainText('21.5');
  publish(desk, 'plant/room1/sensor7', '{"temp":23,"rh":48}', 1);
  await expect(value).toContainText('23');
  const client = desk.client();
  const { devices } = await client.call('devices.list', {});
  const topics = await client.call('topics.list', { expanded: ['plant', 'plant/room1'] });
  client.close();
  expect(devices.map(({ key }) => key)).toEqual(['plant/room1/sensor7']);
  expect(topics.nodes.map(({ topic }) => topic)).toContain('plant/room1/door');
});
