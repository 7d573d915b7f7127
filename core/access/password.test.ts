import { scryptSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../base/manual-clock.ts';
import { dummyHash, PasswordHasher } from './password.ts';
import { MAX_VERIFIED, REMEMBER_VERIFIED_MS, VerifiedPasswords } from './verified.ts';

describe('PasswordHasher', () => {
  it('makes scrypt hashes of N 2^15 with a salt of their own, and knows them again', async () => {
    const hasher = new PasswordHasher();
    const [one, other] = await Promise.all([hasher.hash('correct horse'), hasher.hash('correct horse')]);
    expect(one).toMatchObject({ n: 32_768, r: 8, p: 1 });
    expect(one.salt).not.toBe(other.salt);
    const salt = Buffer.from(one.salt, 'base64');
    expect(salt).toHaveLength(16);
    const expected = scryptSync('correct horse', salt, 32, { N: 32_768, r: 8, p: 1, maxmem: 2 ** 26 });
    expect(Buffer.from(one.hash, 'base64')).toEqual(expected);
    expect(await hasher.verify('correct horse', one)).toBe(true);
    expect(await hasher.verify('correct horsf', one)).toBe(false);
    expect(await hasher.verify('correct horse', dummyHash())).toBe(false);
  });

  it('lets the event loop go on', async () => {
    let turns = 0;
    const turn = setInterval(() => turns++, 1);
    await new PasswordHasher().hash('x');
    clearInterval(turn);
    expect(turns).toBeGreaterThan(1);
  });

  it('works on a few at once, lets some wait, and refuses the rest', async () => {
    const hasher = new PasswordHasher({ maxRunning: 1, maxWaiting: 2 });
    const cheap = { n: 1_024, r: 8, p: 1, salt: 'AAAA', hash: Buffer.alloc(32).toString('base64') };
    const asked = Array.from({ length: 5 }, () =>
      hasher.verify('x', cheap).catch((error: { code: string }) => error.code),
    );
    expect(hasher.waiting).toBe(2);
    expect(await Promise.all(asked)).toEqual([false, false, false, 'access.busy', 'access.busy']);
    expect(hasher.waiting).toBe(0);
    expect(await hasher.verify('x', cheap)).toBe(false);
  });

  it('does no work that is no longer wanted when its turn comes', async () => {
    const hasher = new PasswordHasher({ maxRunning: 1, maxWaiting: 2 });
    const first = hasher.verify('x', dummyHash());
    await expect(hasher.verify('x', dummyHash(), () => false)).rejects.toMatchObject({
      code: 'access.not_wanted',
    });
    expect(await first).toBe(false);
  });
});

describe('VerifiedPasswords', () => {
  const right = (): Promise<boolean> => Promise.resolve(true);

  it('remembers a yes for some minutes and for this state of the user only', async () => {
    const clock = new ManualClock();
    const verified = new VerifiedPasswords<object>(clock);
    const user = {};
    const digest = verified.digest('ann', 'secret');
    expect(verified.has(digest, user)).toBe(false);
    await verified.check(digest, user, right);
    expect(verified.has(digest, user)).toBe(true);
    expect(verified.has(digest, {})).toBe(false);
    expect(verified.has(verified.digest('ann', 'secre'), user)).toBe(false);
    clock.advance(REMEMBER_VERIFIED_MS);
    expect(verified.has(digest, user)).toBe(false);
  });

  it('does not remember a no', async () => {
    const verified = new VerifiedPasswords<object>(new ManualClock());
    const digest = verified.digest('ann', 'wrong');
    expect(await verified.check(digest, verified, () => Promise.resolve(false))).toBe(false);
    expect(verified.size).toBe(0);
  });

  it('asks once for many who come with the same at once', async () => {
    const verified = new VerifiedPasswords<object>(new ManualClock());
    const user = {};
    let asked = 0;
    const verify = (): Promise<boolean> => Promise.resolve(++asked > 0);
    const digest = verified.digest('ann', 'secret');
    await Promise.all(Array.from({ length: 500 }, () => verified.check(digest, user, verify)));
    expect(asked).toBe(1);
    await verified.check(digest, {}, verify);
    expect(asked).toBe(2);
  });

  it('keys digests with something of this process, and does not mix name and password', () => {
    const clock = new ManualClock();
    const [one, other] = [new VerifiedPasswords(clock), new VerifiedPasswords(clock)];
    expect(one.digest('a', 'b')).not.toBe(other.digest('a', 'b'));
    expect(one.digest('ab', 'c')).not.toBe(one.digest('a', 'bc'));
  });

  it('stays small', async () => {
    const verified = new VerifiedPasswords<object>(new ManualClock());
    for (let index = 0; index < MAX_VERIFIED + 10; index++) await verified.check(`${index}`, verified, right);
    expect(verified.size).toBe(MAX_VERIFIED);
    expect(verified.has('0', verified)).toBe(false);
  });
});
