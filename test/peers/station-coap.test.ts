import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChildProcess } from 'node:child_process';
import type { CoapResource } from '../../core/contract/coap.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const missing = missingPeers('coap-server-notls');

describe.skipIf(missing.length > 0)("the station as a client of libcoap's server", () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let server: ChildProcess;
  let authority: string;
  let station: StationProcess;
  let rpc: RpcClient;

  beforeEach(async () => {
    folder = temporaryFolder();
    const port = await freePort();
    authority = `coap://127.0.0.1:${port}`;
    server = startPeer('coap-server-notls', ['-A', '127.0.0.1', '-p', String(port)]);
    await open();
  });
  afterEach(async () => {
    rpc.close();
    await station.kill9();
    await stopChild(server, 'SIGKILL');
    folder.remove();
  });

  async function open(): Promise<void> {
    station = await startStation(folder.path);
    rpc = station.client();
  }

  /** Resolves with the resource at `path` once `wanted` says so; every change is looked at. */
  function until(path: string, wanted: (resource: CoapResource) => boolean): Promise<CoapResource> {
    return new Promise((resolve, reject) => {
      const look = (resources: CoapResource[]) => {
        const found = resources.find((one) => one.path === path);
        if (found === undefined || !wanted(found)) return;
        stop();
        resolve(found);
      };
      const stop = rpc.subscribe(
        'coap',
        { authority },
        {
          snapshot: ({ resources }) => queueMicrotask(() => look(resources)),
          delta: ({ upsert }) => look(upsert),
          error: ({ message }) => reject(new Error(message)),
        },
      );
    });
  }

  it('discovers it as a device with resources, reads, writes and observes', async () => {
    const { deviceId, links } = await rpc.call('coap.discover', { uri: authority });
    expect(links.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['/', '/time', '/async', '/example_data']),
    );
    expect(await rpc.call('devices.get', { id: deviceId! })).toMatchObject({
      key: authority,
      protocols: ['coap'],
    });

    const written = await rpc.call('coap.request', {
      uri: `${authority}/example_data`,
      method: 'PUT',
      payload: '21.5',
      contentFormat: 0,
    });
    expect(written.code).toMatch(/^2\.0[14]$/);
    const read = await rpc.call('coap.request', { uri: `${authority}/example_data` });
    expect(read).toMatchObject({ code: '2.05', text: '21.5' });
    const lost = await rpc.call('coap.request', { uri: `${authority}/nothing` });
    expect(lost.code).toBe('4.04');

    // A number is a reading, recorded like any other.
    const query = await rpc.call('readings.query', { series: `${authority}/example_data` });
    expect([...query.series[0]!.v]).toEqual([21.5]);
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'observes again what it observed before a restart by %s, without being asked',
    async (signal) => {
      await rpc.call('coap.observe', { uri: `${authority}/time` });
      await until('/time', ({ observation }) => (observation?.notifications ?? 0) >= 2);
      rpc.close();
      await stopChild(station.child, signal);
      await open();
      const again = await until('/time', ({ observation }) => (observation?.notifications ?? 0) >= 2);
      expect(again.observation?.state).toBe('active');
    },
  );

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'goes on observing after the server was ended by %s and started again',
    async (signal) => {
      await rpc.call('coap.observe', { uri: `${authority}/time` });
      await until('/time', ({ observation }) => observation?.state === 'active');
      await stopChild(server, signal);
      const down = await until('/time', ({ observation }) => /stale|retrying/.test(observation?.state ?? ''));
      expect(down.observation?.problem).toBeTruthy();
      server = startPeer('coap-server-notls', ['-A', '127.0.0.1', '-p', authority.split(':')[2]!]);
      const seen = down.observation!.notifications;
      await until(
        '/time',
        ({ observation: now }) => now!.state === 'active' && now!.notifications > seen + 1,
      );
    },
    60_000,
  );

  it('cancels for good: a restart does not bring it back', async () => {
    await rpc.call('coap.observe', { uri: `${authority}/time` });
    await until('/time', ({ observation }) => observation?.state === 'active');
    expect((await rpc.call('coap.cancelObserve', { uri: `${authority}/time` })).observation).toBeNull();
    await expect(rpc.call('coap.cancelObserve', { uri: `${authority}/time` })).rejects.toMatchObject({
      code: 'coap.not_observed',
    });
    rpc.close();
    expect(await station.stop()).toBe(0);
    await open();
    const { resources } = await rpc.call('coap.resources', { authority });
    expect(resources.find(({ path }) => path === '/time')?.observation).toBeNull();
    expect((await rpc.call('station.status', {})).coap.observations).toBe(0);
  });
});
