import { AxeBuilder } from '@axe-core/playwright';
import mqtt from 'mqtt';
import { arrival, expect, skipIf, test } from './launchers.ts';
import type { Desk } from './launchers.ts';

/** A small plant: enough rows, values and topics to fill every page. */
async function plant(desk: Desk): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${desk.port('mqtt')}`);
  const sends: Promise<unknown>[] = [];
  for (let room = 1; room <= 4; room++) {
    for (let sensor = 1; sensor <= 5; sensor++) {
      const payload = JSON.stringify({ temp: 20 + room + sensor / 10, rh: 40 + sensor });
      sends.push(client.publishAsync(`plant/room${room}/sensor${sensor}`, payload, { qos: 1 }));
    }
  }
  sends.push(client.publishAsync('plant/room1/door', 'open', { qos: 1, retain: true }));
  await Promise.all(sends);
  await client.endAsync();
  await arrival(desk.page);
}

const PAGES = [
  ['overview', '#/overview'],
  ['devices', '#/devices'],
  ['device', '#/devices/1'],
  ['topics', '#/topics/plant%2Froom1%2Fdoor'],
  ['coap', '#/coap'],
  ['first run', '#/first-run'],
  ['settings', '#/settings'],
] as const;

for (const theme of ['light', 'dark', 'contrast'] as const) {
  test(`every page is axe clean and looks as it should: ${theme}`, async ({ desk }, info) => {
    await plant(desk);
    const { page } = desk;
    await page.getByRole('button', { name: /^Theme:/ }).click();
    await page
      .getByRole('menuitemradio', { name: { light: /light/i, dark: /dark/i, contrast: /contrast/i }[theme] })
      .click();
    for (const [name, hash] of PAGES) {
      await page.goto(new URL(hash, page.url()).href);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes[0]?.html}`)).toEqual([]);
      await page.screenshot({ path: info.outputPath(`${name.replace(' ', '-')}-${theme}.png`) });
    }
  });
}

test('everything is reached by keyboard alone', async ({ desk }) => {
  await plant(desk);
  const { page } = desk;
  await page.goto(new URL('#/devices', page.url()).href);
  await expect(page.getByTestId('device-row')).toHaveCount(20);
  // `/` finds the search, arrows walk the rows, Enter opens.
  await page.keyboard.press('/');
  await page.keyboard.type('room3/sensor2');
  await expect(page.getByTestId('device-row')).toHaveCount(1);
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/#\/devices\/\d+/);
  await expect(page.getByTestId('value-temperature')).toHaveAttribute('data-value', '23.2');
  // The palette goes anywhere.
  await page.keyboard.press('Control+k');
  await page.keyboard.type('topics');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/#\/topics/);
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toBeHidden();
});

test('the buttons with an icon alone do what they say', async ({ desk }) => {
  await plant(desk);
  const { page } = desk;
  await page.getByRole('button', { name: /Keyboard shortcuts/ }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await page.keyboard.press('Escape');

  await page.goto(new URL('#/devices/1', page.url()).href);
  await page.getByRole('button', { name: 'Rename the device' }).click();
  await page.getByRole('textbox', { name: /name/i }).fill('Boiler room');
  await page.getByRole('button', { name: 'Keep this name' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Boiler room');
  const client = desk.client();
  expect((await client.call('devices.get', { id: 1 })).name).toBe('Boiler room');
  client.close();

  await page.goto(new URL('#/topics/plant%2Froom1%2Fdoor', page.url()).href);
  await expect(page.getByTestId('topic-row').filter({ hasText: 'door' })).toBeVisible();
  await page.getByRole('button', { name: 'Close all levels' }).click();
  await expect(page.getByTestId('topic-row')).toHaveCount(1);
});

test('a change that was answered survives kill -9', async ({ desk }) => {
  skipIf(desk.power === null, 'the desktop supervises its own station');
  await plant(desk);
  const before = desk.client();
  await before.call('devices.rename', { id: 2, name: 'Kept' });
  await desk.power!.kill9();
  before.close();
  await desk.power!.start();
  const after = desk.client();
  expect((await after.call('devices.get', { id: 2 })).name).toBe('Kept');
  after.close();
});

test('without the token nobody gets in, with it a reload stays in', async ({ desk, chromiumBrowser }) => {
  skipIf(desk.power === null, 'the desktop hands its screens over by port');
  const { page } = desk;
  const context = await chromiumBrowser.newContext();
  const stranger = await context.newPage();
  await stranger.goto(`http://127.0.0.1:${desk.port('http')}/`);
  await expect(stranger.getByLabel(/token/i)).toBeVisible();
  await expect(stranger.getByTestId('alarm-strip')).toBeHidden();
  await context.close();
  await page.reload();
  await expect(page.getByTestId('alarm-strip')).toBeVisible();
});
