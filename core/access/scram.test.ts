import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { fakeScramKeys, makeScramKeys, SCRAM_ITERATIONS, ScramServer } from './scram.ts';
import type { ScramKeys } from './scram.ts';
import { ScramClient } from './scram-client-for-tests.ts';

let keys: ScramKeys;
beforeAll(async () => {
  keys = await makeScramKeys('pencil');
});

const server = (): ScramServer => new ScramServer(() => keys);
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
};

describe('SCRAM-SHA-256', () => {
  it('answers the example of RFC 7677 §3 to the letter', async () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    const known = await makeScramKeys('pencil', salt, 4_096);
    const example = new ScramServer(() => known, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0');
    expect(example.first(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')).toString()).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
    );
    const final =
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,' +
      'p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
    expect(example.final(Buffer.from(final))?.toString()).toBe(
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
    );
  });

  it.each([
    ['without channel binding', 'n,,'],
    ['by a client that could bind', 'y,,'],
    ['with the same user to act for', 'n,a=us=3Der=2C1,'],
  ])('goes through %s, and proves the server too', (_how, header) => {
    let asked = '';
    const one = new ScramServer((name) => {
      asked = name;
      return keys;
    });
    const client = new ScramClient('us=er,1', 'pencil', header);
    expect(client.accepts(one.final(client.final(one.first(client.first()))))).toBe(true);
    expect(asked).toBe('us=er,1');
  });

  it('refuses a wrong password', () => {
    const one = server();
    const client = new ScramClient('user', 'pencik');
    expect(one.final(client.final(one.first(client.first())))).toBeNull();
  });

  it('takes extensions that it does not know and may leave out', () => {
    const one = server();
    expect(one.first(Buffer.from('n,,n=user,r=abc,x=1,y=2')).toString()).toMatch(
      /^r=abc.{32},s=.{24},i=15000$/,
    );
  });

  it('never answers two exchanges with one nonce', () => {
    const [one, other] = [server(), server()].map((each) =>
      each.first(Buffer.from('n,,n=user,r=abc')).toString(),
    );
    expect(one).not.toBe(other);
  });

  it.each([
    ['nothing', ''],
    ['channel binding', 'p=tls-unique,,n=user,r=abc'],
    ['an unknown flag', 'x,,n=user,r=abc'],
    ['no header', 'n=user,r=abc'],
    ['a mandatory extension', 'n,,m=1,n=user,r=abc'],
    ['no name', 'n,,r=abc'],
    ['an empty name', 'n,,n=,r=abc'],
    ['no nonce', 'n,,n=user'],
    ['an empty nonce', 'n,,n=user,r='],
    ['a nonce with a space', 'n,,n=user,r=a b'],
    ['a bad escape', 'n,,n=us=2Der,r=abc'],
    ['a NUL', 'n,,n=us\0er,r=abc'],
    ['another user to act for', 'n,a=admin,n=user,r=abc'],
    ['too much', `n,,n=user,r=${'a'.repeat(5_000)}`],
  ])('refuses a first message with %s', (_what, text) => {
    expect(codeOf(() => server().first(Buffer.from(text)))).toBe('access.bad_scram');
  });

  it('refuses bytes that are no UTF-8', () => {
    const bytes = Buffer.concat([Buffer.from('n,,n=us'), Buffer.of(0xff), Buffer.from(',r=abc')]);
    expect(codeOf(() => server().first(bytes))).toBe('access.bad_scram');
  });

  it.each([
    ['nothing', () => ''],
    ['another nonce', (text: string) => text.replace(',r=', ',r=x')],
    ['the nonce of the client alone', (text: string) => text.replace(/r=(.{24})[^,]*/, 'r=$1')],
    ['another header', (text: string) => text.replace('c=biws', 'c=eSws')],
    ['no proof', (text: string) => text.replace(/,p=.*/, '')],
    ['half a proof', (text: string) => text.replace(/(,p=.{20}).*/, '$1')],
    ['something after the proof', (text: string) => `${text},x=1`],
    ['a proof that is no Base64', (text: string) => text.replace(/,p=.*/, ',p=****')],
  ])('refuses a final message with %s', (_what, change) => {
    const one = server();
    const client = new ScramClient('user', 'pencil');
    const final = client.final(one.first(client.first())).toString();
    expect(codeOf(() => one.final(Buffer.from(change(final))))).toBe('access.bad_scram');
  });

  it('refuses messages in another order', () => {
    expect(codeOf(() => server().final(Buffer.from('c=biws,r=abc,p=AAAA')))).toBe('access.bad_scram');
    const one = server();
    one.first(Buffer.from('n,,n=user,r=abc'));
    expect(codeOf(() => one.first(Buffer.from('n,,n=admin,r=abc')))).toBe('access.bad_scram');
  });

  it('keeps nothing that signs in elsewhere, with at least 4,096 iterations and a salt per password', async () => {
    expect(SCRAM_ITERATIONS).toBe(15_000);
    const again = await makeScramKeys('pencil');
    expect(again.salt).not.toBe(keys.salt);
    expect(again.storedKey).not.toBe(keys.storedKey);
    expect(Object.keys(keys).sort()).toEqual(['iterations', 'salt', 'serverKey', 'storedKey']);
  });

  it('has keys for names that are not known: one salt per name, as real ones, and no password fits', () => {
    const secret = randomBytes(32);
    const [one, again, other] = ['eve', 'eve', 'mallory'].map((name) => fakeScramKeys(name, secret));
    expect(one!.salt).toBe(again!.salt);
    expect(one!.salt).not.toBe(other!.salt);
    expect(one!.salt).toHaveLength(keys.salt.length);
    expect(one!.iterations).toBe(keys.iterations);
    const fake = new ScramServer(() => one!);
    const client = new ScramClient('eve', 'pencil');
    expect(fake.final(client.final(fake.first(client.first())))).toBeNull();
  });
});
