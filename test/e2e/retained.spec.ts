import { plantTopics } from '../support/console-payloads.ts';
import { missingPeers, runPeer } from '../support/peers.ts';
import { expect, skipIf, test } from './launchers.ts';
import type { Desk } from './launchers.ts';
import { connect, endClients, fact, goto, retainedFor } from './mqtt-clients.ts';

const missing = missingPeers('mosquitto_pub', 'mosquitto_sub');
test.skip(missing.length > 0, `without ${missing.join(', ')}`);
test.afterEach(endClients);

const SITES = 4;
const OF_EACH = 500;

/** A client may have this many unanswered: fewer than the receive maximum that the broker tells it. */
const AT_ONCE = 500;

async function retain(desk: Desk, topics: string[]): Promise<void> {
  const client = await connect(desk.port('mqtt'), { clientId: 'filler' });
  for (let from = 0; from < topics.length; from += AT_ONCE) {
    const some = topics.slice(from, from + AT_ONCE);
    await Promise.all(
      some.map((topic) =>
        client.publishAsync(topic, /\d+$/.exec(topic)?.[0] ?? 'here', { qos: 1, retain: true }),
      ),
    );
  }
  await client.endAsync();
}

/** 2,000 retained messages below `store`, and one on `keep/last` that no scenario clears. */
async function fill(desk: Desk): Promise<void> {
  const topics = ['keep/last'];
  for (let site = 1; site <= SITES; site++) {
    for (let item = 1; item <= OF_EACH; item++) topics.push(`store/site${site}/item${item}`);
  }
  await retain(desk, topics);
}

test('2,000 retained messages: searched, one cleared and brought back; new subscribers get what the page shows', async ({
  desk,
}) => {
  const { page } = desk;
  await fill(desk);
  await goto(page, '#/topics?view=retained');
  await expect(page.getByRole('radio', { name: /Retained/ })).toContainText(/2\s0\d\d/);
  await page.getByLabel('Search retained topics').fill('site3/item77');
  const row = page.locator('[data-topic="store/site3/item77"]');
  await expect(row).toContainText('filler');
  await expect(page.getByTestId('retained-row')).toHaveCount(1);
  await row.click();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  const toasts = page.getByRole('region', { name: 'Messages' });
  await expect(toasts).toContainText('1 retained message cleared.');
  await expect(row).toHaveCount(0);
  const cleared = await retainedFor(desk, ['store/site3/item77', 'store/site3/item78'], 'keep/last');
  expect([...cleared.keys()]).toEqual(['store/site3/item78', 'keep/last']);

  await toasts.getByRole('button', { name: 'Undo' }).click();
  await expect(toasts).toContainText('1 retained message restored.');
  await expect(row).toBeVisible();
  const restored = await retainedFor(desk, ['store/site3/item77'], 'keep/last');
  expect(restored.get('store/site3/item77')?.payload.toString()).toBe('77');
  expect(restored.get('store/site3/item77')?.retain).toBe(true);
});

test('a subtree is cleared with its count, and restored from the trash but for what is newer', async ({
  desk,
}) => {
  const { page } = desk;
  await fill(desk);
  await goto(page, '#/topics/store');
  await page.getByRole('button', { name: 'Clear retained below…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Clear what is retained here?' });
  await expect(dialog).toContainText('store/#');
  await dialog.getByRole('button', { name: /^Clear 2\s000$/ }).click();
  const toasts = page.getByRole('region', { name: 'Messages' });
  await expect(toasts).toContainText(/2\s000 retained messages cleared\./);
  expect((await retainedFor(desk, ['store/#'], 'keep/last')).size).toBe(1);

  runPeer('mosquitto_pub', [
    ...['-p', String(desk.port('mqtt')), '-q', '1', '-r'],
    ...['-t', 'store/site1/item1', '-m', 'newer'],
  ]);
  await goto(page, '#/topics?view=trash');
  const line = page.getByTestId('trash-row').filter({ hasText: 'store/#' });
  await expect(line).toContainText(/2\s000/);
  await line.getByRole('button', { name: 'Restore store/#' }).click();
  await expect(toasts).toContainText(/1\s999 retained messages restored; 1 had a newer message/);
  await expect(line).toHaveCount(0);
  const back = await retainedFor(desk, ['store/#'], 'keep/last');
  expect(back.size).toBe(SITES * OF_EACH + 1);
  expect(back.get('store/site1/item1')?.payload.toString()).toBe('newer');
  expect(back.get('store/site4/item500')?.payload.toString()).toBe('500');
});

