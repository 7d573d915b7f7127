/** Asking on the CoAP page, against libcoap: methods, options, payloads by blocks, saved requests, forgetting. */
import { freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';
import { expect, test } from './launchers.ts';

const missing = missingPeers('coap-server-notls');
test.skip(missing.length > 0, `without ${missing.join(', ')}`);

test('a resource is written, read back, saved, copied as a line, and forgotten', async ({ desk }) => {
  const { page } = desk;
  const port = await freePort();
  const server = startPeer('coap-server-notls', ['-A', '127.0.0.1', '-p', String(port)]);
  const authority = `coap://127.0.0.1:${port}`;
  const address = page.getByLabel('Address of a CoAP server');
  const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
  const resource = (path: string) => page.locator(`[data-testid="coap-resource"][data-path="${path}"]`);
  const tab = (name: RegExp) => page.getByRole('tab', { name });
  try {
    await page.goto(new URL('#/coap', page.url()).href);
    await address.fill(`127.0.0.1:${port}`);
    await address.press('Enter');
    await resource('/example_data').click();
    await expect(page.getByText('2.05 Content')).toBeVisible();
    await expect(address).toHaveValue(`${authority}/example_data`);

    // What cannot be sent is not sent, and says why.
    await tab(/Payload/).click();
    const payload = page.getByRole('textbox', { name: 'Payload' });
    await page.getByLabel('Content-Format', { exact: true }).fill('json');
    await page.keyboard.press('Escape');
    await payload.fill('{"celsius": }');
    await press('PUT');
    await expect(page.getByText('A value is missing: line 1, column 13.')).toBeVisible();
    await payload.fill('{"celsius": 21.5}');
    await press('PUT');
    await expect(page.getByText('2.04 Changed')).toBeVisible();
    await press('GET');
    await expect(page.getByText('21.5').last()).toBeVisible();

    // An option of If-None-Match, with what its number says.
    await tab(/Options/).click();
    await press('Add an option');
    await page.getByLabel('Option', { exact: true }).fill('If-None-Match');
    await page.keyboard.press('Escape');
    await expect(page.getByText('critical')).toBeVisible();

    await press('PUT');
    await press('Copy as…');
    const line = page.getByRole('region', { name: 'coap-client line' }).locator('pre');
    await expect(line).toHaveText(
      `coap-client-notls -m put -t 50 -O 5, -e '{"celsius": 21.5}' ${authority}/example_data`,
    );
    await press('Close');

    await press('Save…');
    await page.getByLabel('Name', { exact: true }).fill('Setpoint');
    await page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
    await press('Clear');
    await expect(payload).toHaveCount(0);
    await tab(/Saved/).click();
    await page.getByText('Setpoint').click();
    await tab(/Payload/).click();
    await expect(payload).toHaveValue('{"celsius": 21.5}');
    await expect(page.getByLabel('Content-Format', { exact: true })).toHaveValue('JSON (50)');

    // 100 KB by blocks, and each of its messages in the exchange.
    await press('Clear');
    await page.getByLabel('File with the payload').setInputFiles({
      name: 'big.bin',
      mimeType: 'application/octet-stream',
      buffer: Buffer.alloc(100_000, 65),
    });
    await expect(page.getByText('98 blocks of 1024 B')).toBeVisible();
    await press('PUT');
    await expect(page.getByText('2.04 Changed')).toBeVisible();

    await address.fill(`${authority}/nothing`);
    await address.press('Enter');
    await expect(page.getByText('4.04 Not Found')).toBeVisible();
    await page.keyboard.press('Alt+ArrowLeft');
    await expect(address).toHaveValue(`${authority}/example_data`);
    expect(new URL(page.url()).hash).toContain(encodeURIComponent(`${authority}/example_data`));

    await press(`Forget ${authority}`);
    await press('Forget');
    await expect(page.getByText('No CoAP server is known yet')).toBeVisible();
    await expect(address).toHaveValue('');
  } finally {
    await stopChild(server, 'SIGKILL');
  }
});
