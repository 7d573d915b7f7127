/** Real clients and servers that tests talk to. Debian's packages bring them; `.ci/run` installs the packages. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';

const DEBIAN_PACKAGE: Record<string, string> = {
  mosquitto: 'mosquitto',
  mosquitto_pub: 'mosquitto-clients',
  mosquitto_sub: 'mosquitto-clients',
  'coap-client-notls': 'libcoap3-bin',
  'coap-server-notls': 'libcoap3-bin',
  'coap-client-openssl': 'libcoap3-bin',
  'coap-server-openssl': 'libcoap3-bin',
  'coap-client-gnutls': 'libcoap3-bin',
  'coap-server-gnutls': 'libcoap3-bin',
};

/** Full path of a program on PATH (and in /usr/sbin), or null. */
export function findProgram(name: string): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return null;
}

/**
 * Names of the wanted programs that are missing. With `CI=true` that is an error; elsewhere the caller skips its
 * tests and the reason is printed here.
 */
export function missingPeers(...names: string[]): string[] {
  const missing = names.filter((name) => findProgram(name) === null);
  if (missing.length === 0) return [];
  const packages = [...new Set(missing.map((name) => DEBIAN_PACKAGE[name] ?? name))].join(' ');
  const line = `${missing.join(', ')} not found: apt-get install ${packages}`;
  if (process.env['CI'] === 'true') throw new Error(line);
  process.stderr.write(`skipped: ${line}\n`);
  return missing;
}

export function runPeer(name: string, args: string[], input?: string | Uint8Array): string {
  const result = spawnSync(findProgram(name) ?? name, args, { encoding: 'utf8', input, timeout: 30_000 });
  if (result.status !== 0)
    throw new Error(`${name} ${args.join(' ')}: exit ${result.status} ${result.stderr}`);
  return result.stdout;
}

export function startPeer(name: string, args: string[]): ChildProcess {
  return spawn(findProgram(name) ?? name, args, { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Ends a child and waits until it is gone. */
export async function stopChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await gone;
}

/** Below what the system gives for port 0 and to outgoing connections: 32,768 and more on Linux, 49,152 elsewhere. */
const PORTS = { from: 10_000, to: 32_000 };

/**
 * A port for a server that must be told one: it and the next were free a moment ago on 127.0.0.1, over UDP and TCP.
 * libcoap takes both over both. Nobody but another caller of this function is likely to take them meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const tcp = createServer();
  const udp = createSocket('udp4');
  try {
    tcp.listen(port, '127.0.0.1');
    await once(tcp, 'listening');
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    await Promise.all([
      new Promise((closed) => tcp.close(closed)),
      new Promise<void>((closed) => udp.close(closed)),
    ]);
  }
}
