import { readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';

/**
 * Who holds a local port, as `name (pid N)`, or null where the system does not tell: other platforms than Linux,
 * and processes of other users. Used only to make an error message helpful, so every failure here is a null.
 */
export async function portHolder(protocol: 'tcp' | 'udp', port: number): Promise<string | null> {
  if (process.platform !== 'linux') return null;
  try {
    const inodes = new Set<string>();
    for (const table of [protocol, `${protocol}6`]) {
      const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => '');
      for (const inode of inodesOnPort(text, protocol, port)) inodes.add(inode);
    }
    return inodes.size === 0 ? null : await processWithSocket(inodes);
  } catch {
    return null;
  }
}

/** Socket inodes bound to `port` in the text of `/proc/net/{tcp,udp}`; for TCP only the listening ones. */
export function inodesOnPort(table: string, protocol: 'tcp' | 'udp', port: number): string[] {
  const TCP_LISTEN = '0A';
  const found: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    const columns = line.trim().split(/\s+/);
    const [, local, , state] = columns;
    const inode = columns[9];
    if (local === undefined || inode === undefined) continue;
    if (parseInt(local.split(':')[1] ?? '', 16) !== port) continue;
    if (protocol === 'tcp' && state !== TCP_LISTEN) continue;
    found.push(inode);
  }
  return found;
}

/**
 * Program of a `/proc/PID/cmdline`: its file name, and for an interpreter the script's too. Never more: other
 * arguments may be secrets.
 */
export function programName(commandLine: string): string {
  const [program = '', ...rest] = commandLine.split('\0');
  const name = basename(program);
  const script = rest.find((word) => word !== '' && !word.startsWith('-'));
  const interpreter = /^(node|python|java|ruby|perl|sh|bash)[\d.]*$/.test(name);
  return interpreter && script?.includes('.') === true ? `${name} ${basename(script)}` : name;
}

async function processWithSocket(inodes: Set<string>): Promise<string | null> {
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
      if (!links.has(target)) continue;
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      return `${programName(line) || 'a process'} (pid ${pid})`;
    }
  }
  return null;
}
