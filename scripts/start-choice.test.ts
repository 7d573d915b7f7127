import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseShell, consoleAddress, findElectronBinary } from './start-choice.ts';
import type { Surroundings } from './start-choice.ts';

const desktop: Surroundings = {
  platform: 'linux',
  env: { DISPLAY: ':0' },
  isRoot: false,
  electronBinary: '/e/electron',
  args: [],
};

describe('chooseShell', () => {
  it('opens the desktop where Electron and a display are', () => {
    expect(chooseShell(desktop).mode).toBe('desktop');
    expect(chooseShell({ ...desktop, env: { WAYLAND_DISPLAY: 'wayland-0' } }).mode).toBe('desktop');
    expect(chooseShell({ ...desktop, platform: 'win32', env: {} }).mode).toBe('desktop');
    expect(chooseShell({ ...desktop, platform: 'darwin', env: {}, isRoot: true }).mode).toBe('desktop');
  });

  it.each<[string, Partial<Surroundings>, RegExp]>([
    ['asked by flag', { args: ['--headless'] }, /--headless asks/],
    [
      'asked by environment',
      { env: { ...desktop.env, FIELDSTATION_HEADLESS: '1' } },
      /FIELDSTATION_HEADLESS/,
    ],
    ['no Electron', { electronBinary: null }, /npx install-electron/],
    ['no display', { env: {} }, /no display/],
    ['an empty display', { env: { DISPLAY: '', WAYLAND_DISPLAY: '' } }, /no display/],
    ['root', { isRoot: true }, /root/],
  ])('goes without a window and says why: %s', (_name, change, reason) => {
    const choice = chooseShell({ ...desktop, ...change });
    expect(choice.mode).toBe('headless');
    expect(choice.line).toMatch(reason);
    expect(choice.line).toContain('For the desktop');
    expect(choice.line).not.toContain('\n');
  });

  it('root may give the sandbox up, but only in so many words', () => {
    const choice = chooseShell({ ...desktop, isRoot: true, args: ['--no-sandbox', '--mqtt', '0'] });
    expect(choice).toMatchObject({ mode: 'desktop', args: ['--no-sandbox', '--mqtt', '0'] });
  });

  it('hands the rest on, without the words that serve would refuse', () => {
    const args = ['--headless', '--no-sandbox', '--mqtt', '127.0.0.1:0'];
    expect(chooseShell({ ...desktop, args }).args).toEqual(['--mqtt', '127.0.0.1:0']);
  });

  it('FIELDSTATION_HEADLESS=0 asks for nothing', () => {
    expect(chooseShell({ ...desktop, env: { DISPLAY: ':0', FIELDSTATION_HEADLESS: '0' } }).mode).toBe(
      'desktop',
    );
  });
});

describe('findElectronBinary', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'fieldstation-start-'));
    mkdirSync(join(root, 'node_modules', 'electron', 'dist'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('finds nothing where the program was not fetched', () => {
    expect(findElectronBinary(root, {}, 'linux')).toBeNull();
    writeFileSync(join(root, 'node_modules', 'electron', 'path.txt'), 'electron');
    expect(findElectronBinary(root, {}, 'linux')).toBeNull();
  });

  it('finds the program that the package installed', () => {
    writeFileSync(join(root, 'node_modules', 'electron', 'path.txt'), 'electron');
    const binary = join(root, 'node_modules', 'electron', 'dist', 'electron');
    writeFileSync(binary, '');
    expect(findElectronBinary(root, {}, 'linux')).toBe(binary);
  });

  it('obeys Electron in where another distribution lies', () => {
    writeFileSync(join(root, 'electron'), '');
    expect(findElectronBinary(root, { ELECTRON_OVERRIDE_DIST_PATH: root }, 'linux')).toBe(
      join(root, 'electron'),
    );
    expect(findElectronBinary(root, { ELECTRON_OVERRIDE_DIST_PATH: root }, 'win32')).toBeNull();
  });
});

describe('consoleAddress', () => {
  it('is the address with the token, ready to be pasted', () => {
    const line =
      '{"ready":true,"mqtt":"127.0.0.1:1883","coap":null,"http":"http://127.0.0.1:8080","token":"a+b"}\n';
    expect(consoleAddress(line)).toEqual({ address: 'http://127.0.0.1:8080/?token=a%2Bb' });
  });

  it('is known to be missing when the gateway does not listen', () => {
    expect(consoleAddress('{"ready":true,"http":null,"token":"t"}')).toEqual({ address: null });
  });

  it('is not in any other line', () => {
    for (const line of ['', 'ready', 'null', '[]', '{"ready":false}', '{"http":"http://x","token":"t"}']) {
      expect(consoleAddress(line)).toBeNull();
    }
  });
});
