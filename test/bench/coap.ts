import { execFile } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { AskerResult } from './coap/asker.ts';
import { cpuMicros, pass, startNode, stop } from './coap/processes.ts';
import { BODY, libcoapBlockClient, ourBlockClient } from './coap/transfers.ts';
import type { BlockClient, Transferred } from './coap/transfers.ts';
import { findProgram, freePort, startPeer } from '../support/peers.ts';
import { median, table, writeReport } from './support/report.ts';

export const about =
  'CoAP beside node-coap and libcoap, in turns [--loads client,server,tcp,blocks] [--rounds 5] [--seconds 1] [--peers 100] [--gc]';

/*
 * How to read it.
 * - Every contender is a process of its own, one works at a time, and every round asks each of them in turn. A figure is
 *   the median of its rounds, a ratio that of two medians. `µs` is processor time per answer, all threads, and suffers
 *   less than the rates do when others use the machine; `µs against` is how many times less of it than the first one.
 * - The peers of the client are a responder that never sleeps and takes a core; with both cores in use by others the
 *   rates say little. `bare` does no CoAP: it is the floor of node:dgram for one datagram out and one in.
 *   Where rate times µs is well below a second, as with `bare`, the responder is what bounds the rate (a hundred sockets
 *   with one datagram each cost it more than one socket with a hundred): then only `µs against` compares the clients.
 * - libcoap has no client that can be loaded like this: coap-client sends one request per process (`-G` waits a second
 *   between two). It is measured where it does many by itself, by a body in small blocks, one after the other; there its
 *   times hold the start of a process, some 5 ms. node-coap speaks neither TCP nor more than blocks of its own choice.
 *
 * What bounds our client (perf, November 2026, two shared cores; µs of processor time per request).
 * - `bare` takes 7.1 to 7.5 on a quiet machine: 4.7 in the kernel (sendmsg with the way through loopback, recvmsg), 2.4 in
 *   Node. node-coap takes 33 to 37. So no client over node:dgram on one thread can need a fifth of what node-coap needs:
 *   one that costs nothing itself ends at 4.5 to 5 times. Ours costs 2 beyond `bare` (it was 5), which makes 3.6 to 4.4.
 *   The rates differ more, as others who use the machine slow node-coap down most: 4.0 to 5.9 were seen with both cores
 *   taken by others.
 * - Tried, each against `bare` in turns: a callback for each send 0.7 to 0.9 more, so there is one only where an error
 *   would not be learned otherwise (`Outbox.#put`, `Wire.put`); a connected socket for each peer the same within 2 %
 *   (what it saves in sendmsg it loses in a second recvmsg for each datagram), so there is none; arrays of buffers, or
 *   offset and length, the same; `--max-semi-space-size` the same. Sending many datagrams by one system call
 *   (sendmmsg), and receiving so, is not offered by Node.
 * - What is left of ours is spread thin: views on what came, the promise, the timer, three looks at the clock.
 *
 * Our server takes 3 beyond the floor: a third of it is to remember each message for its duplicates (RFC 7252 §4.5).
 */

const SERVER_PATH = 'bench/temperature';
const LIBCOAP_PATH = 'example_data';
const ASKER = join(import.meta.dirname, 'coap/asker.ts');
const execute = promisify(execFile);

interface Settings {
  rounds: number;
  seconds: number;
  peers: number;
  gc: boolean;
}

interface Sample extends AskerResult {
  /** Processor time of the server for each answer, µs. */
  serverMicros: number | null;
}

interface Row {
  load: string;
  name: string;
  samples: Sample[];
}

const LOADS: Record<string, (settings: Settings) => Promise<unknown>> = {
  client: measureClients,
  server: measureServers,
  tcp: measureTcp,
  blocks: measureBlocks,
};

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      loads: { type: 'string', default: Object.keys(LOADS).join(',') },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      peers: { type: 'string', default: '100' },
      gc: { type: 'boolean', default: false },
    },
  });
  const { rounds, seconds, peers, gc } = values;
  const settings = { rounds: Number(rounds), seconds: Number(seconds), peers: Number(peers), gc };
  const results: Record<string, unknown> = {};
  for (const name of values.loads.split(',')) {
    const load = LOADS[name];
    if (load === undefined) throw new Error(`There is no load ${name}.`);
    results[name] = await load(settings);
  }
  console.log(`written to ${writeReport('coap', results)}`);
}

