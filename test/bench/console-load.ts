/**
 * The console on the real station while 20,000 messages a second come in over 100,000 topics, in a real Chromium.
 *
 * Notes.
 * - A headless Chromium without a GPU paints on the CPU, and station, generator and browser share the machine: frames
 *   are slower here than on a desk. The first row, an idle station, says what of it is the machine's.
 * - `behind` are messages that the generator did not send because the station did not read; `taken` is the station's
 *   own count.
 * - CPU is part of one core: the station's main thread, all of the station, the page's process.
 * - `moved`: frames in which another row lay under the resting pointer.
 * - Heap is the page's after a collection, at the start and at the end of a scene.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import type { CDPSession, Page } from 'playwright';
import { messageOf } from '../../core/base/errors.ts';
import type { StationStatus } from '../../core/contract/station.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { CHROMIUM_ARGS, findChromium } from '../support/chromium.ts';
import { stopChild } from '../support/peers.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import { countMessages, startProbe, stopProbe } from './console-load/probe.ts';
import { SCENES } from './console-load/scenes.ts';
import type { Scene } from './console-load/scenes.ts';
import { familyOf, residentMegabytes, sharesOf, usageOf } from './console-load/usage.ts';
import { table, writeReport } from './support/report.ts';

export const about =
  'the console under load on a real station [--rate 20000] [--topics 100000] [--seconds 20] [--only topics]';

interface Result {
  scene: string;
  frames: number;
  p50: number;
  p95: number;
  p99: number;
  worst: number;
  longTasks: number;
  longestTask: number;
  clicks: number[];
  moved: number | null;
  messagesPerSecond: number;
  framesOfStationPerSecond: number;
  kilobytesPerSecond: number;
  heapMegabytes: [number, number];
  cpu: Record<string, number>;
  stationMegabytes: number;
  /** Readings that waited for the disk at the end, and that were given up so far. */
  pending: number;
  dropped: number;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rate: { type: 'string', default: '20000' },
      topics: { type: 'string', default: '100000' },
      seconds: { type: 'string', default: '20' },
      only: { type: 'string', default: '' },
    },
  });
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('no Chromium: "npm test" says how to get one');
  const seconds = Number(values.seconds);
  const folder = temporaryFolder('bench-console-');
  const station = await startStation(folder.path);
  const client = station.client();
  const load = startLoad(station.port('mqtt'), values.rate, values.topics);
  const server = await chromium.launchServer({ executablePath, args: CHROMIUM_ARGS });
  const browser = await chromium.connect(server.wsEndpoint());
  try {
    const memoryBefore = residentMegabytes(station.child.pid!);
    await load.seeded;
    await settled(client);
    const memory = { before: memoryBefore, withTopics: residentMegabytes(station.child.pid!) };
    const { counts } = await statusOf(client);
    console.log(
      `${counts.topics} topics, ${counts.devices} devices, ${counts.series} series; ` +
        `station ${Math.round(memory.before)} MB before, ${Math.round(memory.withTopics)} MB with them`,
    );
    const page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
    const devtools = await page.context().newCDPSession(page);
    await countMessages(page);
    await page.goto(`${station.ready.http}/?token=${station.ready.token}`);
    const renderers = familyOf(server.process().pid!).filter(({ command }) =>
      command.includes('--type=renderer'),
    );
    const stationPid = String(station.child.pid!);
    const groups = {
      'station main': [`${stationPid}/${stationPid}`],
      station: [stationPid],
      page: renderers.map(({ pid }) => String(pid)),
    };
    const watch = async (scene: Scene): Promise<Result> => {
      const result = await measure({ scene, page, devtools, client, groups, seconds });
      console.log(
        `${scene.name}: p95 ${result.p95.toFixed(1)} ms, ${Math.round(result.messagesPerSecond)} messages/s`,
      );
      return { ...result, stationMegabytes: residentMegabytes(station.child.pid!) };
    };
    const scenes = SCENES.filter(({ name }) => name.includes(values.only));
    const [first] = scenes;
    const results = first === undefined ? [] : [await watch({ ...first, name: `idle: ${first.name}` })];
    load.tell('go');
    let publishers = 50;
    for (const scene of scenes) {
      if ((scene.publishers ?? 50) !== publishers) {
        publishers = scene.publishers ?? 50;
        await load.share(publishers);
      }
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      results.push(await watch(scene));
    }
    print(results);
    const { limits } = await statusOf(client);
    console.log(`behind: ${load.behind()}; limits: ${JSON.stringify(limits)}`);
    console.log(writeReport('console-load', { ...values, memory, results, behind: load.behind(), limits }));
  } catch (error) {
    console.error(
      `the station ended with ${station.child.exitCode}, ${station.child.signalCode}: ${station.log()}`,
    );
    throw error;
  } finally {
    client.close();
    await browser.close();
    await server.close();
    await load.stop();
    await station.stop();
    folder.remove();
  }
}

