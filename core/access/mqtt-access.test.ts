import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AclRule } from '../contract/security.ts';
import { AccessBench, PASSWORD } from './access-bench-for-tests.ts';

let bench: AccessBench;
let changes: number;
let revoked: string[];

beforeEach(() => {
  bench = new AccessBench();
  listen();
});

afterEach(() => bench.remove());

function listen(): void {
  changes = 0;
  revoked = [];
  bench.access.changed.on(() => changes++);
  bench.access.revoked.on((name) => revoked.push(name));
}

const allow = (filter: string, action: AclRule['action'] = 'both'): AclRule => ({
  effect: 'allow',
  action,
  filter,
});
const deny = (filter: string, action: AclRule['action'] = 'both'): AclRule => ({
  effect: 'deny',
  action,
  filter,
});

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'none';
}

describe('users', () => {
  it('are kept over a restart, readable by their owner only, without their passwords', async () => {
    bench.access.putRole({ name: 'pumps', rules: [allow('dev/%c/#')] });
    const row = await bench.access.putUser({
      name: 'ann',
      password: PASSWORD,
      roles: ['pumps', 'pumps'],
      clientIds: ['pump-%u'],
      publishRate: 7,
    });
    const nowMs = bench.clock.now();
    expect(row).toEqual({
      name: 'ann',
      enabled: true,
      roles: ['pumps'],
      clientIds: ['pump-%u'],
      hasPassword: true,
      createdMs: nowMs,
      changedMs: nowMs,
      lastSeenMs: 0,
      publishRate: 7,
    });
    expect(statSync(bench.file).mode & 0o777).toBe(0o600);
    const before = bench.access.snapshot();
    bench.access = bench.open();
    expect(bench.access.snapshot()).toEqual(before);
    expect(bench.access.hasUsers()).toBe(true);
    expect(await bench.signIn({ username: 'ann', password: PASSWORD, clientId: 'pump-ann' })).toBe('ann');
    expect(bench.access.snapshot().users[0]!.lastSeenMs).toBe(nowMs);
    const kept = JSON.parse(readFileSync(bench.file, 'utf8')).users[0].password;
    const told = JSON.stringify([row, bench.access.snapshot(), bench.lines]);
    expect(readFileSync(bench.file, 'utf8') + told).not.toContain(PASSWORD);
    for (const secret of [kept.scrypt.hash, kept.scrypt.salt, kept.scram.storedKey, kept.scram.serverKey]) {
      expect(secret).toMatch(/^[A-Za-z0-9+/=]{24,}$/);
      expect(told).not.toContain(secret);
    }
  });

  it('keep their password unless a new one is given, or it is taken away', async () => {
    const { access } = bench;
    await access.putUser({ name: 'ann', password: PASSWORD, roles: [] });
    bench.clock.advance(5_000);
    const kept = await access.putUser({ name: 'ann', roles: [], publishRate: 3 });
    expect(kept).toMatchObject({ hasPassword: true, createdMs: bench.clock.now() - 5_000, publishRate: 3 });
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('ann');
    expect(revoked).toEqual([]);
    expect(await access.putUser({ name: 'ann', password: null, roles: [] })).toMatchObject({
      hasPassword: false,
    });
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('0x86');
    expect(revoked).toEqual(['ann']);
  });

  it('lose their connections when they may no longer be there, after the rules have changed', async () => {
    const { access } = bench;
    const order: string[] = [];
    access.changed.on(() => order.push('changed'));
    access.revoked.on((name) => order.push(name));
    await access.putUser({ name: 'ann', password: PASSWORD, roles: [] });
    await access.putUser({ name: 'ann', password: PASSWORD, roles: [] });
    await access.putUser({ name: 'ann', roles: [], clientIds: ['one'] });
    await access.putUser({ name: 'ann', roles: [], clientIds: ['one'], publishRate: 9 });
    await access.putUser({ name: 'ann', roles: [], clientIds: ['one'], enabled: false });
    access.removeUser('ann');
    expect(order.join(' ')).toBe('changed changed ann changed ann changed changed ann changed ann');
    expect(access.hasUsers()).toBe(false);
  });

  it('are refused with a code that says why', async () => {
    const { access } = bench;
    const put = (input: object): Promise<string> =>
      codeOf(() => access.putUser({ name: 'ann', roles: [], ...input }));
    expect(await put({ roles: ['nobody'] })).toBe('security.unknown_role');
    for (const name of ['a\u202eb', 'a\uff0fb', '\uff03', 'a\u00a0', '\u00ad']) {
      expect([name, await put({ name })]).toEqual([name, 'security.bad_name']);
    }
    expect(await put({ password: 'eight\u0000888' })).toBe('security.bad_password');
    expect(await codeOf(() => access.removeUser('eve'))).toBe('security.unknown_user');
    expect([changes, access.hasUsers(), readdirSync(bench.folder)]).toEqual([0, false, []]);
  });

  it('are found under their name however it is composed', async () => {
    const { access } = bench;
    const decomposed = 'Zu\u0308rich';
    expect(await access.putUser({ name: decomposed, roles: [] })).toMatchObject({ name: 'Z\u00fcrich' });
    access.putRole({ name: 'all', rules: [allow('#')] });
    await access.putUser({ name: 'Z\u00fcrich', roles: ['all'] });
    expect(access.snapshot().users).toHaveLength(1);
    expect(access.test({ user: decomposed, action: 'publish', topic: 'a' }).allowed).toBe(true);
    access.removeUser(decomposed);
    expect(access.hasUsers()).toBe(false);
  });

  it('number at most 1,000', async () => {
    const user = { enabled: true, roles: [], clientIds: [], publishRate: 0, createdMs: 1, changedMs: 1 };
    const users = Array.from({ length: 1_000 }, (_, index) => ({
      ...user,
      name: `u${index}`,
      password: null,
    }));
    const state = { version: 1, fakeSaltSecret: 'AAAA', anonymousRole: null, roles: [], users };
    writeFileSync(bench.file, JSON.stringify(state), { mode: 0o600 });
    bench.access = bench.open();
    expect(await codeOf(() => bench.access.putUser({ name: 'more', roles: [] }))).toBe('security.too_many');
    expect(await codeOf(() => bench.access.putUser({ name: 'u7', roles: [] }))).toBe('none');
  });

  it('that were made while a role went are refused', async () => {
    bench.access.putRole({ name: 'pumps', rules: [] });
    const made = codeOf(() => bench.access.putUser({ name: 'ann', password: PASSWORD, roles: ['pumps'] }));
    bench.access.removeRole('pumps');
    expect(await made).toBe('security.unknown_role');
    expect(bench.access.hasUsers()).toBe(false);
  });
});

