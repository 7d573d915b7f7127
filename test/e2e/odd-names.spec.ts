/** Names and numbers as plants have them: empty levels, blanks, long names, wild magnitudes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import mqtt from 'mqtt';
import { expect, skipIf, test } from './launchers.ts';
import type { Desk } from './launchers.ts';

async function publish(desk: Desk, messages: Record<string, string>): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${desk.port('mqtt')}`);
  for (const [topic, payload] of Object.entries(messages))
    await client.publishAsync(topic, payload, { qos: 1 });
  await client.endAsync();
}

const at = (page: Page, hash: string) => new URL(hash, page.url()).href;

test('topics with empty levels open, close and are walked by keyboard', async ({ desk }) => {
  const { page } = desk;
  await publish(desk, { '/a//b': 'text', 'plant/door': 'open' });
  await page.goto(at(page, '#/topics'));
  const row = (topic: string) => page.locator(`[data-testid="topic-row"][data-topic="${topic}"]`);
  await expect(row('plant/door')).toBeVisible();
  await expect(page.getByText('Topics cannot be shown')).toBeHidden();
  await page.getByRole('tree').focus();
  await expect(row('')).toHaveAttribute('aria-selected', 'true');
  await page.keyboard.press('ArrowLeft');
  await expect(row('')).toHaveAttribute('aria-expanded', 'false');
  await expect(row('/a')).toHaveCount(0);
  await page.keyboard.press('ArrowDown');
  await expect(row('plant')).toHaveAttribute('aria-selected', 'true');
  await page.goto(at(page, `#/topics/${encodeURIComponent('/a//b')}`));
  await expect(row('/a//b')).toBeVisible();
  await expect(page.locator('pre', { hasText: 'text' })).toBeVisible();
});

test('a linked topic far down the tree is brought into sight', async ({ desk }) => {
  const { page } = desk;
  const messages = Object.fromEntries(Array.from({ length: 120 }, (_, n) => [`hall/line/press${n}`, 'idle']));
  await publish(desk, messages);
  await page.goto(at(page, `#/topics/${encodeURIComponent('hall/line/press119')}`));
  const chosen = page.getByTestId('topic-row').filter({ hasText: 'press119' });
  await expect(chosen).toHaveAttribute('aria-selected', 'true');
  await expect(chosen).toBeInViewport({ ratio: 1 });
});

test('long names and long numbers stay in their tiles, whole or with a sign of what is left out', async ({
  desk,
}) => {
  const { page } = desk;
  const name = 'a_series_name_that_some_export_tool_made_and_nobody_shortened';
  await publish(desk, { 'plant/wild': JSON.stringify({ [name]: 5, large: 123456789.123, other: 3 }) });
  await page.goto(at(page, '#/devices/1'));
  for (const series of [name, 'large']) {
    const tile = page.getByRole('button').filter({ has: page.getByTestId(`value-${series}`) });
    const edge = (await tile.boundingBox())!;
    const figure = (await page.getByTestId(`value-${series}`).boundingBox())!;
    expect(figure.x + figure.width, series).toBeLessThan(edge.x + edge.width);
    expect(await tile.evaluate((element) => element.scrollWidth - element.clientWidth), series).toBe(0);
  }
  // The plots make room for the longest label: the first digits of a number are not for guessing.
  const plots = page.locator('.u-over');
  await expect(plots).toHaveCount(2);
  await expect
    .poll(async () => (await plots.last().boundingBox())!.x - (await page.locator('.plots').boundingBox())!.x)
    .toBeGreaterThan(62);
  const lefts = await plots.evaluateAll((all) => all.map((plot) => plot.getBoundingClientRect().x));
  expect(new Set(lefts).size).toBe(1);
});

test('a tile that is pressed stays under the pointer', async ({ desk }) => {
  const { page } = desk;
  await publish(desk, {
    'plant/pump': JSON.stringify({ temp: 20, rh: 40, co2: 500, battery: 90, power: 3 }),
  });
  await page.goto(at(page, '#/devices/1'));
  const names = page.locator('.tile .name');
  await expect(names).toHaveCount(5);
  const before = await names.allTextContents();
  const power = page.getByRole('button').filter({ has: page.getByTestId('value-power') });
  await power.click();
  await expect(power).toHaveAttribute('aria-pressed', 'true');
  expect(await names.allTextContents()).toEqual(before);
});

test('the CoAP address names the server that is on the screen', async ({ desk }) => {
  const { page } = desk;
  await page.goto(at(page, `#/coap?uri=${encodeURIComponent('coap://127.0.0.1:5699/time')}`));
  const field = page.getByLabel('Address of a CoAP server');
  await expect(field).toHaveValue('coap://127.0.0.1:5699/time');
  await page.goto(at(page, `#/coap?uri=${encodeURIComponent('coap://127.0.0.1:5698')}`));
  await expect(field).toHaveValue('coap://127.0.0.1:5698');
  await expect(page.getByText('/time', { exact: true })).toHaveCount(0);
});

test('who may only look is told so where actions are', async ({ desk }) => {
  skipIf(desk.power === null, 'the desktop hands its screens over by port');
  const { page } = desk;
  const { view } = JSON.parse(readFileSync(join(desk.dataFolder, 'tokens.json'), 'utf8')) as { view: string };
  await page.goto(`http://127.0.0.1:${desk.port('http')}/?token=${view}#/coap`);
  await expect(page.getByText('Your role may only look')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Discover' })).toBeDisabled();
});

test('a window of 1024 px leaves nothing out', async ({ desk }) => {
  const { page } = desk;
  await publish(desk, {
    'plant/pump': JSON.stringify({ temp: 20, rh: 40, co2: 500, battery: 90, power: 3 }),
  });
  await page.setViewportSize({ width: 1024, height: 700 });
  for (const hash of ['#/overview', '#/devices', '#/devices/1', '#/topics', '#/coap', '#/settings']) {
    await page.goto(at(page, hash));
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    const status = page.getByRole('contentinfo');
    await expect(status.getByText('free')).toBeInViewport({ ratio: 1 });
    expect(await status.evaluate((line) => line.scrollWidth - line.clientWidth), hash).toBeLessThanOrEqual(0);
  }
  await page.goto(at(page, '#/devices'));
  await expect(page.getByRole('columnheader', { name: 'Heard' })).toBeInViewport({ ratio: 1 });
  await page.goto(at(page, '#/overview'));
  for (const fact of await page.locator('.instruments dd, .instruments .legend a').all()) {
    const inside = await fact.evaluate((element) => {
      const edge = element.closest('section')!.getBoundingClientRect().right;
      return element.getBoundingClientRect().right <= edge;
    });
    expect(inside, (await fact.textContent()) ?? '').toBe(true);
  }
});