test('payloads of every kind are shown as what they are; a change is shown as a difference', async ({
  desk,
}) => {
  const { page } = desk;
  const port = desk.port('mqtt');
  const wanted = new Map(plantTopics().map((one) => [one.topic, one]));
  const client = await connect(port, { clientId: 'line-controller-7' });
  async function send(topic: string, step: number): Promise<void> {
    const { payload, qos, retain, properties: given } = wanted.get(topic)!;
    await client.publishAsync(topic, Buffer.from(payload(step)), {
      qos,
      retain,
      properties: {
        ...(given?.contentType === undefined ? {} : { contentType: given.contentType }),
        ...(given?.payloadFormat === undefined ? {} : { payloadFormatIndicator: given.payloadFormat === 1 }),
        ...(given?.responseTopic === undefined ? {} : { responseTopic: given.responseTopic }),
        ...(given?.correlationData === undefined
          ? {}
          : { correlationData: Buffer.from(given.correlationData) }),
        ...(given?.userProperties === undefined
          ? {}
          : { userProperties: Object.fromEntries(given.userProperties) }),
      },
    });
  }
  const topics = [
    'formats/json',
    'formats/cbor',
    'formats/senml',
    'formats/image',
    'spBv1.0/north/DDATA/edge1/press4',
  ];
  for (const topic of topics) await send(topic, 1);
  const watcher = await connect(port, { clientId: 'watcher' });
  await watcher.subscribeAsync('formats/+', { qos: 1 });
  const open = (topic: string) => goto(page, `#/topics/${encodeURIComponent(topic)}`);
  const main = page.getByRole('main');

  await open('formats/json');
  await expect(fact(main, 'Published by')).toHaveText('line-controller-7');
  await expect(fact(main, 'Content type')).toHaveText('application/json');
  await expect(fact(main, 'Payload format')).toHaveText('UTF-8 text');
  await expect(fact(main, 'Response topic')).toHaveText('line/7/answers');
  await expect(fact(main, 'Correlation data')).toHaveText('order-4711');
  await expect(main.getByRole('row', { name: 'schema machine/3' })).toBeVisible();
  // A number that JavaScript cannot hold is shown as it was sent.
  await expect(main.getByText('9007199254740993123', { exact: true })).toBeVisible();
  await page.getByRole('tab', { name: 'Subscribers' }).click();
  await expect(main.getByRole('row', { name: /watcher formats\/\+ 1 connected/ })).toBeVisible();
  await page.getByRole('tab', { name: 'Difference' }).click();
  await send('formats/json', 2);
  await expect(
    main.getByRole('region', { name: 'Changed values' }).getByRole('row').filter({ hasText: 'cycle' }),
  ).toContainText('188414');

  await open('formats/cbor');
  await expect(main.getByRole('radio', { name: 'CBOR' })).toBeChecked();
  await expect(main.getByText('9223372036854775813', { exact: true })).toBeVisible();
  await open('formats/senml');
  await expect(main.getByRole('region', { name: 'SenML records' })).toContainText(
    'urn:dev:mac:0024befffe804ff1:temperature',
  );
  await open('spBv1.0/north/DDATA/edge1/press4');
  await expect(main.getByRole('region', { name: 'Sparkplug metrics' })).toContainText('Line/Temperature');
  await open('formats/image');
  await expect(main.getByRole('img', { name: 'The payload, image/png' })).toBeVisible();
});

test('after kill -9 what is retained is there, with its publisher and its properties', async ({ desk }) => {
  skipIf(desk.power === null, 'the desktop supervises its own station');
  const { page } = desk;
  runPeer('mosquitto_pub', [
    ...[
      '-p',
      String(desk.port('mqtt')),
      '-V',
      '5',
      '-i',
      'setter',
      '-q',
      '1',
      '-r',
      '-t',
      'plant/mode',
      '-m',
      'night',
    ],
    ...['-D', 'publish', 'content-type', 'text/plain', '-D', 'publish', 'user-property', 'shift', '3'],
  ]);
  await desk.power!.kill9();
  await desk.power!.start();
  await goto(page, '#/topics/plant%2Fmode?view=retained');
  await page.reload();
  const main = page.getByRole('main');
  await expect(page.locator('[data-topic="plant/mode"]')).toContainText('night');
  await expect(fact(main, 'Published by')).toHaveText('setter');
  await expect(fact(main, 'Content type')).toHaveText('text/plain');
  await expect(main.getByRole('row', { name: 'shift 3' })).toBeVisible();
  const text = runPeer('mosquitto_sub', ['-p', String(desk.port('mqtt')), '-t', 'plant/mode', '-C', '1']);
  expect(text.trim()).toBe('night');
});
