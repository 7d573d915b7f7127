/** The real station observes always: its server moves, the network changes, the station itself is killed. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RpcClient } from '../../core/rpc/types.ts';
import { LibcoapLoss } from '../support/coap-lossy.ts';
import { missingLibcoap } from '../support/coap-plugtest-libcoap.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';
import { UdpRelay } from '../support/udp-relay.ts';

const missing = missingLibcoap('udp');
/** Max-Age of a second and 5 to 15 s of grace (RFC 7641 §3.3.1), then the registration. */
const WITHIN_MS = 25_000;

let folder: ReturnType<typeof temporaryFolder>;
let libcoap: LibcoapLoss;
let relay: UdpRelay;
let station: StationProcess;
let rpc: RpcClient;

beforeEach(async () => {
  folder = temporaryFolder();
  libcoap = await LibcoapLoss.start();
  relay = new UdpRelay({ host: '127.0.0.1', port: libcoap.port }, {});
  await relay.start();
  await open();
});
afterEach(async () => {
  rpc.close();
  await station.kill9();
  await relay.stop();
  await libcoap.stop();
  folder.remove();
});

async function open(): Promise<void> {
  station = await startStation(folder.path);
  rpc = station.client();
}

/** `count` notifications more than now, and the observation as it should be. */
async function goesOn(uri: string, count: number): Promise<void> {
  const now = async () => {
    const { resources } = await rpc.call('coap.resources', {});
    return resources.find((one) => one.uri === uri)?.observation;
  };
  const before = (await now())?.notifications ?? 0;
  const news = async () => ((await now())?.notifications ?? 0) - before;
  await expect.poll(news, { timeout: WITHIN_MS, interval: 100 }).toBeGreaterThanOrEqual(count);
  await expect.poll(async () => (await now())?.state, { timeout: WITHIN_MS, interval: 100 }).toBe('active');
}

describe.skipIf(missing.length > 0)('what the station observes', () => {
  test('goes on over a new address, a new port and its own sudden end', { timeout: 120_000 }, async () => {
    const uri = `coap://127.0.0.1:${relay.port}/time`;
    await rpc.call('coap.observe', { uri });
    await goesOn(uri, 2);

    // The server appears at another address, and the one before is gone without a word.
    const second = await LibcoapLoss.at('127.0.0.2', libcoap.port);
    await libcoap.kill();
    libcoap = second;
    relay.retarget({ host: '127.0.0.2', port: second.port });
    relay.rebind();
    await goesOn(uri, 2);

    rpc.close();
    await station.kill9();
    await open();
    await goesOn(uri, 2);
  });
});
