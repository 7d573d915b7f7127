/** Finding CoAP servers and being registered with by them, over the real station: scans of loopback, the directory, what is kept. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RpcClient } from '../../core/rpc/types.ts';
import { followResources, followWhole } from '../support/followed.ts';
import { LibcoapDevice } from '../support/libcoap-device.ts';
import { freePort, missingPeers, runPeer } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const missing = missingPeers('coap-server-notls', 'coap-client-notls');
const GROUP = '224.0.1.187';

let folder: ReturnType<typeof temporaryFolder>;
let station: StationProcess;
let rpc: RpcClient;
const servers: LibcoapDevice[] = [];

beforeEach(async () => {
  folder = temporaryFolder();
  await open();
});
afterEach(async () => {
  rpc.close();
  await station.kill9();
  for (const server of servers.splice(0)) await server.stop();
  folder.remove();
});

async function open(options: Parameters<typeof startStation>[1] = {}): Promise<void> {
  station = await startStation(folder.path, options);
  rpc = station.client();
}

async function libcoap(options: Parameters<typeof LibcoapDevice.start>[0] = {}): Promise<LibcoapDevice> {
  const server = await LibcoapDevice.start(options);
  servers.push(server);
  return server;
}

const deviceKeys = async () => (await rpc.call('devices.list', {})).devices.map(({ key }) => key);

describe.skipIf(missing.length > 0)('a scan', () => {
  it('asks a range one by one, shows how far it is, and makes devices of what it finds', async () => {
    const port = await freePort();
    const server = await libcoap({ address: '127.0.0.3', port });
    const scan = followWhole(rpc, 'coapScan');
    expect(await scan.until(() => true)).toMatchObject({ state: 'idle', steps: [], found: [] });
    const begun = await rpc.call('coap.scan', {
      ...{ multicast: false, mdns: false, range: '127.0.0.2-5', port },
    });
    expect(begun).toMatchObject({
      state: 'running',
      endedMs: null,
      steps: [{ kind: 'range', label: '127.0.0.2-5', total: 4 }],
    });
    await expect(rpc.call('coap.scan', { range: '127.0.0.2-5' })).rejects.toMatchObject({
      code: 'coap.scan_running',
    });
    const found = await scan.until((now) => now.found.some(({ links }) => links !== null));
    expect(found.found).toMatchObject([
      { authority: server.authority, how: ['range'], problem: null, deviceId: expect.any(Number) as number },
    ]);
    // The silent ones are asked for some seconds: nobody has to wait for them.
    const stopped = await rpc.call('coap.scanStop', {});
    const over = stopped.state === 'running' ? await scan.until(({ state }) => state !== 'running') : stopped;
    expect(over).toMatchObject({ state: expect.stringMatching(/stopped|done/) as string });
    expect(over.endedMs).toBeGreaterThanOrEqual(over.startedMs!);
    expect(over.found).toHaveLength(1);

    expect(await deviceKeys()).toEqual([server.authority]);
    const { resources } = await rpc.call('coap.resources', { authority: server.authority });
    expect(resources.map(({ path }) => path)).toContain('/time');
    // Stopped again: what was found stays. A ping that was answered is nothing that was refused.
    expect((await rpc.call('coap.scanStop', {})).found).toHaveLength(1);
    expect((await rpc.call('station.status', {})).limits).not.toHaveProperty(['coap.resets_received']);
    scan.end();
  });

  it('hears who answers the group on loopback, and is stopped', async () => {
    const port = await freePort();
    await libcoap({ address: GROUP, port, flags: ['-g', GROUP, '-G', 'lo'] });
    const { interfaces } = await rpc.call('coap.interfaces', {});
    const loopback = interfaces.find((one) => one.loopback)!;
    expect(loopback.addresses).toContainEqual({ address: '127.0.0.1', family: 4, network: '127.0.0.0/8' });
    const scan = followWhole(rpc, 'coapScan');
    await rpc.call('coap.scan', { interfaces: [loopback.name], mdns: false, port });
    const authority = `coap://127.0.0.1:${port}`;
    const found = await scan.until((now) => now.found.some(({ links }) => links !== null));
    expect(found).toMatchObject({ state: 'running', found: [{ authority, how: ['multicast'] }] });
    expect(found.steps[0]).toMatchObject({ kind: 'multicast', state: 'running', found: 1 });
    await rpc.call('coap.scanStop', {});
    const stopped = await scan.until(({ state }) => state !== 'running');
    expect(stopped.state).toBe('stopped');
    expect(stopped.steps.map(({ state }) => state)).not.toContain('running');
    expect(await deviceKeys()).toEqual([authority]);
  });

  it('refuses what it cannot ask', async () => {
    const code = (params: Parameters<typeof rpc.call<'coap.scan'>>[1]) =>
      rpc.call('coap.scan', params).then(
        () => null,
        (error: { code?: string }) => error.code,
      );
    expect(await code({ range: '10.0.0.0/8' })).toBe('coap.bad_range');
    expect(await code({ range: 'here' })).toBe('coap.bad_range');
    expect(await code({ interfaces: ['wan9'] })).toBe('coap.no_interface');
  });
});

describe.skipIf(missing.length > 0)('what a discovery tells', { timeout: 60_000 }, () => {
  it('comes and goes with the list of the server; a forgotten server is gone for good', async () => {
    const server = await libcoap({ flags: ['-d', '10'] });
    const { authority } = server;
    const known = followResources(rpc, authority);
    await rpc.call('coap.discover', { uri: authority });
    await known.until((now) => now.has('/time'));
    await rpc.call('coap.request', { uri: `${authority}/made`, method: 'PUT', payload: 'x' });
    expect(known.now!.has('/made')).toBe(false);
    await rpc.call('coap.discover', { uri: authority });
    await known.until((now) => now.has('/made'));
    await rpc.call('coap.request', { uri: `${authority}/made`, method: 'DELETE' });
    await rpc.call('coap.discover', { uri: authority });
    await known.until((now) => !now.has('/made'));

    await rpc.call('coap.observe', { uri: `${authority}/time` });
    await known.until((now) => now.get('/time')?.observation?.state === 'active');
    const { removed } = await rpc.call('coap.forget', { authority });
    expect(removed).toBeGreaterThan(3);
    await known.until((now) => now.size === 0);
    await server.said(/removed subscription/);
    await expect(rpc.call('coap.forget', { authority })).rejects.toMatchObject({
      code: 'coap.unknown_server',
    });
    rpc.close();
    await station.kill9();
    await open();
    expect((await rpc.call('coap.resources', {})).resources).toEqual([]);
    expect((await rpc.call('station.status', {})).coap.observations).toBe(0);
  });
});

it('saved requests are there after a kill -9, are changed by their id, and removed', async () => {
  const request = {
    ...{ name: 'Setpoint', uri: 'coap://10.0.0.7/setpoint?unit=C', method: 'PUT' as const },
    ...{ confirmable: false, blockBytes: 64 as const, accept: null, contentFormat: 50 },
    options: [{ number: 65_000, value: new Uint8Array([0, 0xff]) }],
    ...{ payload: new Uint8Array([0x7b, 0xff, 0x00]), payloadAs: 'hex' as const },
  };
  const saved = await rpc.call('coap.saveRequest', request);
  await rpc.call('coap.saveRequest', { ...request, name: 'Other' });
  expect(saved).toEqual({ ...request, id: expect.any(String) as string });
  rpc.close();
  await station.kill9();
  await open();
  expect((await rpc.call('coap.savedRequests', {})).requests).toContainEqual(saved);
  await rpc.call('coap.saveRequest', { ...request, id: saved.id, name: 'Setpoint of hall 3' });
  await rpc.call('coap.removeRequest', { id: saved.id });
  expect((await rpc.call('coap.savedRequests', {})).requests.map(({ name }) => name)).toEqual(['Other']);
  await expect(rpc.call('coap.removeRequest', { id: saved.id })).rejects.toMatchObject({
    code: 'coap.unknown_request',
  });
  await expect(rpc.call('coap.saveRequest', { ...request, id: saved.id })).rejects.toMatchObject({
    code: 'coap.unknown_request',
  });
});

describe.skipIf(missing.length > 0)(
  'a device that registers itself with the station',
  { timeout: 60_000 },
  () => {
    const register = (query: string, links: string): string =>
      runPeer('coap-client-notls', [
        ...['-B', '10', '-v', '6', '-m', 'post', '-t', '40', '-e', links],
        `coap://127.0.0.1:${station.port('coap')}/rd?${query}`,
      ]);

    it('is seen, becomes a device with its resources, outlives kill -9 at its place, and is removed', async () => {
      const base = 'coap://127.0.0.9:5800';
      const seen = followWhole(rpc, 'coapDirectory');
      const made = register(`ep=pump-7&d=hall3&et=pump&lt=600&base=${base}`, '</flow>;rt="flow";obs,</t>');
      expect(made).toMatch(/c:2\.01 /);
      const [one] = (await seen.until(({ registrations }) => registrations.length === 1)).registrations;
      expect(one).toMatchObject({
        ...{ endpoint: 'pump-7', sector: 'hall3', endpointType: 'pump', base, lifetimeSeconds: 600 },
        from: expect.stringMatching(/^udp 127\.0\.0\.1:\d+$/) as string,
        deviceId: expect.any(Number) as number,
      });
      expect(made).toContain(`Location-Path:${one!.location.split('/')[2]}`);
      expect(one!.links.map(({ uri, observable }) => [uri, observable])).toEqual([
        [`${base}/flow`, true],
        [`${base}/t`, false],
      ]);
      expect(await rpc.call('devices.get', { id: one!.deviceId! })).toMatchObject({ key: base });
      expect((await rpc.call('coap.resources', { authority: base })).resources).toHaveLength(2);

      rpc.close();
      await station.kill9();
      await open({ coap: station.ready.coap! });
      const again = followWhole(rpc, 'coapDirectory');
      const { registrations } = await again.until(() => true);
      expect(registrations).toEqual([one]);
      // Its place is good for an update, as it was told.
      runPeer('coap-client-notls', [
        ...['-B', '10', '-m', 'post'],
        `coap://127.0.0.1:${station.port('coap')}${one!.location}?lt=1000`,
      ]);
      await again.until((now) => now.registrations[0]?.lifetimeSeconds === 1_000);

      expect(await rpc.call('coap.removeRegistration', { location: one!.location })).toEqual({
        removed: true,
      });
      await again.until((now) => now.registrations.length === 0);
      await expect(rpc.call('coap.removeRegistration', { location: one!.location })).rejects.toMatchObject({
        code: 'coap.unknown_registration',
      });
      rpc.close();
      await station.kill9();
      await open();
      expect(await followWhole(rpc, 'coapDirectory').until(() => true)).toMatchObject({ registrations: [] });
    });

    it('is gone when its lifetime is over, also where it ended while the station was down', async () => {
      const seen = followWhole(rpc, 'coapDirectory');
      register('ep=short&lt=3', '</t>');
      register('ep=down&lt=6', '</t>');
      await seen.until(({ registrations }) => registrations.length === 2);
      const left = await seen.until(({ registrations }) => registrations.length === 1);
      expect(left.registrations[0]!.endpoint).toBe('down');
      const { expiresMs } = left.registrations[0]!;
      rpc.close();
      await station.kill9();
      await expect.poll(() => Date.now(), { timeout: 8_000 }).toBeGreaterThan(expiresMs);
      await open();
      expect(await followWhole(rpc, 'coapDirectory').until(() => true)).toMatchObject({ registrations: [] });
      // The devices that they were stay what the station has seen.
      expect((await deviceKeys()).length).toBe(2);
    });
  },
);
