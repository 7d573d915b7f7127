import { freePort, missingPeers, runPeer } from '../support/peers.ts';
import { expect, skipIf, test } from './launchers.ts';
import { closed, connect, disconnected, endClients, fact, goto, join } from './mqtt-clients.ts';

const missing = missingPeers('mosquitto_pub', 'mosquitto_sub');
test.skip(missing.length > 0, `without ${missing.join(', ')}`);
test.afterEach(endClients);

test('a client is shown with its numbers, its will, its properties and what waits for it', async ({
  desk,
}) => {
  const { page } = desk;
  const port = desk.port('mqtt');
  // Takes one message at a time and acknowledges none: one is in flight, the others queue.
  const stuck = await connect(port, {
    clientId: 'press-4',
    keepalive: 90,
    clean: false,
    properties: {
      receiveMaximum: 1,
      sessionExpiryInterval: 3_600,
      userProperties: { firmware: '4.2.0', site: 'north' },
    },
    will: {
      topic: 'plant/press-4/state',
      payload: Buffer.from('lost'),
      qos: 1,
      retain: true,
      properties: { willDelayInterval: 30 },
    },
    customHandleAcks: () => undefined,
  });
  await stuck.subscribeAsync('orders/#', {
    qos: 1,
    nl: true,
    rap: true,
    rh: 2,
    properties: { subscriptionIdentifier: 7 },
  });
  for (const order of ['a', 'b', 'c']) {
    runPeer('mosquitto_pub', [
      '-p',
      String(port),
      '-V',
      '5',
      '-t',
      `orders/${order}`,
      '-m',
      order,
      '-q',
      '1',
    ]);
  }

  await goto(page, '#/broker');
  const row = page.locator('[data-client="press-4"]');
  await expect(row).toContainText('connected');
  await row.click();
  const pane = page.getByRole('region', { name: 'Client press-4', exact: true });
  await expect(fact(pane, 'Protocol')).toContainText('MQTT 5.0 over TCP');
  await expect(fact(pane, 'User')).toHaveText('anonymous');
  await expect(fact(pane, 'Keep-alive')).toContainText('90');
  await expect(fact(pane, 'Session')).toContainText('kept for 1');
  await expect(fact(pane, 'Waiting')).toContainText('2 queued');
  await expect(fact(pane, 'Takes at most')).toContainText('1 in flight, packets of any size');
  const subscription = pane.getByRole('table', { name: 'Subscriptions' }).getByRole('row').nth(1);
  await expect(subscription).toContainText('orders/#');
  for (const option of ['no local', 'retain as published', 'no retained at start', 'id 7']) {
    await expect(subscription.getByText(option, { exact: true })).toBeVisible();
  }
  const flight = pane.getByRole('table', { name: 'In flight' }).getByRole('row').nth(1);
  await expect(flight).toContainText('PUBACK');
  await expect(flight).toContainText('orders/a');
  await expect(pane.getByRole('table', { name: 'Queue' }).getByRole('row')).toHaveCount(3);
  await expect(pane.getByText('published 30')).toContainText('QoS 1 · retained');
  const properties = pane.getByRole('table', { name: 'User properties' });
  await expect(properties.getByRole('row', { name: 'firmware 4.2.0' })).toBeVisible();
  await expect(properties.getByRole('row', { name: 'site north' })).toBeVisible();

  // The filter of a subscription leads to its topics.
  await subscription.getByRole('link', { name: 'orders/#' }).click();
  await expect(page.getByLabel('Search topics')).toHaveValue('orders/#');
  await expect(page.locator('[data-topic="orders/c"]')).toBeVisible();
});

test('a disconnect with a reason reaches the client; an absent session keeps its queue until it is forgotten', async ({
  desk,
}) => {
  const { page } = desk;
  const port = desk.port('mqtt');
  const session = { clientId: 'gate-1', clean: false, properties: { sessionExpiryInterval: 0xffff_ffff } };
  const client = await connect(port, session);
  await client.subscribeAsync('gate/+/set', { qos: 2 });
  await goto(page, '#/broker?client=gate-1');
  const pane = page.getByRole('region', { name: 'Client gate-1', exact: true });

  const told = disconnected(client);
  await pane.getByRole('button', { name: 'Disconnect…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Disconnect gate-1?' });
  await expect(dialog).toContainText('Its session stays with 1 subscription');
  await dialog.getByLabel('Reason').fill('the gate is being repaired');
  await dialog.getByRole('button', { name: 'Disconnect', exact: true }).click();
  const packet = await told;
  expect(packet.reasonCode).toBe(0x98);
  expect(packet.properties?.reasonString).toBe('the gate is being repaired');
  await expect(dialog).toBeHidden();
  await expect(page.locator('[data-client="gate-1"]')).toContainText('absent');

  for (const text of ['open', 'shut', 'open']) {
    runPeer('mosquitto_pub', ['-p', String(port), '-t', 'gate/1/set', '-m', text, '-q', '2']);
  }
  await expect(fact(pane, 'Waiting')).toContainText('3 queued');
  await expect(pane.getByRole('button', { name: 'Disconnect…' })).toBeDisabled();

  await pane.getByRole('button', { name: 'Forget session…' }).click();
  const forget = page.getByRole('dialog', { name: 'Forget the session of gate-1?' });
  await expect(forget).toContainText('3 messages');
  const sure = forget.getByRole('button', { name: 'Forget session' });
  await expect(sure).toBeDisabled();
  await forget.getByRole('textbox').fill('gate-1');
  await sure.click();
  await expect(page.locator('[data-client="gate-1"]')).toHaveCount(0);
  const { connack } = await join(port, session);
  expect(connack.sessionPresent).toBe(false);
});

