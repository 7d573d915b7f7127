/** Small disks of their own for tests that fill them or make them read-only. Linux and root only. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk {
  path: string;
  /** Fails while something on it is open for writing. */
  remount(how: 'ro' | 'rw'): void;
  unmount(): void;
}

/** A tmpfs of so many KiB, or null with the reason printed where it cannot be mounted. */
export function smallDisk(kib: number): SmallDisk | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    process.stderr.write('skipped: mounting a small disk needs Linux and root\n');
    return null;
  }
  const path = mkdtempSync(join(tmpdir(), 'fieldstation-disk-'));
  const mounted = command('mount', ['-t', 'tmpfs', '-o', `size=${kib}k`, 'fieldstation-test', path]);
  if (mounted !== null) {
    rmdirSync(path);
    process.stderr.write(`skipped: a small disk cannot be mounted here: ${mounted}\n`);
    return null;
  }
  return {
    path,
    remount(how) {
      const problem = command('mount', ['-o', `remount,${how}`, path]);
      if (problem !== null) throw new Error(problem);
    },
    unmount() {
      const problem = command('umount', [path]);
      if (problem !== null) throw new Error(problem);
      rmdirSync(path);
    },
  };
}

/** Adds to the file until its disk has no more to give, whoever else takes some of it meanwhile. The bytes added. */
export function fillDisk(file: string): number {
  const piece = Buffer.alloc(64 * 1_024);
  const handle = openSync(file, 'a');
  let bytes = 0;
  try {
    for (;;) bytes += writeSync(handle, piece);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    return bytes;
  } finally {
    closeSync(handle);
  }
}

/**
 * Makes every write to a file fail (`chattr +i`), also through descriptors that are open already. Returns what undoes
 * it, or null with the reason printed.
 */
export function makeImmutable(file: string): (() => void) | null {
  const problem = command('chattr', ['+i', file]);
  if (problem === null) return () => void command('chattr', ['-i', file]);
  process.stderr.write(`skipped: files cannot be made immutable here: ${problem}\n`);
  return null;
}

function command(name: string, args: string[]): string | null {
  const result = spawnSync(name, args, { encoding: 'utf8' });
  if (result.error !== undefined) return result.error.message;
  return result.status === 0 ? null : result.stderr.trim();
}
