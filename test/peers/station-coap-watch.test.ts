/** Observing for as long as somebody looks, and observing always: one observation, seen from libcoap's server. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { observedExchange } from '../../core/contract/coap-browser.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { followExchange, followResources, followWatch } from '../support/followed.ts';
import { LibcoapDevice } from '../support/libcoap-device.ts';
import { missingPeers, runPeer } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const missing = missingPeers('coap-server-notls', 'coap-client-notls');
const REGISTERED = /create new subscription/g;
const LEFT = /removed subscription/g;

describe.skipIf(missing.length > 0)('watching a resource of libcoap', { timeout: 60_000 }, () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let server: LibcoapDevice;
  let station: StationProcess;
  let rpc: RpcClient;
  let time: string;
  let data: string;

  beforeEach(async () => {
    folder = temporaryFolder();
    server = await LibcoapDevice.start();
    time = `${server.authority}/time`;
    data = `${server.authority}/example_data`;
    await open();
  });
  afterEach(async () => {
    rpc.close();
    await station.kill9();
    await server.stop();
    folder.remove();
  });

  async function open(): Promise<void> {
    station = await startStation(folder.path);
    rpc = station.client();
  }

  /** By somebody else: the station learns of it only as an observer. */
  const write = (payload: string): void => {
    runPeer('coap-client-notls', ['-m', 'put', '-e', payload, data]);
  };
  const policies = async () => {
    const { resources } = await rpc.call('coap.resources', {});
    return resources.map(({ path, observation }) => [path, observation?.policy ?? null]);
  };

  it('observes while it is subscribed: nothing is recorded, and nothing stays', async () => {
    write('20.5');
    const known = followResources(rpc, server.authority);
    const watch = followWatch(rpc, data);
    const first = await watch.until(({ notifications }) => notifications.length === 1);
    expect(first.resource).toMatchObject({
      observation: { policy: 'open', state: 'active', notifications: 1, problem: null },
    });
    write('21.5');
    const { notifications } = await watch.until((now) => now.notifications.length === 2);
    expect(notifications.map(({ values }) => values)).toEqual([
      [{ name: expect.any(String) as string, unit: '', value: 20.5 }],
      [{ name: expect.any(String) as string, unit: '', value: 21.5 }],
    ]);
    expect(notifications[1]).toMatchObject({ code: '2.05', bytes: 4 });
    expect(notifications[1]!.observe).toBeGreaterThan(notifications[0]!.observe!);
    expect(await policies()).toEqual([['/example_data', 'open']]);
    expect((await rpc.call('station.status', {})).coap.observations).toBe(1);

    watch.end();
    await server.said(LEFT);
    // It was known only because somebody looked.
    await known.until((resources) => resources.size === 0);
    expect((await rpc.call('devices.list', {})).devices).toEqual([]);
    expect((await rpc.call('station.status', {})).coap.observations).toBe(0);
    known.end();
  });

  it('a resource that a list named stays when the last watcher leaves', async () => {
    await rpc.call('coap.discover', { uri: server.authority });
    const known = followResources(rpc, server.authority);
    const watch = followWatch(rpc, time);
    await known.until((now) => now.get('/time')?.observation?.state === 'active');
    watch.end();
    const after = await known.until((now) => now.get('/time')?.observation === null);
    expect(after.get('/time')!.attributes).toMatchObject({ obs: '' });
  });

  it('two screens share one observation, and the second hears what comes from then on', async () => {
    const other = station.client();
    const one = followWatch(rpc, data);
    await one.until(({ notifications }) => notifications.length === 1);
    const two = followWatch(other, data);
    await two.until(({ resource }) => resource.observation?.state === 'active');
    write('22.5');
    for (const watch of [one, two]) {
      await watch.until(({ notifications }) => notifications.at(-1)?.values[0]?.value === 22.5);
    }
    expect(server.times(REGISTERED)).toBe(1);
    one.end();
    write('23.5');
    await two.until(({ notifications }) => notifications.at(-1)?.values[0]?.value === 23.5);
    expect(server.times(LEFT)).toBe(0);
    // Whoever goes without a word stops looking, too.
    other.close();
    await server.said(LEFT);
    expect(server.times(REGISTERED)).toBe(1);
  });

  it('becomes always and open again without asking the server a second time', async () => {
    const watch = followWatch(rpc, data);
    await watch.until(({ notifications }) => notifications.length === 1);
    expect(await rpc.call('coap.observe', { uri: data })).toMatchObject({
      observation: { policy: 'always', state: 'active' },
    });
    await watch.until(({ resource }) => resource.observation?.policy === 'always');
    // From now on it is a device with readings.
    write('24.5');
    await watch.until(({ notifications }) => notifications.at(-1)?.values[0]?.value === 24.5);
    const recorded = await rpc.call('readings.query', { series: data });
    expect([...recorded.series[0]!.v]).toEqual([24.5]);

    expect(await rpc.call('coap.cancelObserve', { uri: data })).toMatchObject({
      observation: { policy: 'open', state: 'active' },
    });
    write('25.5');
    await watch.until(({ notifications }) => notifications.at(-1)?.values[0]?.value === 25.5);
    const after = await rpc.call('readings.query', { series: data });
    expect([...after.series[0]!.v]).toEqual([24.5]);
    expect([server.times(REGISTERED), server.times(LEFT)]).toEqual([1, 0]);
    watch.end();
    await server.said(LEFT);
  });

  it('goes on for who wants it always when the last watcher leaves', async () => {
    await rpc.call('coap.observe', { uri: time });
    const watch = followWatch(rpc, time);
    await watch.until(({ notifications }) => notifications.length >= 1);
    watch.end();
    const known = followResources(rpc, server.authority);
    const seen = (await known.until((now) => now.has('/time'))).get('/time')!.observation!.notifications;
    const on = await known.until((now) => now.get('/time')!.observation!.notifications > seen + 1);
    expect(on.get('/time')!.observation).toMatchObject({ policy: 'always', state: 'active' });
    expect([server.times(REGISTERED), server.times(LEFT)]).toEqual([1, 0]);
  });

  it('a screen that went away with its station finds the watched resource gone after the restart', async () => {
    const watch = followWatch(rpc, data);
    await watch.until(({ notifications }) => notifications.length === 1);
    rpc.close();
    await station.kill9();
    await open();
    expect(await policies()).toEqual([]);
  });

  it('shows the messages of an observation to who looks at them', async () => {
    write('20.5');
    const watch = followWatch(rpc, data);
    await watch.until(({ notifications }) => notifications.length === 1);
    const exchange = followExchange(rpc, observedExchange(data));
    await exchange.until(({ state }) => state === 'running');
    write('26.5');
    const { steps } = await exchange.until(
      (now) => now.steps.filter(({ direction }) => direction === 'in').length >= 1,
    );
    const told = steps.find(({ direction }) => direction === 'in')!;
    expect(told).toMatchObject({ code: '2.05', verdict: 'ok', payloadBytes: 4 });
    expect(told.options.map(({ name }) => name)).toContain('Observe');
    await exchange.until((now) =>
      now.steps.some(({ direction, type }) => direction === 'out' && type === 'ACK'),
    );
    watch.end();
    const over = await exchange.until(({ state }) => state !== 'running');
    const last = over.steps.filter(({ direction }) => direction === 'out').at(-1)!;
    expect(last.options).toContainEqual({ number: 6, name: 'Observe', value: '1' });
  });

  it('what cannot be watched says why', async () => {
    const gone = followWatch(rpc, `${server.authority}/nothing`);
    const refused = await gone.until(({ resource }) => resource.observation?.state === 'ended');
    expect(refused.resource.observation!.problem).toMatch(/4\.04/);
    gone.end();
    const group = followWatch(rpc, 'coap://224.0.1.187/t');
    await expect(group.until(() => false)).rejects.toMatchObject({ code: 'coap.bad_uri' });
    expect(await policies()).toEqual([]);
  });
});
