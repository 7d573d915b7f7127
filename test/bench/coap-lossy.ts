import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { LibcoapLoss, hashOf, openLossyServer } from '../support/coap-lossy.ts';
import type { LossyServer } from '../support/coap-lossy.ts';
import { startPeer } from '../support/peers.ts';
import { UdpRelay } from '../support/udp-relay.ts';
import { table, writeReport } from './support/report.ts';

export const about =
  'a megabyte up and down through loss: ours, and libcoap as client [--loss 0.3] [--clients 250]';

/*
 * Our client waits 2 ms for an ACK (a device on the same table), libcoap's the 2 s of RFC 7252, which no option of it
 * changes. It gives up one exchange in thirty at 30 % loss each way, and a megabyte has a thousand: so the megabyte is
 * many bodies, each with a client, a relay and a seed of its own, and a client that gave up is started again. Loss
 * alone: libcoap 4.3.1 takes a block that comes twice for two.
 */

const MEGABYTE = 1_000_000;

interface Row {
  who: string;
  seconds: number;
  /** Repeats of ours, or starts of libcoap's clients. */
  again: number;
  lost: number;
  intact: boolean;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { loss: { type: 'string', default: '0.3' }, clients: { type: 'string', default: '250' } },
  });
  const loss = Number(values.loss);
  const ours = await openLossyServer();
  const libcoap = await LibcoapLoss.start('-d', '10', '-L', '3');
  try {
    const rows = [
      ...(await byOurs('our client, libcoap', libcoap.port, loss)),
      ...(await byOurs('our client, our server', ours.port, loss)),
      ...(await byLibcoap(ours, Number(values.clients), loss)),
    ];
    const lines = rows.map(({ who, seconds, again, lost, intact }) => [
      ...[who, seconds.toFixed(1), (MEGABYTE / seconds / 1_000).toFixed(1), String(again), String(lost)],
      intact ? 'intact' : 'BROKEN',
    ]);
    console.log(`\n${table(['', 'seconds', 'kB/s', 'again', 'lost', ''], lines)}\n`);
    console.log(`written to ${writeReport('coap-lossy', rows)}`);
  } finally {
    await libcoap.stop();
    await ours.stop();
  }
}

async function byOurs(who: string, port: number, loss: number): Promise<Row[]> {
  const body = patterned(MEGABYTE, 0);
  const faults = { loss, duplicate: 0.1, reorder: 0.1, holdMs: 10, seed: 21 };
  const relay = new UdpRelay({ host: '127.0.0.1', port }, faults);
  await relay.start();
  const endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 1,
    parameters: { ackTimeoutMs: 2, maxRetransmit: 6, responseTimeoutMs: 2_000 },
  });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  try {
    const uri = `coap://127.0.0.1:${relay.port}/big`;
    const rows: Row[] = [];
    for (const method of ['PUT', 'GET'] as const) {
      const lostBefore = relay.counts.lost;
      const startedMs = performance.now();
      const up = method === 'PUT' ? { method, payload: body } : { method };
      const answer = await endpoint.request(uri, up);
      const seconds = (performance.now() - startedMs) / 1_000;
      // What was written is read past the relay.
      const direct = `coap://127.0.0.1:${port}/big`;
      const there = method === 'GET' ? answer : await endpoint.request(direct);
      const intact = hashOf(there.payload) === hashOf(body);
      const lost = relay.counts.lost - lostBefore;
      rows.push({ who: `${who}, ${method}`, seconds, again: answer.retransmissions, lost, intact });
      console.log(`${who}, ${method}: ${seconds.toFixed(1)} s`);
    }
    return rows;
  } finally {
    await endpoint.stop();
    await relay.stop();
  }
}

async function byLibcoap(ours: LossyServer, clients: number, loss: number): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'coap-lossy-'));
  const bytes = Math.ceil(MEGABYTE / clients);
  const bodies = Array.from({ length: clients }, (_, nth) => patterned(bytes, nth));

  const many = async (method: 'put' | 'get'): Promise<Row> => {
    let [starts, lost, broken] = [0, 0, 0];
    const startedMs = performance.now();
    await Promise.all(
      bodies.map(async (body, nth) => {
        const path = `${method}-${nth}`;
        const file = join(folder, path);
        if (method === 'put') writeFileSync(file, body);
        else ours.stored.set(path, body);
        const relay = new UdpRelay({ host: '127.0.0.1', port: ours.port }, { loss, seed: 1_000 + nth });
        await relay.start();
        for (;;) {
          starts++;
          const more = method === 'put' ? ['-m', 'put', '-b', '1024', '-f', file] : ['-o', file];
          await runOnce([...more, `coap://127.0.0.1:${relay.port}/${path}`]);
          const got = method === 'put' ? ours.stored.get(path) : readIfThere(file);
          if (got !== undefined && hashOf(got) === hashOf(body)) break;
          // A body that is there and another one is a fault; what a reader gave up half-way is begun anew.
          if (method === 'put' && got !== undefined) broken++;
        }
        lost += relay.counts.lost;
        await relay.stop();
      }),
    );
    const seconds = (performance.now() - startedMs) / 1_000;
    const who = `libcoap's ${clients} clients, our server, ${method.toUpperCase()}`;
    console.log(`${who}: ${seconds.toFixed(1)} s`);
    return { who, seconds, again: starts - clients, lost, intact: broken === 0 };
  };
  try {
    return await Promise.all((['put', 'get'] as const).map((method) => many(method)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** libcoap's client until it ends; killed where it has given up, as it would wait on. */
async function runOnce(args: string[]): Promise<void> {
  const child = startPeer('coap-client-notls', ['-v', '7', '-B', '900', ...args]);
  child.stderr!.resume();
  child.stdout!.on('data', (part: Buffer) => {
    if (part.toString('latin1').includes('give up after')) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
}

function readIfThere(file: string): Buffer | undefined {
  return existsSync(file) ? readFileSync(file) : undefined;
}

function patterned(bytes: number, seed: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 9) + seed) & 255));
}
