/** Watching a resource on the CoAP page, and what the station offers to CoAP devices and HTTP programs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LibcoapDevice } from '../support/libcoap-device.ts';
import { freePort, missingPeers, runPeer } from '../support/peers.ts';
import { expect, test } from './launchers.ts';
import { goto } from './mqtt-clients.ts';
import { painted } from './paint.ts';

const missing = missingPeers('coap-server-notls', 'coap-client-notls');
test.skip(missing.length > 0, `without ${missing.join(', ')}`);

test('a number is watched while its page is open, with a live chart, and then always: as a reading of its device', async ({
  desk,
}) => {
  const { page } = desk;
  const server = await LibcoapDevice.start();
  const data = `${server.authority}/example_data`;
  const write = (value: number): void => {
    runPeer('coap-client-notls', ['-m', 'put', '-e', String(value), data]);
  };
  try {
    write(20.5);
    await goto(page, '#/coap');
    await page.getByLabel('Address of a CoAP server').fill(server.authority);
    await page.keyboard.press('Enter');
    await page.locator('[data-testid="coap-resource"][data-path="/example_data"]').click();
    await page.getByRole('tab', { name: 'Watch' }).click();
    const state = page.getByTestId('observation-state');
    await expect(state).toHaveAttribute('data-state', 'none');
    // By the keys: from Once to While open.
    await page.getByRole('radio', { name: 'Once' }).focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Space');
    await expect(page.getByRole('radio', { name: 'While open' })).toBeChecked();
    await expect(state).toHaveAttribute('data-state', 'active');
    const list = page.getByRole('listbox', { name: 'Notifications' });
    await expect(list.getByRole('option')).toHaveCount(1);
    write(21.5);
    await expect(list.getByRole('option').first()).toContainText('21.5');
    const chart = page.getByTestId('time-chart');
    const before = (await painted(chart)).hash;
    write(29.5);
    await expect(list.getByRole('option')).toHaveCount(3);
    await expect.poll(async () => (await painted(chart)).hash).not.toBe(before);
    expect((await painted(chart)).byToken['--series-1']).toBeGreaterThan(20);
    const rpc = desk.client();
    // GET made it known; watching recorded nothing.
    const { series } = await rpc.call('readings.query', { series: data });
    expect([...series[0]!.v]).toEqual([20.5]);

    // Its messages, as they go over the wire.
    await page.getByRole('button', { name: 'Show messages' }).click();
    const ladder = page.getByRole('listbox', { name: 'Messages of the exchange' });
    write(22.5);
    await expect(
      ladder.getByRole('option', { name: /^From the device, \w+ 2\.05 Content, Observe \d+/ }).first(),
    ).toBeVisible();

    // Another page ends it; coming back begins nothing by itself.
    await goto(page, '#/devices');
    await server.said(/removed subscription/);
    await goto(page, '#/coap');
    await page.getByRole('tab', { name: 'Watch' }).click();
    await expect(state).toHaveAttribute('data-state', 'none');
    await page.getByRole('radio', { name: 'Always and recorded' }).click();
    await expect(state).toHaveAttribute('data-state', 'active');
    write(23.5);
    await expect
      .poll(async () => [...(await rpc.call('readings.query', { series: data })).series[0]!.v].at(-1))
      .toBe(23.5);
    rpc.close();
    await goto(page, '#/devices');
    const row = page.getByTestId('device-row').filter({ hasText: String(server.port) });
    await row.click();
    await expect(page.getByText('23.5').first()).toBeVisible();
    expect(server.times(/create new subscription/g)).toBe(2);
  } finally {
    await server.stop();
  }
});

test('a device registers with the station: it is in the directory at once, is opened, and is removed', async ({
  desk,
}) => {
  const { page } = desk;
  const server = await LibcoapDevice.start();
  try {
    await goto(page, '#/coap?view=directory');
    await expect(page.getByText('No endpoint is registered')).toBeVisible();
    runPeer('coap-client-notls', [
      ...['-m', 'post', '-t', '40', '-e', '</time>;rt="clock";obs,</example_data>;title="Setpoint"'],
      `coap://127.0.0.1:${desk.port('coap')}/rd?ep=pump-7&d=hall3&et=pump&lt=600&base=${server.authority}`,
    ]);
    const row = page.getByRole('row', { name: /^pump-7/ });
    for (const part of ['hall3', 'pump', server.authority, /2(9|10)\smin/])
      await expect(row).toContainText(part);
    await row.getByRole('button', { name: 'Open pump-7' }).click();
    const tree = page.getByRole('tree', { name: `Resources of ${server.authority}` });
    await expect(tree).toContainText('Setpoint');
    await tree.getByText('time').click();
    await expect(page.getByText('2.05 Content')).toBeVisible();

    await page.getByRole('radio', { name: 'Directory' }).click();
    await row.getByRole('button', { name: 'Remove pump-7' }).click();
    await page
      .getByRole('dialog', { name: 'Remove pump-7 from the directory?' })
      .getByText('Remove', { exact: true })
      .click();
    await expect(page.getByText('No endpoint is registered')).toBeVisible();
  } finally {
    await server.stop();
  }
});

test('settings: what other machines may do, a listener over TCP, and the proxy, through which HTTP reaches a device', async ({
  desk,
}) => {
  const { page } = desk;
  const server = await LibcoapDevice.start();
  try {
    await goto(page, '#/settings/coap');
    const others = page.getByRole('radiogroup', { name: 'What other machines may do' });
    await expect(others.getByRole('radio', { name: 'Nothing' })).toBeChecked();
    await others.getByRole('radio', { name: 'Register and read' }).click();
    const sure = page.getByRole('dialog', { name: 'Let other machines read?' });
    await sure.getByRole('button', { name: 'Let them read' }).click();
    await expect(others.getByRole('radio', { name: 'Register and read' })).toBeChecked();
    await expect(page.getByText('CoAP without DTLS does not know who asks.')).toBeVisible();

    await page.getByRole('button', { name: 'Add a listener' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a CoAP listener' });
    await dialog.getByLabel('Name', { exact: true }).fill('Hall 3');
    await dialog.getByLabel('Transport').click();
    await page.getByRole('option', { name: /^TCP/ }).click();
    await dialog.getByLabel('Address of this machine').fill('127.0.0.1');
    await dialog.getByLabel('Port', { exact: true }).fill(String(await freePort()));
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await expect(dialog).toBeHidden();
    const listener = page.getByTestId('coap-listener-row').filter({ hasText: 'Hall 3' });
    await expect(listener).toContainText('listening');
    const at = /127\.0\.0\.1:\d+/.exec(await listener.innerText())![0];
    expect(runPeer('coap-client-notls', [`coap+tcp://${at}/`])).toMatch(/^Fieldstation/);

    const target = `http://127.0.0.1:${desk.port('http')}/hc/${server.authority}/time`;
    const tokens = JSON.parse(readFileSync(join(desk.dataFolder, 'tokens.json'), 'utf8')) as { view: string };
    const read = () => fetch(target, { headers: { authorization: `Bearer ${tokens.view}` } });
    expect((await read()).status).toBe(403);
    await page.getByLabel('Programs that speak HTTP may reach CoAP devices through the station').check();
    const list = page.getByLabel('What may be reached, one a line');
    await list.fill('127.0.0.1/99');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByRole('alert').getByText('Line 1')).toBeVisible();
    await list.fill(`127.0.0.1:${server.port}`);
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('The proxy takes requests.')).toBeVisible();
    const answer = await read();
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringMatching(/\d\d:\d\d:\d\d/)]);
    expect((await fetch(target)).status).toBe(401);
    const proxy = page.getByRole('region', { name: 'HTTP-to-CoAP proxy' });
    await expect(proxy.getByText('Without a valid token').locator('..')).toContainText('1');
  } finally {
    await server.stop();
  }
});
