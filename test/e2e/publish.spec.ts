import type { Locator } from '@playwright/test';
import type { IPublishPacket } from 'mqtt';
import { expect, skipIf, test } from './launchers.ts';
import type { Desk } from './launchers.ts';
import { connect, endClients, goto, nextMessage } from './mqtt-clients.ts';

test.afterEach(endClients);

/** Fills the panel with a message that has every property a person can give. */
async function compose({ page }: Desk): Promise<Locator> {
  await goto(page, '#/topics');
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  const panel = page.getByTestId('publish-panel');
  await panel.getByLabel('Topic', { exact: true }).fill('line/7/recipe');
  await panel.getByRole('radio', { name: 'JSON' }).click();
  await panel.getByLabel('Payload', { exact: true }).fill('{"recipe":"R-12","batch":9007199254740993}');
  await panel.getByRole('radio', { name: 'QoS 2' }).click();
  await panel.getByLabel('Content type').fill('application/json');
  await panel.getByRole('combobox', { name: /^Payload format/ }).click();
  await page.getByRole('option', { name: 'UTF-8 text' }).click();
  await panel.getByLabel('Expires after, s').fill('3600');
  await panel.getByLabel('Correlation data').fill('0x00ff10');
  await panel.getByLabel('Response topic').fill('line/7/answers');
  const users = [
    ['trace', 'a1'],
    ['trace', 'b2'],
    ['schema', 'größe/3'],
  ] as const;
  for (const [index, [name, value]] of users.entries()) {
    await panel.getByRole('button', { name: 'User property', exact: true }).click();
    await panel.getByLabel(`Name of user property ${index + 1}`).fill(name);
    await panel.getByLabel(`Value of user property ${index + 1}`).fill(value);
  }
  return panel;
}

function expectRecipe(packet: IPublishPacket): void {
  expect(packet.topic).toBe('line/7/recipe');
  expect(packet.payload.toString()).toBe('{"recipe":"R-12","batch":9007199254740993}');
  expect(packet.qos).toBe(2);
  const { properties } = packet;
  expect(properties?.payloadFormatIndicator).toBe(true);
  expect(properties?.contentType).toBe('application/json');
  expect(properties?.responseTopic).toBe('line/7/answers');
  expect([...properties!.correlationData!]).toEqual([0x00, 0xff, 0x10]);
  expect({ ...properties?.userProperties }).toEqual({ trace: ['a1', 'b2'], schema: 'größe/3' });
  // It counts down while it waits (MQTT-3.3.2-6).
  expect(properties?.messageExpiryInterval).toBeGreaterThan(3_590);
  expect(properties?.messageExpiryInterval).toBeLessThanOrEqual(3_600);
}

test('what is published in the panel reaches a subscriber byte for byte, with its properties', async ({
  desk,
}) => {
  const client = await connect(desk.port('mqtt'), { clientId: 'line-7' });
  await client.subscribeAsync('line/7/#', { qos: 2 });
  const panel = await compose(desk);
  const message = nextMessage(client);
  await panel.getByRole('button', { name: 'Publish', exact: true }).click();
  expectRecipe(await message);
  await expect(panel).toContainText('Went to 1 subscription.');

  // Hex, without properties, retained: a subscriber that comes later gets these bytes.
  await panel.getByRole('radio', { name: 'Hex' }).click();
  await panel.getByLabel('Payload', { exact: true }).fill('00 ff 7f');
  await panel.getByLabel('Retain').check();
  const bytes = nextMessage(client);
  await panel.getByRole('button', { name: 'Publish', exact: true }).click();
  expect([...((await bytes).payload as Buffer)]).toEqual([0x00, 0xff, 0x7f]);
  const late = await connect(desk.port('mqtt'));
  const kept = nextMessage(late);
  await late.subscribeAsync('line/+/recipe');
  expect((await kept).retain).toBe(true);

  // What the broker does not take is told where it was asked for.
  await panel.getByLabel('Topic', { exact: true }).fill('line/+/recipe');
  await expect(panel).toContainText('no “+” and no “#”');
  await expect(panel.getByRole('button', { name: 'Publish', exact: true })).toBeDisabled();
});

test('a saved publish is there after a reload and after kill -9, and sends the same message', async ({
  desk,
}) => {
  skipIf(desk.power === null, 'the desktop supervises its own station');
  const { page } = desk;
  let panel = await compose(desk);
  await panel.getByRole('button', { name: 'Save…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Save this publish' });
  await dialog.getByLabel('Name').fill('Recipe 12');
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(panel.getByRole('list', { name: 'Saved publishes' })).toContainText('Recipe 12');

  await desk.power!.kill9();
  await expect(page.getByTestId('connection-banner')).toBeVisible();
  await desk.power!.start();
  await expect(page.getByTestId('connection-banner')).toBeHidden({ timeout: 15_000 });
  await page.reload();
  const client = await connect(desk.port('mqtt'), { clientId: 'line-7' });
  await client.subscribeAsync('line/7/#', { qos: 2 });
  await page.getByRole('button', { name: 'Publish', exact: true }).click();
  panel = page.getByTestId('publish-panel');
  const message = nextMessage(client);
  await panel.getByRole('button', { name: 'Send Recipe 12' }).click();
  expectRecipe(await message);
  await expect(panel.getByLabel('Topic', { exact: true })).toHaveValue('line/7/recipe');
});