test('a client of 3.1.1 just loses its connection, and the dialog says so before', async ({ desk }) => {
  const { page } = desk;
  const client = await connect(desk.port('mqtt'), { clientId: 'old-1', protocolVersion: 4 });
  await goto(page, '#/broker?client=old-1');
  const pane = page.getByRole('region', { name: 'Client old-1', exact: true });
  await expect(fact(pane, 'Protocol')).toContainText('MQTT 3.1.1');
  await pane.getByRole('button', { name: 'Disconnect…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Disconnect old-1?' });
  await expect(dialog).toContainText('MQTT 3.1.1 has no way to tell it why');
  const lost = closed(client);
  await dialog.getByRole('button', { name: 'Disconnect', exact: true }).click();
  await lost;
  await expect(page.locator('[data-client="old-1"]')).toHaveCount(0);
});

test('a listener is stopped and started: its client loses it and gains it', async ({ desk }) => {
  const { page } = desk;
  const port = await freePort();
  const asking = desk.client();
  await asking.call('listeners.add', {
    name: 'Hall',
    transport: 'tcp',
    host: '127.0.0.1',
    port,
    anonymous: true,
  });
  asking.close();
  const client = await connect(port, { clientId: 'hall-1' });
  await goto(page, '#/broker/listeners');
  const row = page.getByTestId('listener-row').filter({ hasText: 'Hall' });
  await expect(row).toContainText('listening');
  await expect(row).toContainText(`127.0.0.1:${port}`);
  await expect(row).toContainText('1 of');

  const lost = closed(client);
  await row.getByRole('button', { name: 'Stop Hall' }).click();
  await lost;
  await expect(row).toContainText('stopped');
  await expect(connect(port)).rejects.toThrow(/ECONNREFUSED/);

  await row.getByRole('button', { name: 'Start Hall' }).click();
  await expect(row).toContainText('listening');
  await connect(port, { clientId: 'hall-2' });
  await goto(page, '#/broker');
  await expect(page.locator('[data-client="hall-2"]')).toContainText('connected');
});

test('$SYS on the page is what mosquitto_sub gets', async ({ desk }) => {
  const { page } = desk;
  const topic = '$SYS/broker/version';
  const version = runPeer('mosquitto_sub', ['-p', String(desk.port('mqtt')), '-t', topic, '-C', '1']).trim();
  await goto(page, '#/broker/sys');
  const values = page.getByRole('table', { name: '$SYS values' });
  await expect(values.getByRole('row').filter({ hasText: topic })).toContainText(version);
  await page.getByLabel('Search $SYS').fill('clients/connected');
  await expect(values.getByRole('row').filter({ hasText: '$SYS/broker/clients/connected' })).toBeVisible();
  await expect(values.getByRole('row').filter({ hasText: topic })).toHaveCount(0);
});

test('after kill -9 the persistent session is there with its subscriptions and its queue', async ({
  desk,
}) => {
  skipIf(desk.power === null, 'the desktop supervises its own station');
  const { page } = desk;
  const port = desk.port('mqtt');
  const session = { clientId: 'logger', clean: false, properties: { sessionExpiryInterval: 86_400 } };
  const client = await connect(port, session);
  await client.subscribeAsync(['log/+', '$share/night/alarms/#'], { qos: 1 });
  await client.endAsync();
  for (const line of ['1', '2']) {
    runPeer('mosquitto_pub', ['-p', String(port), '-t', `log/${line}`, '-m', line, '-q', '1']);
  }
  await goto(page, '#/broker?client=logger');
  const pane = page.getByRole('region', { name: 'Client logger', exact: true });
  await expect(fact(pane, 'Waiting')).toContainText('2 queued');
  await desk.power!.kill9();
  await expect(page.getByTestId('connection-banner')).toBeVisible();
  await desk.power!.start();
  await expect(page.getByTestId('connection-banner')).toBeHidden({ timeout: 15_000 });
  await page.reload();
  await expect(page.locator('[data-client="logger"]')).toContainText('absent');
  await expect(fact(pane, 'Waiting')).toContainText('2 queued');
  await expect(pane.getByRole('table', { name: 'Subscriptions' })).toContainText('$share/night/alarms/#');

  const got: string[] = [];
  const { connack } = await join(port, session, (topic) => got.push(topic));
  expect(connack.sessionPresent).toBe(true);
  await expect.poll(() => got).toEqual(['log/1', 'log/2']);
  await expect(page.locator('[data-client="logger"]')).toContainText('connected');
});
