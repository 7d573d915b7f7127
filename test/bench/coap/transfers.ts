/** Bodies in blocks, and the same by libcoap's own client, whose process is part of its time (some 5 ms). */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemClock } from '../../../core/base/clock.ts';
import { silentLog } from '../../../core/base/log.ts';
import { CoapEndpoint } from '../../../core/coap/endpoint.ts';

export const BODY = Buffer.alloc(1024 * 1024);
for (let at = 0; at < BODY.length; at++) BODY[at] = (at * 31 + (at >> 10)) & 0xff;

export interface Transferred {
  seconds: number;
  /** Of the client. */
  cpuSeconds: number;
}

export interface BlockClient {
  name: string;
  get(uri: string, blockBytes: number): Promise<Transferred>;
  put(uri: string, blockBytes: number): Promise<Transferred>;
  close(): Promise<void>;
}

/**
 * Every body that comes down is compared with what went up. Each transfer has an endpoint, and so a port, of its own: one
 * port may send no more than 65,536 messages to a server in 247 s (RFC 7252 §4.4), and would wait.
 */
export function ourBlockClient(): BlockClient {
  return {
    name: 'ours',
    get: (uri, blockBytes) =>
      timed(async (endpoint) => {
        const { code, payload } = await endpoint.request(uri, { blockBytes });
        if (code !== '2.05' || !BODY.equals(payload)) throw new Error(`${uri} came back wrong (${code}).`);
      }),
    put: (uri, blockBytes) =>
      timed(async (endpoint) => {
        const options = { method: 'PUT', payload: BODY, blockBytes, contentFormat: 42 } as const;
        const { code } = await endpoint.request(uri, options);
        if (!code.startsWith('2.')) throw new Error(`PUT ${uri} was answered with ${code}.`);
      }),
    close: () => Promise.resolve(),
  };
}

async function timed(run: (endpoint: CoapEndpoint) => Promise<void>): Promise<Transferred> {
  const endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  const cpuBefore = process.cpuUsage();
  const startedMs = performance.now();
  await run(endpoint);
  const seconds = (performance.now() - startedMs) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  await endpoint.stop();
  return { seconds, cpuSeconds: (cpu.user + cpu.system) / 1e6 };
}

export function libcoapBlockClient(program: string): BlockClient {
  const folder = mkdtempSync(join(tmpdir(), 'bench-coap-'));
  const up = join(folder, 'up');
  const down = join(folder, 'down');
  writeFileSync(up, BODY);
  return {
    name: 'libcoap',
    async get(uri, blockBytes) {
      const time = await timedBy([program, '-b', String(blockBytes), '-o', down, uri]);
      if (!BODY.equals(readFileSync(down))) throw new Error(`${uri} came back wrong to libcoap's client.`);
      rmSync(down);
      return time;
    },
    put: (uri, blockBytes) =>
      timedBy([program, '-m', 'put', '-t', '42', '-b', String(blockBytes), '-f', up, uri]),
    close: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
  };
}

/** The shell's `time`, as Node does not tell the processor time of one child. */
async function timedBy(command: string[]): Promise<Transferred> {
  const script = `TIMEFORMAT='%R %U %S'; time "$@" >/dev/null 2>/dev/null`;
  const { stderr } = await promisify(execFile)('bash', ['-c', script, 'bash', ...command]);
  const [seconds, user, system] = stderr.trim().split(' ').map(Number);
  return { seconds: seconds!, cpuSeconds: user! + system! };
}
