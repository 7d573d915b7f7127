import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { connectWebSocket, rpcUrlOf } from '../../core/rpc/websocket-client.ts';
import { createClient } from '../../core/rpc/client.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { temporaryFolder } from '../support/station-process.ts';
import type { ReadyLine } from '../support/station-process.ts';
import type { Inside } from './coap/inside.ts';
import type { ServersReport } from './coap/observed-servers.ts';
import { pass, startNode, stop } from './coap/processes.ts';
import { table, writeReport } from './support/report.ts';

export const about =
  'a station that observes and records [--resources 10000] [--peers 1000] [--every 10] [--seconds 60] [--no-record]';

/*
 * How to read it.
 * - The station is the shipped one, a process of its own with its recorder's thread; the servers are another process. Each
 *   resource notifies once in `every` seconds, evenly spread, with a number in text/plain; each 20th time by CON.
 * - `lost` is what was sent by the servers and not handed on by the observations, by the station's own count for each
 *   resource. `readings` is how many came to be stored.
 * - `share of a core` is all threads of the station. `heap` is the main thread's heap with what it holds outside, after
 *   a full collection, over the number of observations: with the observation itself come its resource, its device, its
 *   series and what a screen is shown of it.
 */

const AT_ONCE = 200;
const SETTLE_MS = 2_000;
const ROOT = join(import.meta.dirname, '../..');

interface Phase {
  name: string;
  inside: Inside;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      resources: { type: 'string', default: '10000' },
      peers: { type: 'string', default: '1000' },
      every: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '60' },
      'no-record': { type: 'boolean', default: false },
    },
  });
  const everyMs = String(Number(values.every) * 1_000);
  const servers = await startNode('observed-servers.ts', [values.peers, values.resources, everyMs]);
  const folder = temporaryFolder('bench-coap-observe-');
  const station = await startStation(folder.path, values['no-record'] ? ['--no-record'] : []);
  try {
    await measure(station, servers.child, servers.said['uris'] as string[], Number(values.seconds));
  } finally {
    station.rpc.close();
    await stop(station.child);
    await stop(servers.child);
    folder.remove();
  }
}

interface Station {
  child: ChildProcess;
  rpc: RpcClient;
}

async function startStation(data: string, switches: string[]): Promise<Station> {
  const any = '127.0.0.1:0';
  const flags = ['--expose-gc', '--import', join(ROOT, 'test/bench/coap/inside.ts')];
  const serve = ['core/cli.ts', 'serve', '--data', data, '--mqtt', any, '--coap', any, '--http', any];
  const child = spawn(process.execPath, [...flags, 'scripts/launch.mjs', ...serve, ...switches], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the station ended with ${code} before it was ready`)));
  });
  const ready = JSON.parse(line) as ReadyLine;
  return { child, rpc: createClient(() => connectWebSocket(rpcUrlOf(ready.http!), ready.token)) };
}

async function measure(
  { child, rpc }: Station,
  servers: ChildProcess,
  uris: string[],
  seconds: number,
): Promise<void> {
  const phases: Phase[] = [];
  const phase = async (name: string): Promise<void> => {
    phases.push({ name, inside: await tell<Inside>(child, 'measure') });
  };
  await pass(SETTLE_MS);
  await phase('before');
  const startedMs = performance.now();
  for (let from = 0; from < uris.length; from += AT_ONCE) {
    const batch = uris.slice(from, from + AT_ONCE);
    await Promise.all(batch.map((uri) => rpc.call('coap.observe', { uri })));
  }
  let counts = await countsOf(rpc);
  for (let tries = 0; counts.active < uris.length && tries < 100; tries++) {
    await pass(200);
    counts = await countsOf(rpc);
  }
  const registeredSeconds = (performance.now() - startedMs) / 1_000;
  await pass(SETTLE_MS);
  await phase('registered');
  const before = await countsOf(rpc);
  const readingsBefore = (await rpc.call('station.status', {})).recorder.committedReadings;
  servers.send('go');
  await pass(1_000);
  await tell<Inside>(child, 'measure');
  await pass(seconds * 1_000);
  await phase('notified');
  servers.send('halt');
  await pass(SETTLE_MS);
  const report = await tell<ServersReport>(servers, 'report');
  const after = await countsOf(rpc);
  const status = await rpc.call('station.status', {});
  const { inside } = phases.at(-1)!;
  const grown = phases[1]!.inside.heapBytes - phases[0]!.inside.heapBytes;
  const resident = phases[1]!.inside.residentBytes - phases[0]!.inside.residentBytes;
  const received = after.notifications - before.notifications;
  const share = inside.cpuSeconds / inside.seconds;
  const perSecond = report.sent / (seconds + 1);
  const rows = [
    ['observations active', `${after.active} of ${uris.length}`],
    ['all registered after', `${registeredSeconds.toFixed(1)} s`],
    ['notifications sent', `${report.sent} (${report.confirmable} by CON), ${perSecond.toFixed(0)}/s`],
    ['received', String(received)],
    ['lost', String(report.sent - received)],
    ['CON acknowledged', `${report.acknowledged} of ${report.confirmable}`],
    ['rejected', String(report.rejected)],
    ['readings written', String(status.recorder.committedReadings - readingsBefore)],
    ['share of a core', `${(share * 100).toFixed(1)} %`],
    ['processor time each', `${((share / perSecond) * 1e6).toFixed(0)} µs`],
    ['event loop late, p50 / p99 / most', delays(inside)],
    ['heap for each observation', `${Math.round(grown / uris.length)} bytes`],
    ['resident for each', `${Math.round(resident / uris.length)} bytes`],
    [
      'heap, registered and after',
      phases
        .slice(1)
        .map(({ inside: one }) => mega(one.heapBytes))
        .join(', '),
    ],
    ['refused', JSON.stringify(status.limits)],
  ];
  console.log(table(['', 'value'], rows as string[][]), '\n');
  const results = { uris: uris.length, seconds, report, before, after, phases, limits: status.limits };
  console.log(`written to ${writeReport('coap-observe', results)}`);
}

async function tell<T>(child: ChildProcess, word: string): Promise<T> {
  const answered = once(child, 'message');
  child.send(word);
  const [answer] = (await answered) as [T];
  return answer;
}

async function countsOf(rpc: RpcClient): Promise<{ active: number; notifications: number }> {
  const { resources } = await rpc.call('coap.resources', {});
  let active = 0;
  let notifications = 0;
  for (const { observation } of resources) {
    if (observation?.state === 'active') active++;
    notifications += observation?.notifications ?? 0;
  }
  return { active, notifications };
}

function delays({ loopDelayP50Ms, loopDelayP99Ms, loopDelayMaxMs }: Inside): string {
  return [loopDelayP50Ms, loopDelayP99Ms, loopDelayMaxMs].map((ms) => ms.toFixed(1)).join(' / ') + ' ms';
}

function mega(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