async function measureClients(settings: Settings): Promise<Row[]> {
  const { child, said } = await startNode('responder.ts', [String(settings.peers)]);
  const rows = ['node-coap', 'ours', 'bare'].map((name): Row => ({ load: 'client', name, samples: [] }));
  try {
    await inTurns(settings, rows, async ({ name }) => ({
      ...(await ask(name, said['ports'] as number[], SERVER_PATH, settings)),
      serverMicros: null,
    }));
  } finally {
    await stop(child);
  }
  report(`client, 64-byte GETs by CON to ${settings.peers} peers, one under way to each, answers/s`, rows);
  return rows;
}

interface Served {
  name: string;
  child: ChildProcess;
  pid: number;
  port: number;
  tcpPort: number;
  path: string;
  /** Of a body that can be read and written. */
  bodyPath: string;
}

/** The servers that are compared, libcoap's with 64 bytes where they are asked for. */
async function startServers(): Promise<Served[]> {
  const { child, pid, said } = await startNode('server-fieldstation.ts', []);
  const ours = { name: 'ours', child, pid, path: SERVER_PATH, bodyPath: 'body' };
  const served: Served[] = [{ ...ours, port: said['port'] as number, tcpPort: said['tcpPort'] as number }];
  if (findProgram('coap-server-notls') === null) {
    console.log('left out: libcoap, coap-server-notls not found (apt-get install libcoap3-bin)');
    return served;
  }
  const port = await freePort();
  const libcoap = startPeer('coap-server-notls', ['-A', '127.0.0.1', '-p', String(port)]);
  for (const stream of [libcoap.stdout, libcoap.stderr]) stream?.resume();
  await pass(300);
  const paths = { path: LIBCOAP_PATH, bodyPath: LIBCOAP_PATH };
  return [{ name: 'libcoap', child: libcoap, pid: libcoap.pid!, port, tcpPort: port, ...paths }, ...served];
}

async function measureServers(settings: Settings): Promise<Row[]> {
  return withServers('server', settings, (served) =>
    ask('bare-sockets', new Array<number>(settings.peers).fill(served.port), served.path, settings),
  );
}

async function measureTcp(settings: Settings): Promise<Row[]> {
  return withServers('tcp', settings, (served) =>
    ask('ours-tcp', new Array<number>(settings.peers).fill(served.tcpPort), served.path, settings),
  );
}

const TITLES: Record<string, string> = {
  server: 'server, 64-byte GETs by CON from so many peers, one under way from each, answers/s',
  tcp: 'our client over one TCP connection, 64-byte GETs, so many under way, answers/s',
};

async function withServers(
  load: string,
  settings: Settings,
  measure: (served: Served) => Promise<AskerResult>,
): Promise<Row[]> {
  const servers = await startServers();
  const rows = servers.map(({ name }): Row => ({ load, name, samples: [] }));
  try {
    await putSmall(servers);
    await inTurns(settings, rows, async ({ name }) => {
      const served = servers.find((one) => one.name === name)!;
      const before = cpuMicros(served.pid);
      const result = await measure(served);
      const after = cpuMicros(served.pid);
      const serverMicros = before === null || after === null ? null : (after - before) / result.total;
      return { ...result, serverMicros };
    });
  } finally {
    for (const { child } of servers) await stop(child);
  }
  report(`${TITLES[load]!} (${settings.peers})`, rows);
  return rows;
}

/** libcoap's server has nothing of 64 bytes until somebody writes it. */
async function putSmall(servers: Served[]): Promise<void> {
  const libcoap = servers.find(({ name }) => name === 'libcoap');
  if (libcoap === undefined) return;
  const payload = 'x'.repeat(64);
  const uri = `coap://127.0.0.1:${libcoap.port}/${LIBCOAP_PATH}`;
  await execute(findProgram('coap-client-notls')!, ['-m', 'put', '-e', payload, uri]);
}

async function ask(
  kind: string,
  ports: number[],
  path: string,
  { seconds, gc }: Settings,
): Promise<AskerResult> {
  const flags = gc ? ['--expose-gc'] : [];
  const args = [...flags, ASKER, kind, ports.join(','), path, String(seconds)];
  const { stdout } = await execute(process.execPath, args);
  return JSON.parse(stdout) as AskerResult;
}

