/**
 * Packs the desktop as `npm run dist` does, only into a folder and around a stand-in for Electron, and looks at what
 * would reach an operator's machine. Offline: Electron's distribution is ours and nothing is compiled.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildIfNeeded } from '../../scripts/build-if-needed.ts';
import { readFuses, writeStandInDistribution } from '../support/electron-distribution.ts';

interface Asar {
  listPackage(archive: string, options: { isPack: boolean }): string[];
  extractFile(archive: string, path: string): Buffer;
}

const ROOT = join(import.meta.dirname, '..', '..');
const require = createRequire(import.meta.url);
// It comes with electron-builder, which packs with it.
const asar = createRequire(require.resolve('app-builder-lib'))('@electron/asar') as Asar;
const run = promisify(execFile);
const onLinux = process.platform === 'linux';
if (!onLinux) process.stderr.write('dist.test.ts: skipped, the packed folder is the one for Linux\n');

let folder: string;
let app: string;
let archive: string;
let packed: string[];

beforeAll(async () => {
  if (!onLinux) return;
  expect(buildIfNeeded(ROOT, () => undefined)).toBe(true);
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-dist-'));
  const electron = join(folder, 'electron');
  const { version } = require('electron/package.json') as { version: string };
  writeStandInDistribution(electron, version);
  const output = join(folder, 'release');
  const config = [`-c.electronDist=${electron}`, `-c.directories.output=${output}`];
  // A proxy that nobody serves: a download would fail instead of quietly making the test need a network.
  const env = { ...process.env, HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };
  const cli = join(ROOT, 'node_modules', 'electron-builder', 'cli.js');
  await run(process.execPath, [cli, '--linux', 'dir', `--${process.arch}`, ...config], { cwd: ROOT, env });
  app = join(output, process.arch === 'x64' ? 'linux-unpacked' : `linux-${process.arch}-unpacked`);
  archive = join(app, 'resources', 'app.asar');
  packed = asar.listPackage(archive, { isPack: false }).map((path) => path.replaceAll('\\', '/'));
}, 120_000);
afterAll(() => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

describe.runIf(onLinux)('the packed desktop', () => {
  it('holds the desktop, the host with its workers, the console and the licences', () => {
    for (const path of [
      '/package.json',
      '/dist/electron/main.js',
      '/dist/electron/preload.cjs',
      '/dist/host/host.js',
      '/dist/host/cli.js',
      '/dist/host/writer-worker.js',
      '/dist/host/reader-worker.js',
      '/dist/console/index.html',
      '/dist/console/LICENSES.md',
      '/dist/host/LICENSES.md',
    ]) {
      expect(packed).toContain(path);
    }
    expect(packed.some((path) => /^\/dist\/console\/assets\/.+\.js$/.test(path))).toBe(true);
    for (const name of ['LICENSE.fieldstation.txt', 'LICENSE.electron.txt', 'LICENSES.chromium.html']) {
      expect(existsSync(join(app, name)), name).toBe(true);
    }
  });

  it('holds nothing else: no source, no test, no map, no tool', () => {
    const top = new Set(packed.map((path) => path.split('/')[1]));
    expect([...top].sort()).toEqual(['dist', 'node_modules', 'package.json']);
    const dist = new Set(
      packed.filter((path) => path.startsWith('/dist/')).map((path) => path.split('/')[2]),
    );
    expect([...dist].sort()).toEqual(['console', 'electron', 'host']);
    const packages = packed.filter((path) => /^\/node_modules\/[^/]+$/.test(path));
    expect(packages).toEqual(['/node_modules/better-sqlite3']);
    expect(packed.filter((path) => /\.(ts|svelte|map|cc|cpp|hpp|c|h|gyp)$/.test(path))).toEqual([]);
    expect(packed.filter((path) => /(^|\/)(test|tests|docs)\//.test(path))).toEqual([]);
  });

  it('has a manifest with an entry, and without tools and scripts', () => {
    const manifest = JSON.parse(asar.extractFile(archive, 'package.json').toString()) as Record<
      string,
      unknown
    >;
    expect(manifest['main']).toBe('dist/electron/main.js');
    expect(manifest['type']).toBe('module');
    expect(manifest).not.toHaveProperty('devDependencies');
    expect(manifest).not.toHaveProperty('scripts');
  });

  it('brings the one SQLite of its platform outside the archive, where it can be loaded', async () => {
    const unpacked = join(app, 'resources', 'app.asar.unpacked', 'node_modules', 'better-sqlite3');
    expect(readdirSync(join(unpacked, 'prebuilds'))).toEqual([`linux-${process.arch}.node`]);
    expect(existsSync(join(unpacked, 'LICENSE'))).toBe(true);
    const program = `
      const Database = require(${JSON.stringify(unpacked)});
      const db = new Database(':memory:');
      db.exec('create table t(x); insert into t values (42)');
      process.stdout.write(String(db.prepare('select x from t').pluck().get()));
    `;
    const { stdout } = await run(process.execPath, ['-e', program], { cwd: folder });
    expect(stdout).toBe('42');
  });

  it('has the fuses of electron-builder.yml', () => {
    const program = join(app, 'fieldstation');
    expect(statSync(program).mode & 0o111).not.toBe(0);
    // runAsNode, cookieEncryption, nodeOptions, nodeCliInspect, asarIntegrity, onlyAsar, browserSnapshot, fileProtocol;
    // the last is not known to this electron-builder and stays as Electron ships it.
    expect(readFuses(program)).toBe('010011001');
  });

  it('bundles the preload for a sandbox: it requires electron alone', () => {
    const preload = asar.extractFile(archive, 'dist/electron/preload.cjs').toString();
    const required = [...preload.matchAll(/require\("([^"]+)"\)/g)].map((match) => match[1]);
    expect([...new Set(required)]).toEqual(['electron']);
    expect(preload).not.toMatch(/^import /m);
  });

  it('leaves to be found at run time: Node itself, Electron in the desktop, SQLite in the host', () => {
    for (const [place, allowed] of [
      ['electron', ['electron']],
      ['host', ['better-sqlite3']],
    ] as const) {
      const scripts = packed.filter((path) => path.startsWith(`/dist/${place}/`) && path.endsWith('.js'));
      expect(scripts.length).toBeGreaterThan(0);
      for (const script of scripts) {
        const text = readFileSync(join(ROOT, script), 'utf8');
        // Written out as well as fetched when needed: `import x from`, `import(...)`, `require(...)`.
        const later = [...text.matchAll(/(?:\bimport|require)\(\s*['"]([^'"\n]+)['"]\s*\)/g)].map(
          (m) => m[1]!,
        );
        const imports = [...text.matchAll(/^(?:import|export)\b[^'"\n]*['"]([^'"\n]+)['"];?$/gm)].map(
          (m) => m[1]!,
        );
        const foreign = [...imports, ...later].filter(
          (name) => !name.startsWith('.') && !name.startsWith('node:'),
        );
        const packages = foreign.filter((name) => !builtinModules.includes(name));
        expect(
          packages.filter((name) => !(allowed as readonly string[]).includes(name)),
          script,
        ).toEqual([]);
      }
    }
  });
});
