import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RotatingLog, fileLog } from './shell-log.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('RotatingLog', () => {
  it('appends lines, also to a file of an earlier run', async () => {
    const first = new RotatingLog({ folder, name: 'host' });
    first.write('one');
    await first.close();
    const second = new RotatingLog({ folder, name: 'host' });
    second.write('two');
    await second.close();
    await second.close();
    expect(read('host.log')).toBe('one\ntwo\n');
  });

  it('sets a full file aside and keeps as many as asked', async () => {
    const log = new RotatingLog({ folder, name: 'host', maxBytes: 20, files: 3 });
    for (let index = 0; index < 8; index++) {
      log.write(`line number ${index}`);
      await log.close();
    }
    expect(readdirSync(folder).sort()).toEqual(['host.1.log', 'host.2.log', 'host.log']);
    const all = read('host.2.log') + read('host.1.log') + read('host.log');
    expect(all.trim().split('\n').at(-1)).toBe('line number 7');
    expect(all).not.toContain('line number 0');
  });

  it('loses no line when files change under load', async () => {
    const log = new RotatingLog({ folder, name: 'host', maxBytes: 2_000, files: 100 });
    for (let index = 0; index < 500; index++) log.write(`line ${index}`);
    await log.close();
    const text = () =>
      readdirSync(folder)
        .map((name) => read(name))
        .join('');
    await expect.poll(() => text().trim().split('\n').length).toBe(500);
  });

  it('blanks tokens', async () => {
    const log = new RotatingLog({ folder, name: 'host' });
    log.write('{"ready":true,"token":"0123456789abcdef"}');
    log.write('open http://127.0.0.1/?token=0123456789abcdef&x=1');
    await log.close();
    expect(read('host.log')).toBe('{"ready":true,"token":"***"}\nopen http://127.0.0.1/?token=***&x=1\n');
  });

  it('tells once that it cannot write, and throws nothing', async () => {
    writeFileSync(join(folder, 'file'), '');
    const errors: Error[] = [];
    const log = new RotatingLog({
      folder: join(folder, 'file', 'logs'),
      name: 'x',
      onError: (e) => errors.push(e),
    });
    log.write('one');
    log.write('two');
    await log.close();
    expect(errors).toHaveLength(1);
  });
});

describe('fileLog', () => {
  it('writes time, level and one line', async () => {
    const log = new RotatingLog({ folder, name: 'shell' });
    fileLog(log, () => 0)('warn', 'two\nlines');
    await log.close();
    expect(read('shell.log')).toBe('1970-01-01T00:00:00.000Z warn shell: two lines\n');
  });
});
