import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type Contender, CONTENDERS, type Running } from './mqtt/contenders.ts';
import { LOADS } from './mqtt/loads.ts';
import { median, table, writeReport } from './support/report.ts';

export const about =
  'brokers in turns: mosquitto, aedes, ours [--only a,b] [--loads a,b] [--rounds 5] [--seconds 1] [--inflight 20]';

/*
 * How to read it.
 * - Every broker and the load generator are processes of their own; all brokers stay up, one works at a time, and
 *   every round asks each of them in turn. A figure is the median of its rounds, a ratio that of two medians.
 * - The publishers keep a bounded number of messages under way end to end, so that no broker has reason to drop:
 *   `missing` other than 0 makes a figure worthless.
 * - `broker µs` is processor time per message and suffers less than the rates do when others use the machine. A
 *   `generator` near 100 % means that the figure is the generator's and not the broker's.
 *
 * What bounds our broker (node --cpu-prof, November 2026, two shared cores; broker µs is per message).
 * - qos0-1x1 and qos0-5x5 are its best case: long stretches of one topic, which it forwards as runs of bytes without
 *   touching a message. Half of the working time is the kernel in `writev`; looking at a message takes some 30 ns.
 *   Ratios of 50 and more come from this and from 22 KB writes; do not promise them to anyone. qos0-split makes every
 *   run one message long (110 ns), and is the figure to hold against a change of the hot path.
 * - qos0-single and qos1-sockets are one read and one write system call for each message, 8 to 17 µs: the kernel and
 *   Node's stream layer are nearly all of it, our own code 0.16 and 0.4 µs. Here C has the advantage.
 * - qos1-5x1 waits: with the default window of 20 the subscriber's round trip decides, and the broker is idle for
 *   nearly half of the time (1.6 µs). So what its acknowledgements make room for is written at once, before other
 *   sockets are read, and messages that wait for the window share their memory. `--inflight 100` (set for mosquitto
 *   too; aedes has no window) moves the bound.
 * - With the recorder, qos1-5x1 (7 µs, both threads) and qos1-sockets (40 µs) are bound by the commits: each series
 *   has a page of its own in `reading_head`, so 230 messages of two readings rewrite some 260 pages of 4 KiB in the
 *   WAL, and COMMIT is 7/10 of the writer's time. Neither the page size (512 B to 4 KiB: 14 to 18 µs per message) nor
 *   gathering for longer changes that; rows appended to a table without an index and moved in bulk do (4 µs).
 */

interface Sample {
  rate: number;
  total: number;
  missing: number;
  /** Part of one core that the load generator took: near 1, the figure is the generator's. */
  generatorLoad: number;
  /** Processor time of the broker for each message counted, µs; null where the system does not tell. */
  brokerMicros: number | null;
}

interface Row {
  load: string;
  contender: string;
  median: number;
  /** Against the first contender. */
  ratio: number;
  samples: Sample[];
}

const GENERATOR = join(import.meta.dirname, 'mqtt/generator.ts');
const execute = promisify(execFile);

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      loads: { type: 'string', default: Object.keys(LOADS).join(',') },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '1' },
      inflight: { type: 'string', default: '20' },
    },
  });
  const contenders = choose(values.only);
  const loads = values.loads.split(',');
  const samples = new Map<string, Sample[]>();
  const running: Running[] = [];
  try {
    for (const contender of contenders)
      running.push(await contender.start({ inflight: Number(values.inflight) }));
    for (let round = 1; round <= Number(values.rounds); round++) {
      for (const load of loads) {
        for (const [index, { name }] of contenders.entries()) {
          const sample = await measure(load, running[index]!, values.seconds);
          const key = `${load} ${name}`;
          samples.set(key, [...(samples.get(key) ?? []), sample]);
          const missing = sample.missing === 0 ? '' : `, ${sample.missing} MISSING`;
          console.log(
            `round ${round}  ${load.padEnd(14)} ${name.padEnd(20)} ${thousands(sample.rate)}/s${missing}`,
          );
        }
      }
    }
  } finally {
    for (const broker of running) await broker.stop();
  }
  const rows = loads.flatMap((load) => rowsOf(load, contenders, samples));
  console.log();
  for (const load of loads) {
    const own = rows.filter((row) => row.load === load);
    const cells = own.map(({ contender, median: rate, ratio, samples: all }) => {
      const rates = all.map((sample) => sample.rate);
      const missing = all.reduce((sum, sample) => sum + sample.missing, 0);
      const micros = all.map((sample) => sample.brokerMicros).filter((value) => value !== null);
      return [
        contender,
        thousands(rate),
        `${thousands(Math.min(...rates))} - ${thousands(Math.max(...rates))}`,
        `${ratio.toFixed(2)} x`,
        micros.length === 0 ? '-' : median(micros).toFixed(2),
        `${Math.round(median(all.map((sample) => sample.generatorLoad)) * 100)} %`,
        String(missing),
      ];
    });
    console.log(LOADS[load]!.about);
    const against = `against ${own[0]!.contender}`;
    console.log(table(['', 'median/s', 'range', against, 'broker µs', 'generator', 'missing'], cells), '\n');
  }
  console.log(`written to ${writeReport('mqtt', rows)}`);
}

function choose(only: string | undefined): Contender[] {
  const names = only?.split(',') ?? CONTENDERS.map(({ name }) => name);
  return names.flatMap((name) => {
    const contender = CONTENDERS.find((known) => known.name === name);
    if (contender === undefined) throw new Error(`There is no contender ${name}.`);
    const missing = contender.missing();
    if (missing !== null) console.log(`left out: ${name}, ${missing}`);
    return missing === null ? [contender] : [];
  });
}

async function measure(load: string, broker: Running, seconds: string): Promise<Sample> {
  if (LOADS[load] === undefined) throw new Error(`There is no load ${load}.`);
  const before = cpuMicros(broker.pid);
  const { stdout } = await execute(process.execPath, [GENERATOR, load, String(broker.port), seconds]);
  const sample = JSON.parse(stdout) as Omit<Sample, 'brokerMicros'>;
  const after = cpuMicros(broker.pid);
  const brokerMicros = before === null || after === null ? null : (after - before) / sample.total;
  return { ...sample, brokerMicros };
}

/** Processor time of a process so far, from Linux's /proc in ticks of 10 ms. */
function cpuMicros(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return null;
  }
}

function rowsOf(load: string, contenders: Contender[], samples: Map<string, Sample[]>): Row[] {
  const rows = contenders.map(({ name }) => {
    const own = samples.get(`${load} ${name}`)!;
    return { load, contender: name, median: median(own.map(({ rate }) => rate)), ratio: 1, samples: own };
  });
  for (const row of rows) row.ratio = row.median / rows[0]!.median;
  return rows;
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en');
}
