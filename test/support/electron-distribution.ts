/** A folder that looks like an Electron distribution for Linux, for packing where the real one cannot be fetched. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Marks the fuses inside Electron's program; a version, their number and one character each follow. */
const FUSE_SENTINEL = 'dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX';
/** As Electron ships them, in the order of @electron/fuses: '0' off, '1' on. */
const SHIPPED_FUSES = '101100011';

/** The program is a script with real fuses in it, so that flipping them is packed for real. */
export function writeStandInDistribution(folder: string, version: string): void {
  mkdirSync(join(folder, 'resources'), { recursive: true });
  mkdirSync(join(folder, 'locales'));
  const program = Buffer.concat([
    Buffer.from('#!/bin/sh\nexit 0\n'),
    Buffer.from(FUSE_SENTINEL),
    Buffer.from([1, SHIPPED_FUSES.length]),
    Buffer.from(`${SHIPPED_FUSES}\n`),
  ]);
  for (const name of ['electron', 'chrome-sandbox', 'chrome_crashpad_handler']) {
    writeFileSync(join(folder, name), name === 'electron' ? program : '#!/bin/sh\nexit 0\n');
    chmodSync(join(folder, name), 0o755);
  }
  for (const name of ['icudtl.dat', 'resources.pak', 'chrome_100_percent.pak', 'v8_context_snapshot.bin']) {
    writeFileSync(join(folder, name), '');
  }
  writeFileSync(join(folder, 'locales', 'en-US.pak'), '');
  writeFileSync(join(folder, 'version'), version);
  writeFileSync(join(folder, 'LICENSE'), 'the licence of Electron\n');
  writeFileSync(join(folder, 'LICENSES.chromium.html'), 'the licences of Chromium\n');
}

/** The states of the fuses in a program: '0' off, '1' on. */
export function readFuses(program: string): string {
  const bytes = readFileSync(program);
  const at = bytes.indexOf(FUSE_SENTINEL);
  if (at < 0) throw new Error(`${program} has no fuses.`);
  const count = bytes[at + FUSE_SENTINEL.length + 1]!;
  const start = at + FUSE_SENTINEL.length + 2;
  return bytes.subarray(start, start + count).toString('latin1');
}
