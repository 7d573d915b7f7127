/** The CoAP browser from a scan to the messages of an exchange, against libcoap; most of it by keys. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { LibcoapDevice } from '../support/libcoap-device.ts';
import { missingPeers } from '../support/peers.ts';
import { expect, test } from './launchers.ts';
import { fact, goto } from './mqtt-clients.ts';

const missing = missingPeers('coap-server-notls');
test.skip(missing.length > 0, `without ${missing.join(', ')}`);

test('a scan finds a server; its tree is walked by keys, and what is asked is drawn message by message', async ({
  desk,
}) => {
  const { page } = desk;
  const server = await LibcoapDevice.start({ flags: ['-d', '10'] });
  const { authority, port } = server;
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const address = page.getByLabel('Address of a CoAP server');
  try {
    await goto(page, '#/coap');
    await button('Find servers…').first().click();
    const scan = page.getByRole('dialog', { name: 'Find CoAP servers' });
    await scan.getByLabel('Multicast').uncheck();
    await scan.getByLabel('mDNS').uncheck();
    await scan.getByLabel('A range of addresses').check();
    await scan.getByRole('combobox', { name: 'Range of addresses' }).fill('127.0.0.1-127.0.0.2');
    await scan.getByLabel('UDP port').fill(String(port));
    await scan.getByRole('button', { name: 'Scan' }).click();
    await expect(scan.getByRole('progressbar', { name: 'Addresses 127.0.0.1-127.0.0.2' })).toBeVisible();
    const found = scan.getByRole('group', { name: 'Found servers' });
    await expect(found).toContainText(authority);
    await expect(found).toContainText(/\d resources/);
    // The address that does not answer is waited for; nobody has to.
    await scan.getByRole('button', { name: 'Stop' }).click();
    await expect(scan.getByRole('status')).toContainText('Stopped: 1 server found');
    await found.getByRole('button', { name: `Open ${authority}` }).click();
    await expect(scan).toBeHidden();
    await expect(address).toHaveValue(authority);

    // Down the tree by keys, to what the server says of a resource.
    const tree = page.getByRole('tree', { name: `Resources of ${authority}` });
    await page.getByLabel('Find a resource').fill('example');
    await page.keyboard.press('ArrowDown');
    await expect(tree).toBeFocused();
    await expect(tree.getByRole('treeitem')).toHaveCount(1);
    await page.keyboard.press('Enter');
    await expect(page.getByText('2.05 Content')).toBeVisible();
    const facts = page.getByRole('group', { name: 'What the server says of the resource' });
    await expect(facts).toContainText('/example_data');
    await expect(facts).toContainText('Example Data');
    await expect(address).toHaveValue(`${authority}/example_data`);

    // A payload with its format, an option and a block size, not confirmable.
    await page.getByRole('radio', { name: 'NON' }).click();
    await page.getByLabel('Block size').click();
    await page.getByRole('option', { name: '32 B' }).click();
    await page.getByLabel('Content-Format', { exact: true }).fill('0');
    await page.keyboard.press('Escape');
    await page.getByRole('tab', { name: /^Payload/ }).click();
    await page.getByRole('textbox', { name: 'Payload' }).fill('21.5 '.repeat(100));
    await expect(page.getByText('500 B · 16 blocks of 32 B')).toBeVisible();
    await page.getByRole('tab', { name: /^Options/ }).click();
    await button('Add an option').click();
    await page.getByLabel('Option', { exact: true }).fill('65000');
    await page.keyboard.press('Escape');
    await page.getByLabel('Value as').click();
    await page.getByRole('option', { name: 'hex' }).click();
    await page.getByLabel('Value', { exact: true }).fill('ca fe');
    await button('PUT').click();
    await expect(page.getByText('2.04 Changed')).toBeVisible();
    await server.said(/t:NON c:PUT .*Block1:15\/_\/32.*65000:\\xCA\\xFE/);

    await page.getByRole('tab', { name: 'Exchange' }).click();
    const ladder = page.getByRole('listbox', { name: 'Messages of the exchange' });
    // The blocks in the middle are folded: the first two and the last two stand for them.
    const fold = ladder.getByRole('option', { name: /^Block1 blocks 2\.\.13, 12 × 32 B/ });
    const puts = ladder.getByRole('option', { name: /^To the device, NON PUT \/example_data/ });
    await expect(puts).toHaveCount(4);
    await ladder.focus();
    await page.keyboard.press('Home');
    const chosen = page.getByRole('region', { name: 'Chosen message' });
    await expect(fact(chosen, 'Type')).toContainText('NON');
    await expect(fact(chosen, 'Message ID')).toHaveText(/0x[0-9a-f]{4}/);
    await expect(fact(chosen, 'Token')).toHaveText(/^\s*[0-9a-f]{16}/);
    const options = chosen.getByRole('table', { name: 'Options of the message' });
    await expect(options.getByRole('row', { name: /^27 Block1/ })).toBeVisible();
    await expect(options.getByRole('row', { name: /^65000/ })).toContainText('cafe');

    for (let step = 0; step < 4; step++) await page.keyboard.press('ArrowDown');
    await expect(fold).toHaveAttribute('aria-selected', 'true');
    await page.keyboard.press('Enter');
    await expect(puts.nth(5)).toBeVisible();

    // What was written is read by the key for it, and the way back is the browser's own.
    await page.getByRole('radio', { name: 'CON' }).click();
    await tree.focus();
    await page.keyboard.press('r');
    await expect(
      ladder.getByRole('option', { name: /^From the device, ACK 2\.05 Content/ }).first(),
    ).toBeVisible();
    await page.getByRole('tab', { name: 'Response' }).click();
    await expect(page.getByRole('region', { name: 'Payload of the answer' })).toContainText('21.5 21.5');
    await page.keyboard.press('l');
    await expect(address).toBeFocused();
    await address.fill(`${authority}/time`);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('region', { name: 'Payload of the answer' })).toContainText(/\d\d:\d\d:\d\d/);
    await button('Back (Alt ←)').click();
    await expect(address).toHaveValue(`${authority}/example_data`);
    await page.keyboard.press('Alt+ArrowRight');
    await expect(address).toHaveValue(`${authority}/time`);
  } finally {
    await server.stop();
  }
});

test('a device that does not answer: each repeat is drawn when it goes out, until the request is given up', async ({
  desk,
}) => {
  const { page } = desk;
  const silent = createSocket('udp4');
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  let heard = 0;
  silent.on('message', () => heard++);
  try {
    await goto(page, '#/coap');
    await page.getByLabel('Address of a CoAP server').fill(`coap://127.0.0.1:${silent.address().port}/t`);
    await page.keyboard.press('Enter');
    await page.getByRole('tab', { name: 'Exchange' }).click();
    const ladder = page.getByRole('listbox', { name: 'Messages of the exchange' });
    await expect(ladder.getByRole('option')).toHaveCount(1);
    const exchange = page.getByRole('region', { name: 'Exchange' });
    await expect(exchange).toContainText('running');
    const repeat = ladder.getByRole('option', { name: /sent again after .*, repeat 1/ });
    await expect(repeat).toBeVisible();
    await expect(ladder.getByRole('option', { name: /no answer to this one/ })).toHaveCount(1);
    await expect(
      page.getByRole('img', { name: /^Timeline: 2 messages in .*, 1 retransmission$/ }),
    ).toBeVisible();
    expect(heard).toBe(2);
    // Both have one message id: it is one message that was sent twice.
    const [first, second] = await ladder.locator('.id:not(.token)').allTextContents();
    expect(first).toMatch(/[0-9a-f]{4}/);
    expect(second).toBe(first);

    await page.keyboard.press('Escape');
    await expect(exchange).toContainText('cancelled');
    await expect(page.getByRole('button', { name: 'Cancel', exact: true })).toBeHidden();
    await page.getByRole('tab', { name: 'Response' }).click();
    await expect(page.getByRole('alert')).toContainText('coap.cancelled');
  } finally {
    silent.close();
  }
});

test('a saved request is there after a reload, is put back into the editor and sent', async ({ desk }) => {
  const { page } = desk;
  const server = await LibcoapDevice.start({ flags: ['-d', '10'] });
  try {
    await goto(page, '#/coap');
    await page.getByLabel('Address of a CoAP server').fill(`${server.authority}/saved`);
    await page.getByRole('tab', { name: /^Payload/ }).click();
    await page.getByRole('textbox', { name: 'Payload' }).fill('kept at the station');
    await page.getByRole('button', { name: 'Save…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Save this request' });
    await dialog.getByLabel('Name', { exact: true }).fill('Night setpoint');
    await dialog.getByLabel('Method').click();
    await page.getByRole('option', { name: 'PUT' }).click();
    await dialog.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(dialog).toBeHidden();
    await page.reload();
    await page.getByRole('tab', { name: /^Saved/ }).click();
    await page.getByRole('list', { name: 'Saved requests' }).getByText('Night setpoint').click();
    await expect(page.getByLabel('Address of a CoAP server')).toHaveValue(`${server.authority}/saved`);
    // The method that it was saved with is the one that Ctrl Enter sends.
    await page.keyboard.press('Control+Enter');
    await expect(page.getByText('2.01 Created')).toBeVisible();
    await server.said(/c:PUT .*Uri-Path:saved \] :: 'kept at the station'/);
  } finally {
    await server.stop();
  }
});
