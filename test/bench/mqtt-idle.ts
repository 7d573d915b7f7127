import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { encodePacket } from '../../core/mqtt/codec/encode.ts';
import { type Contender, CONTENDERS, type Running } from './mqtt/contenders.ts';
import { table, writeReport } from './support/report.ts';

export const about =
  'idle connections: bytes each, beside mosquitto [--connections 10000] [--only a,b] [--rounds 3]';

/*
 * Connections are opened 200 at a time, each sends CONNECT and waits for CONNACK, then nothing. `bytes` is the growth
 * of the broker's resident memory (VmRSS, Linux only) from before the first connection to one quiet second after the
 * last, over the number of connections: what the process really takes from the machine, kernel buffers aside, with
 * garbage that the collector has not looked at yet. Every round has fresh processes.
 */

const AT_ONCE = 200;

interface Sample {
  connections: number;
  bytesEach: number;
  secondsToConnect: number;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      connections: { type: 'string', default: '10000' },
      only: { type: 'string', default: 'mosquitto,station --no-record,station' },
      rounds: { type: 'string', default: '3' },
    },
  });
  const wanted = values.only.split(',');
  const contenders = CONTENDERS.filter(({ name, missing }) => wanted.includes(name) && missing() === null);
  const results: Record<string, Sample[]> = {};
  for (let round = 1; round <= Number(values.rounds); round++) {
    for (const contender of contenders) {
      const sample = await measure(contender, Number(values.connections));
      (results[contender.name] ??= []).push(sample);
      console.log(`round ${round}  ${contender.name.padEnd(20)} ${Math.round(sample.bytesEach)} bytes each`);
    }
  }
  const rows = Object.entries(results).map(([name, samples]) => {
    const bytes = samples.map(({ bytesEach }) => bytesEach).sort((a, b) => a - b);
    const last = samples.at(-1)!;
    return [
      name,
      String(last.connections),
      String(Math.round(bytes[bytes.length >> 1]!)),
      `${Math.round(bytes[0]!)} - ${Math.round(bytes.at(-1)!)}`,
      last.secondsToConnect.toFixed(1),
    ];
  });
  console.log(`\n${table(['', 'connections', 'bytes each', 'range', 'seconds to connect'], rows)}\n`);
  console.log(`written to ${writeReport('mqtt-idle', results)}`);
}

async function measure(contender: Contender, connections: number): Promise<Sample> {
  const broker = await contender.start({ inflight: 20 });
  const sockets: Socket[] = [];
  try {
    // What the first connections load and compile is not theirs.
    await openAll(broker, 'warm', AT_ONCE, sockets);
    await quiet();
    const before = residentBytes(broker.pid);
    const startedMs = performance.now();
    // With the first ones they are no more than a broker takes by default.
    await openAll(broker, 'idle', connections - AT_ONCE, sockets);
    const secondsToConnect = (performance.now() - startedMs) / 1_000;
    await quiet();
    const grown = residentBytes(broker.pid) - before;
    const alive = sockets.filter((socket) => !socket.destroyed).length - AT_ONCE;
    return { connections: alive, bytesEach: grown / alive, secondsToConnect };
  } finally {
    for (const socket of sockets) socket.destroy();
    await broker.stop();
  }
}

async function openAll(broker: Running, prefix: string, count: number, into: Socket[]): Promise<void> {
  for (let from = 0; from < count; from += AT_ONCE) {
    const batch = Math.min(AT_ONCE, count - from);
    into.push(
      ...(await Promise.all(
        Array.from({ length: batch }, (_, index) => open(broker.port, `${prefix}-${from + index}`)),
      )),
    );
  }
}

function open(port: number, clientId: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const refused = (): void => reject(new Error(`The broker closed the connection of ${clientId}.`));
    socket.once('error', reject);
    socket.once('close', refused);
    socket.once('data', () => {
      socket.off('error', reject);
      socket.off('close', refused);
      socket.on('error', () => undefined);
      resolve(socket);
    });
    socket.write(
      encodePacket(
        {
          type: 'connect',
          protocolLevel: 4,
          cleanStart: true,
          keepAliveSeconds: 0,
          clientId,
          will: null,
          username: null,
          password: null,
          properties: {},
        },
        4,
      ),
    );
  });
}

function quiet(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_000));
}

function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line![1]) * 1_024;
}
