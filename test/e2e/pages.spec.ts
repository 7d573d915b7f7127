import { AxeBuilder } from '@axe-core/playwright';
import type { Page, TestInfo } from '@playwright/test';
import { missingPeers } from '../support/peers.ts';
import { coapPlant } from './coap-plant.ts';
import { arrival, expect, skipIf, test } from './launchers.ts';
import { endClients, goto } from './mqtt-clients.ts';
import { plant } from './plant.ts';

test.afterEach(endClients);

interface Sight {
  name: string;
  hash: string;
  /** Opens what is looked at on the page, such as a dialog. */
  open?: (page: Page) => Promise<void>;
}

const press = (name: RegExp | string) => (page: Page) =>
  page
    .getByRole('button', typeof name === 'string' ? { name, exact: true } : { name })
    .first()
    .click();

const SIGHTS: Sight[] = [
  { name: 'broker', hash: '#/broker' },
  { name: 'broker-client', hash: '#/broker?client=historian' },
  { name: 'broker-disconnect', hash: '#/broker?client=historian', open: press('Disconnect…') },
  { name: 'broker-forget', hash: '#/broker?client=historian', open: press('Forget session…') },
  { name: 'broker-listeners', hash: '#/broker/listeners' },
  { name: 'broker-sys', hash: '#/broker/sys' },
  { name: 'topic-json', hash: '#/topics/formats%2Fjson' },
  {
    name: 'topic-subscribers',
    hash: '#/topics/formats%2Fjson',
    open: (page) => page.getByRole('tab', { name: 'Subscribers' }).click(),
  },
  { name: 'topic-senml', hash: '#/topics/formats%2Fsenml' },
  { name: 'topic-sparkplug', hash: '#/topics/spBv1.0%2Fnorth%2FDDATA%2Fedge1%2Fpress4' },
  { name: 'topic-image', hash: '#/topics/formats%2Fimage' },
  { name: 'topic-hex', hash: '#/topics/formats%2Fbinary' },
  { name: 'clear-below', hash: '#/topics/plant', open: press('Clear retained below…') },
  { name: 'retained', hash: '#/topics/plant%2Froom1%2Fdoor?view=retained' },
  { name: 'trash', hash: '#/topics?view=trash' },
  { name: 'publish', hash: '#/topics/formats%2Fjson', open: press('Publish') },
  { name: 'settings-listeners', hash: '#/settings/listeners' },
  { name: 'listener-dialog', hash: '#/settings/listeners', open: press('Add a listener') },
  { name: 'certificates', hash: '#/settings/certificates' },
  { name: 'certificate-detail', hash: '#/settings/certificates', open: press('Show Hall 3') },
  { name: 'issue-dialog', hash: '#/settings/certificates', open: press('Issue for a listener…') },
  { name: 'import-dialog', hash: '#/settings/certificates', open: press('Import…') },
  { name: 'users', hash: '#/settings/users' },
  { name: 'user-dialog', hash: '#/settings/users', open: press('Change anna') },
  { name: 'role-dialog', hash: '#/settings/users', open: press('Change sensors') },
];

/** Resource, method and tab of the answer, as a person chooses them. */
const asked =
  (path: string, method: string | null, tab: string) =>
  async (page: Page): Promise<void> => {
    await page.locator(`[data-testid="coap-resource"][data-path="${path}"]`).click();
    await expect(page.getByText('2.05 Content')).toBeVisible();
    if (method !== null) await press(method)(page);
    await page.getByRole('tab', { name: tab, exact: true }).click();
  };

function coapSights(authority: string): Sight[] {
  const browser = `#/coap?uri=${encodeURIComponent(authority)}`;
  return [
    { name: 'coap-response', hash: browser, open: asked('/config', null, 'Response') },
    {
      name: 'coap-exchange',
      hash: browser,
      open: async (page) => {
        await asked('/config', null, 'Response')(page);
        await page.getByLabel('Block size').click();
        await page.getByRole('option', { name: '64 B' }).click();
        await press('GET')(page);
        await page.getByRole('tab', { name: 'Exchange' }).click();
        const ladder = page.getByRole('listbox', { name: 'Messages of the exchange' });
        await expect(ladder).toContainText('Block2 blocks');
        await ladder.focus();
        await page.keyboard.press('Home');
        await expect(page.getByRole('table', { name: 'Options of the message' })).toBeVisible();
      },
    },
    {
      name: 'coap-options',
      hash: browser,
      open: async (page) => {
        await page.getByRole('tab', { name: /^Options/ }).click();
        await press('Add an option')(page);
        await page.getByLabel('Option', { exact: true }).fill('If-Match');
        await page.keyboard.press('Escape');
      },
    },
    {
      name: 'coap-watch',
      hash: browser,
      open: async (page) => {
        await asked('/sensors/boiler', null, 'Watch')(page);
        await page.getByRole('radio', { name: 'While open' }).click();
        await expect(page.getByTestId('observation-state')).toHaveAttribute('data-state', 'active');
      },
    },
    { name: 'coap-saved', hash: browser, open: (page) => page.getByRole('tab', { name: /^Saved/ }).click() },
    {
      name: 'coap-scan',
      hash: browser,
      open: async (page) => {
        await page.getByRole('button', { name: /^(Find servers|Looking)/ }).click();
        await expect(page.getByRole('group', { name: 'Found servers' })).toBeVisible();
      },
    },
    { name: 'coap-directory', hash: '#/coap?view=directory' },
    { name: 'settings-coap', hash: '#/settings/coap' },
    { name: 'coap-listener-dialog', hash: '#/settings/coap', open: press('Add a listener') },
  ];
}

async function look(page: Page, info: TestInfo, theme: string, sights: Sight[]): Promise<void> {
  await page.getByRole('button', { name: /^Theme:/ }).click();
  await page.getByRole('menuitemradio', { name: new RegExp(theme, 'i') }).click();
  let wasOpened = false;
  for (const { name, hash, open } of sights) {
    await goto(page, hash);
    // What was opened before is closed by it.
    if (wasOpened) await page.reload();
    wasOpened = open !== undefined;
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await open?.(page);
    await expect(page.locator('[aria-busy="true"]')).toHaveCount(0);
    // What opens or changes colour is measured when it has.
    await page.evaluate(() =>
      Promise.all(document.getAnimations().map((one) => one.finished.catch(() => null))),
    );
    const { violations } = await new AxeBuilder({ page }).analyze();
    await page.screenshot({ path: info.outputPath(`${name}-${theme}.png`) });
    expect.soft(violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes[0]?.html}`)).toEqual([]);
  }
}

const missing = missingPeers('coap-server-notls', 'coap-client-notls');

for (const theme of ['light', 'dark', 'contrast'] as const) {
  test(`every page and dialog of the broker is axe clean: ${theme}`, async ({ desk }, info) => {
    test.slow();
    await plant(desk);
    await arrival(desk.page);
    await look(desk.page, info, theme, SIGHTS);
  });

  test(`every page and dialog of CoAP is axe clean: ${theme}`, async ({ desk }, info) => {
    skipIf(missing.length > 0, `without ${missing.join(', ')}`);
    test.slow();
    const server = await coapPlant(desk);
    try {
      await look(desk.page, info, theme, coapSights(server.authority));
    } finally {
      await server.stop();
    }
  });
}
