/** PUT to a topic while the disk is full: nobody is told that a message is safe that is not. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { missingLibcoap, runCoapClient } from '../support/coap-plugtest-libcoap.ts';
import { followWhole } from '../support/followed.ts';
import { fillDisk, smallDisk } from '../support/mounts.ts';
import type { SmallDisk } from '../support/mounts.ts';
import { startStation } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const missing = missingLibcoap('udp');
const probe = smallDisk(64);
probe?.unmount();

describe.skipIf(probe === null || missing.length > 0)('a full disk', () => {
  let disk: SmallDisk;
  let station: StationProcess;
  afterEach(async () => {
    await station?.kill9();
    disk.unmount();
  });

  it('is 5.03 with a time to come again, and 2.04 once there is room', { timeout: 60_000 }, async () => {
    disk = smallDisk(8_000)!;
    const ballast = join(disk.path, 'ballast');
    station = await startStation(disk.path);
    const rpc = station.client();
    const put = async (value: number) => {
      const uri = `coap://127.0.0.1:${station.port('coap')}/topics/plant/a`;
      const { pdus } = await runCoapClient('udp', ['-m', 'put', '-e', `{"flow": ${value}}`, uri]);
      return pdus.filter(({ way }) => way === 'received').at(-1)!;
    };
    expect((await put(1)).code).toBe('2.04');
    const status = followWhole(rpc, 'station');
    let value = 2;
    let refused = await put(value);
    // Until the record says so: what it writes makes room and takes it again.
    while (refused.code === '2.04') {
      fillDisk(ballast);
      refused = await put(++value);
    }
    expect(refused.code).toBe('5.03');
    expect(refused.options).toContainEqual(['Max-Age', '5']);
    await status.until(({ recorder }) => recorder.fault?.code === 'disk_full');
    rmSync(ballast);
    await status.until(({ recorder }) => recorder.state === 'ok');
    expect((await put(1_000)).code).toBe('2.04');
    rpc.close();
    await station.kill9();

    station = await startStation(disk.path);
    const asking = station.client();
    const { series } = await asking.call('readings.query', { series: 'plant/a/flow' });
    const recorded = [...series[0]!.v];
    expect([recorded[0], recorded.at(-1)]).toEqual([1, 1_000]);
    asking.close();
  });
});
