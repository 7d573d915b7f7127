import { freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';
import { expect, test } from './launchers.ts';

const missing = missingPeers('coap-server-notls');
test.skip(missing.length > 0, `without ${missing.join(', ')}`);

test('libcoap: discovered as a tree, /time observed, killed and restarted: observation resumes', async ({
  desk,
}) => {
  const { page } = desk;
  const port = await freePort();
  const serve = () => startPeer('coap-server-notls', ['-A', '127.0.0.1', '-p', String(port)]);
  let server = serve();
  try {
    await page.goto(new URL('#/coap', page.url()).href);
    await page.getByLabel('Address of a CoAP server').fill(`coap://127.0.0.1:${port}`);
    await page.getByLabel('Address of a CoAP server').press('Enter');
    const resource = (path: string) => page.locator(`[data-testid="coap-resource"][data-path="${path}"]`);
    for (const path of ['/time', '/async', '/example_data']) await expect(resource(path)).toBeVisible();

    await resource('/time').click();
    await expect(page.getByText('2.05').first()).toBeVisible();
    await page.getByRole('tab', { name: 'Watch' }).click();
    const state = page.getByTestId('observation-state');
    await expect(state).toHaveAttribute('data-state', 'none');
    await page.getByRole('radio', { name: 'Always and recorded' }).click();
    await expect(state).toHaveAttribute('data-state', 'active');

    const client = desk.client();
    const notifications = async () => {
      const { resources } = await client.call('coap.resources', { authority: `coap://127.0.0.1:${port}` });
      return resources.find(({ path }) => path === '/time')?.observation?.notifications ?? 0;
    };
    await expect.poll(notifications).toBeGreaterThanOrEqual(3);

    await stopChild(server, 'SIGKILL');
    // Max-Age is 1 s: its grace passes, the registration is not answered, and the state says so.
    await expect(state).toHaveAttribute('data-state', /stale|retrying/, { timeout: 40_000 });
    const before = await notifications();
    server = serve();
    await expect(state).toHaveAttribute('data-state', 'active', { timeout: 40_000 });
    await expect.poll(notifications).toBeGreaterThan(before + 1);

    await page.getByRole('radio', { name: 'Once' }).click();
    await expect(state).toHaveAttribute('data-state', 'none');
    client.close();

    // The server is a device like any other.
    await page.goto(new URL('#/devices', page.url()).href);
    await page
      .getByTestId('device-row')
      .filter({ hasText: String(port) })
      .click();
    await expect(resource('/time')).toBeVisible();
  } finally {
    await stopChild(server, 'SIGKILL');
  }
});

test('a server that does not answer is a clear message, and waiting can be cancelled', async ({ desk }) => {
  const { page } = desk;
  const port = await freePort();
  await page.goto(new URL('#/coap', page.url()).href);
  await page.getByLabel('Address of a CoAP server').fill(`coap://127.0.0.1:${port}`);
  await page.getByLabel('Address of a CoAP server').press('Enter');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(page.getByRole('button', { name: 'Cancel' })).toBeHidden();
  await page.getByLabel('Address of a CoAP server').fill('not a uri');
  await page.getByLabel('Address of a CoAP server').press('Enter');
  await expect(page.getByText('An address has no spaces')).toBeVisible();
});
