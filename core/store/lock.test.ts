import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startLineChild } from '../../test/support/child-lines.ts';
import { cleanUp, later, openRecord, recordFolder } from '../../test/support/records.ts';
import { lockFolder } from './lock.ts';

afterEach(cleanUp);

const CHILD = new URL('../../test/support/record-child.ts', import.meta.url);
const info = { pid: process.pid, http: null, startedMs: 1 };

it('is held once, and again after its release', () => {
  const folder = recordFolder();
  const lock = lockFolder(folder, info);
  expect(lock.held).toBe(true);
  expect(() => lockFolder(folder, info)).toThrow(expect.objectContaining({ code: 'store.locked' }));
  lock.release(true);
  const again = lockFolder(folder, info);
  expect(again.uncleanBefore).toBe(false);
  again.release(true);
  again.release(true);
});

it('tells in running.json who runs, until a clean release', () => {
  const folder = recordFolder();
  const lock = lockFolder(folder, info);
  const file = join(folder, 'running.json');
  lock.updateRunning({ http: 'http://127.0.0.1:1' });
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ ...info, http: 'http://127.0.0.1:1' });
  lock.release(true);
  expect(existsSync(file)).toBe(false);
});

it('refuses a second process, naming the first, and is free once that was killed', async () => {
  const folder = recordFolder();
  const holder = startLineChild(CHILD, [folder, 'hold']);
  later(() => holder.kill9());
  await holder.line((line) => line === 'open');
  await expect(openRecord(folder)).rejects.toMatchObject({
    code: 'store.locked',
    detail: { folder, pid: holder.child.pid, http: 'http://127.0.0.1:8080' },
    message: expect.stringMatching(
      new RegExp(`process id ${holder.child.pid} at http://127.0.0.1:8080`),
    ) as string,
  });
  expect(existsSync(join(folder, 'running.json'))).toBe(true);
  await holder.kill9();
  const record = await openRecord(folder);
  expect(record.status().state).toBe('ok');
});

it('sees that the run before it ended without a word, but not after a clean one', async () => {
  const folder = recordFolder();
  const holder = startLineChild(CHILD, [folder, 'hold']);
  await holder.line((line) => line === 'open');
  await holder.kill9();
  const lock = lockFolder(folder, info);
  expect(lock.uncleanBefore).toBe(true);
  lock.release(true);
  const clean = startLineChild(CHILD, [folder, 'hold']);
  later(() => clean.kill9());
  await clean.line((line) => line === 'open');
  const ended = new Promise((resolve) => clean.child.once('exit', resolve));
  clean.child.kill('SIGTERM');
  expect(await ended).toBe(0);
  const after = lockFolder(folder, info);
  expect(after.uncleanBefore).toBe(false);
  after.release(true);
});
