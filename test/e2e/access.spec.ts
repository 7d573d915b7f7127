import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { freePort } from '../support/peers.ts';
import { expect, test } from './launchers.ts';
import { closed, connect, endClients, goto, join as joinBroker, refusalOf } from './mqtt-clients.ts';

test.afterEach(endClients);

const NOT_AUTHORIZED = 0x87;
const BAD_USER_OR_PASSWORD = 0x86;

async function addRole(page: Page, name: string, filters: string[]): Promise<void> {
  await goto(page, '#/settings/users');
  await page.getByRole('button', { name: 'Add a role' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a role' });
  await dialog.getByLabel('Role name').fill(name);
  for (const [index, filter] of filters.entries()) {
    await dialog.getByRole('button', { name: 'Add a rule' }).click();
    await dialog.getByLabel(`Filter of rule ${index + 1}`).fill(filter);
  }
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog).toBeHidden();
}

/** Without a password only a certificate lets the user in. */
async function addUser(page: Page, name: string, role: string, password: string | null): Promise<void> {
  await goto(page, '#/settings/users');
  await page.getByRole('button', { name: 'Add a user' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add a user' });
  await dialog.getByLabel('User name').fill(name);
  if (password === null) await dialog.getByLabel(/^No password/).check();
  else await dialog.getByLabel('Password', { exact: true }).fill(password);
  await dialog.getByLabel(role, { exact: true }).check();
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByTestId('user-row').filter({ hasText: name })).toContainText('enabled');
}

test('from nothing to a device that publishes with a certificate made here', async ({ desk }) => {
  const { page } = desk;
  await addRole(page, 'sensors', ['plant/%u/#']);
  await addUser(page, 'pump-7', 'sensors', null);

  await goto(page, '#/settings/certificates');
  await page.getByRole('button', { name: 'Make the authority…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Make', exact: true }).click();
  await page.getByRole('button', { name: 'Issue for a listener…' }).click();
  const server = page.getByRole('dialog', { name: 'Issue a certificate for a listener' });
  await server.getByLabel('Name', { exact: true }).fill('Hall');
  await server.getByLabel('Names and addresses, one a line').fill('127.0.0.1\nlocalhost');
  await server.getByRole('button', { name: 'Issue', exact: true }).click();
  await expect(page.getByTestId('certificate-row').filter({ hasText: 'Hall' })).toContainText(
    '127.0.0.1, localhost',
  );

  const port = await freePort();
  await goto(page, '#/settings/listeners');
  await page.getByRole('button', { name: 'Add a listener' }).click();
  const listener = page.getByRole('dialog', { name: 'Add an MQTT listener' });
  await listener.getByLabel('Name', { exact: true }).fill('Hall, TLS');
  await listener.getByLabel('Address of this machine').fill('127.0.0.1');
  await listener.getByLabel('Port', { exact: true }).fill(String(port));
  await listener.getByRole('combobox', { name: /^Server certificate/ }).click();
  await page.getByRole('option', { name: /Hall/ }).click();
  await listener.getByRole('combobox', { name: /^Client certificate/ }).click();
  await page.getByRole('option', { name: 'Required' }).click();
  await listener.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(listener).toBeHidden();
  await expect(page.getByTestId('listener-row').filter({ hasText: 'Hall, TLS' })).toContainText('listening');

  await goto(page, '#/settings/certificates');
  await page.getByRole('button', { name: 'Issue for a device…' }).click();
  const issue = page.getByRole('dialog', { name: 'Issue a certificate for a device' });
  await issue.getByLabel(/^User that the device will be/).fill('pump-7');
  await issue.getByRole('button', { name: 'Issue', exact: true }).click();
  const issued = page.getByRole('dialog', { name: 'Certificate of pump-7' });
  const pem = (what: string) => issued.getByRole('region', { name: `${what} as PEM` }).innerText();
  const [key, cert, ca] = [
    await pem('Private key'),
    await pem('Certificate'),
    await pem('Authority that it trusts'),
  ];
  // The key is gone with the dialog: leaving it is asked for twice.
  await issued.getByRole('button', { name: 'Done' }).click();
  await expect(issued).toContainText('Close once more to give it up');
  await issued.getByRole('button', { name: 'Done' }).click();
  await expect(issued).toBeHidden();

  const tls = { protocol: 'mqtts', ca, rejectUnauthorized: true } as const;
  await expect(connect(port, tls)).rejects.toThrow();
  const device = await connect(port, { ...tls, key, cert, clientId: 'pump-7' });
  await device.publishAsync('plant/pump-7/temperature', '21.5', { qos: 1 });
  await expect(device.publishAsync('plant/pump-8/temperature', '21.5', { qos: 1 })).rejects.toThrow();
  await goto(page, '#/broker?client=pump-7');
  const pane = page.getByRole('region', { name: 'Client pump-7', exact: true });
  await expect(pane).toContainText('MQTT 5.0 over TLS');
  await expect(pane.getByRole('link', { name: 'pump-7' })).toHaveAttribute(
    'href',
    '#/settings/users?user=pump-7',
  );
  await goto(page, '#/topics/plant%2Fpump-7%2Ftemperature');
  await expect(page.locator('[data-topic="plant/pump-7/temperature"]')).toContainText('21.5');
  await expect(page.locator('[data-topic="plant/pump-8/temperature"]')).toHaveCount(0);
});

test('a user signs in with its password; wrong ones are refused, and the address is held back and shown', async ({
  desk,
}) => {
  const { page } = desk;
  await addRole(page, 'gauges', ['plant/#']);
  await addUser(page, 'anna', 'gauges', 'correct horse battery');
  const port = await freePort();
  const asking = desk.client();
  await asking.call('listeners.add', { name: 'Users', transport: 'tcp', host: '127.0.0.1', port });
  asking.close();

  expect(await refusalOf(port, {})).toBe(NOT_AUTHORIZED);
  const anna = { username: 'anna', clientId: 'anna-1' };
  const { client } = await joinBroker(port, { ...anna, password: 'correct horse battery' });
  await client.publishAsync('plant/hall', '1', { qos: 1 });
  await expect(client.publishAsync('office/hall', '1', { qos: 1 })).rejects.toThrow();
  const seen = page.getByTestId('user-row').filter({ hasText: 'anna' });
  await expect(seen).not.toContainText('not since start');

  expect(await refusalOf(port, { username: 'anna', password: 'wrong' })).toBe(BAD_USER_OR_PASSWORD);
  // Each further wrong one doubles the wait, so that it is in sight in the end however slow the screen is.
  const held = page
    .getByRole('table', { name: 'Addresses held back' })
    .getByRole('row')
    .filter({ hasText: '127.0.0.1' });
  await expect(async () => {
    await refusalOf(port, { username: 'anna', password: 'wrong' });
    await expect(held).toBeVisible({ timeout: 300 });
  }).toPass({ timeout: 30_000 });

  // A user that is removed loses its connections.
  const gone = closed(client);
  await page.getByRole('button', { name: 'Remove anna' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
  await gone;
  await expect(seen).toHaveCount(0);
});

test('an open listener without users must be called anonymous in so many words; anonymous clients may what their role says', async ({
  desk,
}) => {
  const { page } = desk;
  const port = await freePort();
  await goto(page, '#/settings/listeners');
  await page.getByRole('button', { name: 'Add a listener' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add an MQTT listener' });
  await dialog.getByLabel('Name', { exact: true }).fill('Open');
  await dialog.getByRole('combobox', { name: /^Transport/ }).click();
  await page.getByRole('option', { name: /^TCP/ }).click();
  await dialog.getByLabel('Port', { exact: true }).fill(String(port));
  const add = dialog.getByRole('button', { name: 'Add', exact: true });
  await add.click();
  await expect(dialog).toContainText('there are no users that could sign in');
  await dialog.getByLabel(/^Anyone/).check();
  await add.click();
  await expect(dialog).toBeHidden();
  const anyone = await connect(port, { clientId: 'anyone' });
  await anyone.publishAsync('office/door', 'open', { qos: 1 });

  await addRole(page, 'guests', ['guests/%c/#']);
  await page.getByRole('combobox', { name: /^Anonymous clients may do/ }).click();
  await page.getByRole('option', { name: 'what guests allows' }).click();
  await expect(page.getByTestId('role-row').filter({ hasText: 'guests' })).toContainText('anonymous clients');
  await expect(anyone.publishAsync('office/door', 'shut', { qos: 1 })).rejects.toThrow();
  await anyone.publishAsync('guests/anyone/door', 'shut', { qos: 1 });

  // The tester says the same, and which rule decides.
  await page.getByLabel('Client id', { exact: true }).fill('anyone');
  const topic = page.getByLabel('Topic', { exact: true });
  await topic.fill('guests/anyone/door');
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(page.getByText('Allowed', { exact: true })).toBeVisible();
  await expect(page.getByText(/Decided by rule 1 of guests/)).toBeVisible();
  await topic.fill('office/door');
  await page.getByRole('button', { name: 'Test', exact: true }).click();
  await expect(page.getByText('Denied', { exact: true })).toBeVisible();
  await expect(page.getByText('No rule fits, and so the answer is no.')).toBeVisible();
});

test('a screen that may only look has no actions', async ({ desk, chromiumBrowser }) => {
  const { dataFolder } = desk;
  const { view } = JSON.parse(readFileSync(join(dataFolder, 'tokens.json'), 'utf8')) as { view: string };
  const sender = await connect(desk.port('mqtt'), { clientId: 'sender' });
  await sender.publishAsync('plant/mode', 'night', { qos: 1, retain: true });
  const context = await chromiumBrowser.newContext({ viewport: { width: 1366, height: 768 } });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${desk.port('http')}/?token=${view}`);
  await expect(page.getByTestId('alarm-strip')).toBeVisible();

  await goto(page, '#/broker?client=sender');
  const pane = page.getByRole('region', { name: 'Client sender', exact: true });
  await expect(pane.getByRole('button', { name: 'Disconnect…' })).toBeDisabled();
  await expect(pane.getByRole('button', { name: 'Forget session…' })).toBeDisabled();
  await goto(page, '#/broker/listeners');
  await expect(page.getByTestId('listener-row').getByRole('button')).toBeDisabled();

  await goto(page, '#/topics/plant%2Fmode?view=retained');
  await expect(page.locator('[data-topic="plant/mode"]')).toContainText('night');
  await expect(page.getByText('Published by', { exact: true }).first()).toBeVisible();
  await expect(page.getByRole('button', { name: /^(Clear|Publish)/ })).toHaveCount(0);
  await expect(page.getByRole('checkbox')).toHaveCount(0);
  await page.keyboard.press('p');
  await expect(page.getByTestId('publish-panel')).toHaveCount(0);

  await goto(page, '#/settings/users');
  await expect(page.getByText('Users and roles are shown to administrators')).toBeVisible();
  for (const [part, row] of [
    ['listeners', 'listener-row'],
    ['certificates', null],
  ] as const) {
    await goto(page, `#/settings/${part}`);
    if (row !== null) await expect(page.getByTestId(row).first()).toBeVisible();
    const actions = page
      .getByRole('main')
      .getByRole('button', { name: /Add|Issue|Import|Make|Change|Remove|Stop/ });
    for (const action of await actions.all()) await expect(action).toBeDisabled();
  }
  await context.close();
});
