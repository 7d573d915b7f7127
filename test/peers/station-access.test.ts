/** Users and roles over a restart of the real station, with MQTT.js. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

let folder: ReturnType<typeof temporaryFolder>;
let station: StationProcess;

beforeEach(async () => {
  folder = temporaryFolder();
  station = await startStation(folder.path);
});
afterEach(async () => {
  await station.stop();
  folder.remove();
});

async function comeAndGo(
  subscribeTo: string[],
  who: { username?: string; password?: string } = {},
): Promise<void> {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`, {
    clientId: 'pump',
    clean: false,
    ...who,
    reconnectPeriod: 0,
  });
  for (const filter of subscribeTo) await client.subscribeAsync(filter, { qos: 1 });
  await client.endAsync();
}

async function filters(): Promise<string[]> {
  const client = station.client();
  try {
    const { subscriptions } = await client.call('broker.client', { clientId: 'pump' });
    return subscriptions.map(({ filter }) => filter);
  } finally {
    client.close();
  }
}

it('subscriptions that the rules of now do not allow do not come back with their session', async () => {
  const client = station.client();
  const rules = [{ effect: 'allow', action: 'both', filter: 'open/#' }] as const;
  await client.call('security.putRole', { name: 'guest', rules: [...rules] });
  client.close();
  await comeAndGo(['open/x', 'secret/x']);
  expect(await filters()).toEqual(['open/x', 'secret/x']);
  await station.stop();
  // As an operator would who closes the broker while the station is off.
  const file = join(folder.path, 'access.json');
  const state = JSON.parse(readFileSync(file, 'utf8')) as object;
  writeFileSync(file, JSON.stringify({ ...state, anonymousRole: 'guest' }));
  for (let start = 0; start < 2; start++) {
    station = await startStation(folder.path);
    expect(await filters()).toEqual(['open/x']);
    if (start === 0) await station.stop();
  }
});

it('subscriptions of a user outlive a start without the file of users, and nobody gets them meanwhile', async () => {
  const client = station.client();
  await client.call('security.putRole', {
    name: 'all',
    rules: [{ effect: 'allow', action: 'both', filter: '#' }],
  });
  await client.call('security.putUser', { name: 'ann', password: 'correct horse', roles: ['all'] });
  client.close();
  const ann = { username: 'ann', password: 'correct horse' };
  await comeAndGo(['secret/x'], ann);
  await station.stop();
  const file = join(folder.path, 'access.json');
  renameSync(file, `${file}.away`);
  station = await startStation(folder.path);
  expect(await filters()).toEqual(['secret/x']);
  await station.stop();
  renameSync(`${file}.away`, file);
  station = await startStation(folder.path);
  expect(await filters()).toEqual(['secret/x']);
  await comeAndGo([], ann);
  expect(await filters()).toEqual(['secret/x']);
  // The session is that user's alone.
  await comeAndGo([]);
  expect(await filters()).toEqual([]);
});
