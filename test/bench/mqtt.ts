import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type Contender, CONTENDERS, type Running } from './mqtt/contenders.ts';
import { LOADS } from './mqtt/loads.ts';
import { median, table, writeReport } from './support/report.ts';

export const about =
  'brokers in turns: mosquitto, aedes, ours [--only a,b] [--loads a,b] [--rounds 5] [--seconds 1]';

/*
 * Notes.
 * - Every broker and the load generator are processes of their own; all brokers stay up, one works at a time, and
 *   every round asks each of them in turn. A figure is the median of its rounds, a ratio that of two medians.
 * - The publishers keep a bounded number of messages under way end to end, so that no broker has reason to drop:
 *   a `missing` above 0 makes a figure worthless, and is printed.
 */

interface Sample {
  rate: number;
  missing: number;
  cpuSeconds: number;
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
    },
  });
  const contenders = choose(values.only);
  const loads = values.loads.split(',');
  const samples = new Map<string, Sample[]>();
  const running: Running[] = [];
  try {
    for (const contender of contenders) running.push(await contender.start());
    for (let round = 1; round <= Number(values.rounds); round++) {
      for (const load of loads) {
        for (const [index, { name }] of contenders.entries()) {
          const sample = await measure(load, running[index]!.port, values.seconds);
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
      const span = `${thousands(Math.min(...rates))} - ${thousands(Math.max(...rates))}`;
      return [contender, thousands(rate), span, `${ratio.toFixed(2)} x`, String(missing)];
    });
    console.log(
      table([LOADS[load]!.about, 'median', 'range', `against ${own[0]!.contender}`, 'missing'], cells),
      '\n',
    );
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

async function measure(load: string, port: number, seconds: string): Promise<Sample> {
  if (LOADS[load] === undefined) throw new Error(`There is no load ${load}.`);
  const { stdout } = await execute(process.execPath, [GENERATOR, load, String(port), seconds]);
  return JSON.parse(stdout) as Sample;
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