async function inTurns(
  { rounds }: Settings,
  rows: Row[],
  measure: (row: Row) => Promise<Sample>,
): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    for (const row of rows) {
      const sample = await measure(row);
      row.samples.push(sample);
      const wrong = sample.wrong === 0 ? '' : `, ${sample.wrong} WRONG`;
      const micros = `${sample.micros.toFixed(1)} µs`;
      console.log(
        `round ${round}  ${row.load.padEnd(7)} ${row.name.padEnd(12)} ${thousands(sample.rate)}/s ${micros}${wrong}`,
      );
    }
  }
}

function report(title: string, rows: Row[]): void {
  const [first] = rows;
  const rateOf = (row: Row): number => median(row.samples.map(({ rate }) => rate));
  const microsOf = (row: Row): number => median(row.samples.map(({ micros }) => micros));
  const cells = rows.map((row) => {
    const rates = row.samples.map(({ rate }) => rate);
    const served = row.samples.map(({ serverMicros }) => serverMicros).filter((value) => value !== null);
    const grown = row.samples.flatMap(({ heapBefore, heapAfter }) =>
      heapBefore === null || heapAfter === null ? [] : [heapAfter - heapBefore],
    );
    return [
      row.name,
      thousands(rateOf(row)),
      `${thousands(Math.min(...rates))} - ${thousands(Math.max(...rates))}`,
      `${(rateOf(row) / rateOf(first!)).toFixed(2)} x`,
      microsOf(row).toFixed(1),
      `${(microsOf(first!) / microsOf(row)).toFixed(2)} x`,
      served.length === 0 ? '-' : median(served).toFixed(1),
      median(row.samples.map(({ loopDelayP99Ms }) => loopDelayP99Ms)).toFixed(1),
      grown.length === 0 ? '-' : `${(median(grown) / 1e6).toFixed(1)} MB`,
      String(row.samples.reduce((sum, { wrong }) => sum + wrong, 0)),
    ];
  });
  const head = ['', 'median/s', 'range', `against ${first!.name}`, 'client µs', 'µs against', 'server µs'];
  console.log(`\n${title}`);
  console.log(table([...head, 'client p99 ms', 'heap grew', 'wrong'], cells), '\n');
}

interface BlockRow {
  what: string;
  client: string;
  server: string;
  samples: Transferred[];
}

const BLOCK_WORK = [
  { what: 'PUT', blockBytes: 1_024 },
  { what: 'GET', blockBytes: 1_024 },
  { what: 'GET', blockBytes: 64 },
] as const;

/** One block after the other is all that block-wise transfer does, so this is also the time of one round trip. */
async function measureBlocks({ rounds }: Settings): Promise<BlockRow[]> {
  const servers = await startServers();
  const program = findProgram('coap-client-notls');
  const clients: BlockClient[] = [ourBlockClient()];
  if (program !== null) clients.unshift(libcoapBlockClient(program));
  const rows: BlockRow[] = [];
  try {
    for (const { what, blockBytes } of BLOCK_WORK) {
      const mine = servers.flatMap((served) =>
        clients.map((client) => ({ served, client, samples: [] as Transferred[] })),
      );
      for (let round = 0; round <= rounds; round++) {
        for (const { served, client, samples } of mine) {
          const uri = `coap://127.0.0.1:${served.port}/${served.bodyPath}`;
          const sample = await (what === 'PUT' ? client.put(uri, blockBytes) : client.get(uri, blockBytes));
          if (round > 0) samples.push(sample); // the first compiles the code
        }
      }
      for (const { served, client, samples } of mine) {
        rows.push({
          what: `${what}, blocks of ${blockBytes}`,
          client: client.name,
          server: served.name,
          samples,
        });
      }
    }
  } finally {
    for (const client of clients) await client.close();
    for (const { child } of servers) await stop(child);
  }
  const cells = rows.map(({ what, client, server, samples }) => {
    const seconds = median(samples.map((one) => one.seconds));
    const blockBytes = Number(what.split(' ').at(-1));
    const blocks = BODY.length / blockBytes;
    return [
      `${what}, ${client} <-> ${server}`,
      (BODY.length / 1e6 / seconds).toFixed(2),
      thousands(blocks / seconds),
      ((median(samples.map((one) => one.cpuSeconds)) / blocks) * 1e6).toFixed(1),
    ];
  });
  console.log('1 MiB in blocks over UDP: client <-> server');
  console.log(table(['', 'MB/s', 'requests/s', 'client µs'], cells), '\n');
  return rows;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}