interface Stage {
  scene: Scene;
  page: Page;
  devtools: CDPSession;
  client: RpcClient;
  groups: Record<string, string[]>;
  seconds: number;
}

async function measure({ scene, page, devtools, client, groups, seconds }: Stage): Promise<Result> {
  await scene.prepare(page);
  const heapBefore = await heapOf(devtools);
  await startProbe(page, scene.rest ?? null);
  const before = await statusOf(client);
  const usage = usageOf(groups);
  await (scene.during?.(page, seconds * 1_000) ?? page.waitForTimeout(seconds * 1_000));
  const cpu = sharesOf(usage, usageOf(groups));
  const after = await statusOf(client);
  const look = await stopProbe(page);
  const heapAfter = await heapOf(devtools);
  const elapsed = (after.nowMs - before.nowMs) / 1_000;
  const sorted = look.gaps.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return {
    scene: scene.name,
    frames: sorted.length,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    worst: sorted.at(-1) ?? 0,
    longTasks: look.longTasks.length,
    longestTask: Math.max(0, ...look.longTasks),
    clicks: look.clicks,
    moved: scene.rest === undefined ? null : look.moved,
    messagesPerSecond: (after.mqtt.messagesIn - before.mqtt.messagesIn) / elapsed,
    framesOfStationPerSecond: look.messages / elapsed,
    kilobytesPerSecond: look.bytes / elapsed / 1_024,
    heapMegabytes: [heapBefore, heapAfter],
    cpu,
    stationMegabytes: 0,
    pending: after.recorder.pendingReadings,
    dropped: after.recorder.droppedReadings,
  };
}

function print(results: Result[]): void {
  const ms = (value: number): string => value.toFixed(1);
  const rows = results.map((one) => [
    one.scene,
    ...[one.p50, one.p95, one.p99, one.worst].map(ms),
    `${one.longTasks}/${Math.round(one.longestTask)}`,
    one.clicks.length === 0 ? '-' : `${Math.round(Math.max(...one.clicks))} (${one.clicks.length})`,
    one.moved === null ? '-' : String(one.moved),
    String(Math.round(one.messagesPerSecond)),
    one.framesOfStationPerSecond.toFixed(1),
    String(Math.round(one.kilobytesPerSecond)),
    one.heapMegabytes.map((value) => value.toFixed(1)).join('>'),
    ...Object.values(one.cpu).map((share) => share.toFixed(2)),
    String(Math.round(one.stationMegabytes)),
    String(one.pending),
  ]);
  const head = ['scene', 'p50', 'p95', 'p99', 'worst', 'long n/ms', 'click ms', 'moved', 'msg/s', 'deltas/s'];
  head.push('KB/s', 'heap MB', ...Object.keys(results[0]?.cpu ?? {}), 'RSS MB', 'pending');
  console.log(table(head, rows));
}

async function heapOf(devtools: CDPSession): Promise<number> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { usedSize } = await devtools.send('Runtime.getHeapUsage');
  return usedSize / 1_048_576;
}

/** A machine that is short of CPU may cut the line: asked again, for the call only reads. */
async function statusOf(client: RpcClient): Promise<StationStatus> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await client.call('station.status', {});
    } catch (error) {
      if (attempt === 5) throw error;
      console.error(messageOf(error));
    }
  }
}

/** Until the record has caught up with what was sent. */
async function settled(client: RpcClient): Promise<void> {
  let last: StationStatus | undefined;
  for (;;) {
    const next = await statusOf(client);
    if (next.recorder.pendingReadings === 0 && next.mqtt.messagesIn === last?.mqtt.messagesIn) return;
    last = next;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function startLoad(port: number, rate: string, topics: string) {
  const script = new URL('./console-load/generator.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, String(port), rate, topics], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let behind = 0;
  let onShared = (): void => undefined;
  const seeded = new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the load ended with ${code}`)));
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as { seeded?: number; publishers?: number; behind?: number };
      if (line.seeded !== undefined) resolve();
      if (line.publishers !== undefined) onShared();
      behind = line.behind ?? behind;
    });
  });
  const tell = (line: string): void => void child.stdin.write(`${line}\n`);
  return {
    seeded,
    tell,
    behind: () => behind,
    share: (publishers: number) =>
      new Promise<void>((resolve) => {
        onShared = resolve;
        tell(String(publishers));
      }),
    stop: () => stopChild(child),
  };
}