describe('roles', () => {
  it('are asked in the order in which the user has them', async () => {
    const { access } = bench;
    access.putRole({ name: 'closed', rules: [deny('plant/secret/#'), allow('plant/x', 'publish')] });
    access.putRole({ name: 'open', rules: [allow('plant/#')] });
    await access.putUser({ name: 'ann', roles: ['closed', 'open'] });
    await access.putUser({ name: 'bob', roles: ['open', 'closed'] });
    await access.putUser({ name: 'eve', roles: [] });
    const may = (username: string, topic: string, action: 'publish' | 'subscribe' = 'publish') =>
      access.authorize({ clientId: 'c', username, action, topic });
    expect([may('ann', 'plant/secret/1'), may('bob', 'plant/secret/1')]).toEqual([false, true]);
    expect([may('ann', 'plant/y'), may('eve', 'plant/y'), may('nobody', 'plant/y')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([may('ann', 'plant/#', 'subscribe'), may('bob', 'plant/#', 'subscribe')]).toEqual([false, true]);
    expect(access.snapshot().roles.map(({ name, users }) => [name, users])).toEqual([
      ['closed', ['ann', 'bob']],
      ['open', ['ann', 'bob']],
    ]);
    access.putRole({ name: 'open', rules: [] });
    expect([may('ann', 'plant/y'), may('ann', 'plant/x')]).toEqual([false, true]);
    await access.putUser({ name: 'ann', roles: ['closed', 'open'], enabled: false });
    expect(may('ann', 'plant/x')).toBe(false);
    expect(changes).toBe(7);
  });

  it('say which rule decides', async () => {
    const { access } = bench;
    access.putRole({ name: 'pumps', rules: [deny('dev/+/secret'), allow('dev/%c/#')] });
    await access.putUser({ name: 'ann', roles: ['pumps'] });
    const ask = (topic: string, action: 'publish' | 'subscribe' = 'publish', user: string | null = 'ann') =>
      access.test({ user, clientId: 'p1', action, topic });
    expect(ask('dev/p1/up')).toEqual({ allowed: true, role: 'pumps', rule: allow('dev/%c/#') });
    expect(ask('dev/p1/secret')).toEqual({ allowed: false, role: 'pumps', rule: deny('dev/+/secret') });
    const none = { allowed: false, role: null, rule: null };
    expect(ask('other')).toEqual(none);
    expect(ask('dev/p1/+')).toEqual(none);
    expect(ask('dev/p1/x/#', 'subscribe')).toMatchObject({ allowed: true });
    expect(ask('$share/group/dev/p1/x', 'subscribe')).toMatchObject({ allowed: true });
    expect(ask('dev/#/x', 'subscribe')).toEqual(none);
    expect(ask('dev/p1/up', 'publish', 'nobody')).toEqual(none);
    expect(ask('dev/p1/up', 'publish', null)).toEqual({ allowed: true, role: null, rule: null });
  });

  it('of anonymous clients close what is open without one', async () => {
    const { access } = bench;
    const may = (topic: string) =>
      access.authorize({ clientId: 'c', username: null, action: 'publish', topic });
    expect(may('anything')).toBe(true);
    access.putRole({ name: 'guest', rules: [allow('guest/#')] });
    expect(await codeOf(() => access.setAnonymousRole('guests'))).toBe('security.unknown_role');
    expect([access.mayPublishAll(null), access.mayPublishAll('ann')]).toEqual([true, false]);
    expect(access.setAnonymousRole('guest')).toMatchObject({ anonymousRole: 'guest' });
    expect(access.mayPublishAll(null)).toBe(false);
    expect([may('anything'), may('guest/x')]).toEqual([false, true]);
    expect(await codeOf(() => access.removeRole('guest'))).toBe('security.role_in_use');
    expect(access.setAnonymousRole(null).anonymousRole).toBeNull();
    access.removeRole('guest');
    expect([may('anything'), access.snapshot().roles]).toEqual([true, []]);
  });

  it('are refused with a code that says why', async () => {
    const { access } = bench;
    const put = (rules: AclRule[], name = 'pumps'): Promise<string> =>
      codeOf(() => access.putRole({ name, rules }));
    expect(await put([allow('a/#/b')])).toBe('security.bad_filter');
    expect(await put(Array<AclRule>(1_001).fill(allow('a')))).toBe('security.too_many');
    expect(await put(Array<AclRule>(17).fill(allow('a'.repeat(65_000))))).toBe('security.too_many');
    expect(await codeOf(() => access.removeRole('pumps'))).toBe('security.unknown_role');
    expect(await put([])).toBe('none');
    await access.putUser({ name: 'ann', roles: ['pumps'] });
    expect(await codeOf(() => access.removeRole('pumps'))).toBe('security.role_in_use');
  });

  it('number at most 200', async () => {
    const roles = Array.from({ length: 200 }, (_, index) => ({ name: `r${index}`, rules: [] }));
    const state = { version: 1, fakeSaltSecret: 'AAAA', anonymousRole: null, roles, users: [] };
    writeFileSync(bench.file, JSON.stringify(state), { mode: 0o600 });
    bench.access = bench.open();
    expect(await codeOf(() => bench.access.putRole({ name: 'more', rules: [] }))).toBe('security.too_many');
    expect(await codeOf(() => bench.access.putRole({ name: 'r7', rules: [] }))).toBe('none');
  });
});

describe('the file', () => {
  it('that is damaged is set aside, and the broker stays closed, also over the next start', async () => {
    await bench.access.putUser({ name: 'ann', password: PASSWORD, roles: [] });
    const text = readFileSync(bench.file, 'utf8');
    writeFileSync(bench.file, text.slice(0, -30));
    for (let start = 0; start < 2; start++) {
      bench.access = bench.open();
      const { access } = bench;
      expect(access.hasUsers()).toBe(false);
      expect(access.snapshot()).toMatchObject({ anonymousRole: 'nobody', users: [] });
      for (const action of ['publish', 'subscribe'] as const) {
        expect(access.authorize({ clientId: 'c', username: null, action, topic: 'a' })).toBe(false);
        expect(access.authorize({ clientId: 'c', username: 'ann', action, topic: 'a' })).toBe(false);
      }
    }
    expect(readdirSync(bench.folder).filter((name) => name.includes('damaged'))).toHaveLength(1);
    expect(bench.lines.join('\n')).toContain('nobody may publish');
    expect(bench.lines.join('\n')).not.toContain(JSON.parse(text).users[0].password.scrypt.hash);
  });

  it('with a rule by hand that is no filter closes the broker, and does not allow more than it says', () => {
    bench.access.putRole({ name: 'r', rules: [{ effect: 'allow', action: 'both', filter: 'a/FILTER/b' }] });
    bench.access.setAnonymousRole('r');
    const text = readFileSync(bench.file, 'utf8');
    for (const [filter, allowed] of [
      ['+', 'r'],
      ['#', 'nobody'],
      ['x+', 'nobody'],
    ] as const) {
      writeFileSync(bench.file, text.replace('FILTER', filter));
      const access = bench.open();
      expect(access.snapshot().anonymousRole, filter).toBe(allowed);
      const request = { clientId: 'c', username: null, action: 'publish', topic: 'a/secret' } as const;
      expect(access.authorize(request), filter).toBe(false);
    }
  });

  it('that cannot be written leaves everything as it is', async () => {
    await bench.access.putUser({ name: 'ann', password: PASSWORD, roles: [] });
    listen();
    // A folder in the place of the new file is in the way of every user, also of root.
    mkdirSync(`${bench.file}.new`);
    const before = bench.access.snapshot();
    expect(await codeOf(() => bench.access.removeUser('ann'))).toBe('access.unwritable');
    expect(await codeOf(() => bench.access.putUser({ name: 'bob', roles: [] }))).toBe('access.unwritable');
    expect([bench.access.snapshot(), changes, revoked]).toEqual([before, 0, []]);
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('ann');
  });

  it('gets its rights back', async () => {
    await bench.access.putUser({ name: 'ann', roles: [] });
    chmodSync(bench.file, 0o644);
    bench.open();
    expect(statSync(bench.file).mode & 0o777).toBe(0o600);
  });
});
