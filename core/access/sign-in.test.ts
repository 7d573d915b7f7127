import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessBench, PASSWORD, spoken } from './access-bench-for-tests.ts';
import { ScramClient } from './scram-client-for-tests.ts';

let bench: AccessBench;

beforeEach(() => {
  bench = new AccessBench();
});

afterEach(() => bench.remove());

const put = (name: string, more: object = {}): Promise<unknown> =>
  bench.access.putUser({ name, password: PASSWORD, roles: [], ...more });

describe('user name and password', () => {
  it('let the right user in, and answer everything wrong alike', async () => {
    await put('ann');
    await put('bob', { password: null });
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('ann');
    const wrong: [string, string | Uint8Array | null][] = [
      ['ann', 'correct hors'],
      ['eve', PASSWORD],
      ['ann', null],
    ];
    for (const [username, password] of wrong) {
      const verdict = await bench.access.authenticate(bench.request({ username, password }));
      expect(verdict).toEqual({ reasonCode: 0x86, reason: 'Wrong user name or password.' });
    }
    bench.clock.advance(3_600_000);
    for (const password of [PASSWORD, '', Uint8Array.of(0xff), 'x'.repeat(9_000)]) {
      expect(await bench.signIn({ username: 'bob', password })).toBe('0x86');
    }
  });

  it('are the same however they are composed', async () => {
    await put('Ju\u0308rgen', { password: 'gru\u0308ne Welle' });
    expect(await bench.signIn({ username: 'J\u00fcrgen', password: 'gr\u00fcne Welle' })).toBe('J\u00fcrgen');
  });

  it('take as long for a name that is not known as for a wrong password', async () => {
    await put('ann');
    const times: Record<'ann' | 'eve', number[]> = { ann: [], eve: [] };
    // In turns, so that a busy machine is busy for both.
    for (let round = 0; round < 7; round++) {
      for (const username of ['ann', 'eve'] as const) {
        const begin = performance.now();
        expect(await bench.signIn({ username, password: 'wrong', address: `10.0.0.${round}:1` })).toBe(
          '0x86',
        );
        times[username].push(performance.now() - begin);
      }
    }
    const ratio = Math.min(...times.eve) / Math.min(...times.ann);
    // Without the work it would be a thousandth.
    expect(ratio).toBeGreaterThan(0.33);
    expect(ratio).toBeLessThan(3);
  });

  it('cost their work once for a fleet that comes back at once', async () => {
    await put('fleet');
    const begin = performance.now();
    const asked = Array.from({ length: 500 }, (_, index) =>
      bench.signIn({ username: 'fleet', password: PASSWORD, clientId: `device-${index}` }),
    );
    expect(new Set(await Promise.all(asked))).toEqual(new Set(['fleet']));
    expect(performance.now() - begin).toBeLessThan(5_000);
    const again = bench.access.authenticate(bench.request({ username: 'fleet', password: PASSWORD }));
    expect(again).toEqual({ username: 'fleet' });
  });

  it('are not remembered over a change of the password', async () => {
    await put('ann');
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('ann');
    await put('ann', { password: 'another one' });
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('0x86');
    expect(await bench.signIn({ username: 'ann', password: 'another one' })).toBe('ann');
  });

  it('of a check that began before a change count for nothing', async () => {
    await put('ann');
    const under = bench.signIn({ username: 'ann', password: PASSWORD });
    bench.access.removeUser('ann');
    expect(await under).toBe('0x89');
  });

  it('are refused with Server busy when too many are checked at once', async () => {
    bench.access = bench.open({ maxRunning: 1, maxWaiting: 2 });
    await put('ann');
    const asked = Array.from({ length: 6 }, (_, index) =>
      bench.signIn({ username: 'ann', password: `wrong ${index}`, address: `10.0.${index}.1:1` }),
    );
    expect(await Promise.all(asked)).toEqual(['0x86', '0x86', '0x86', '0x89', '0x89', '0x89']);
    expect(bench.access.counters).toMatchObject({ wrong: 3, busy: 3, throttled: 0 });
    // An administrator is not kept out by that.
    const more = Array.from({ length: 4 }, (_, index) =>
      bench.signIn({ username: 'ann', password: `${index}` }),
    );
    await put('ann', { password: 'another one' });
    expect(await Promise.all(more)).toContain('0x89');
  });

  it('[MQTT-3.2.2-8] tell a disabled user and a foreign client id after the right password only', async () => {
    await put('ann', { enabled: false });
    await put('bob', { clientIds: ['pump-%u', 'spare'] });
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('0x87');
    expect(await bench.signIn({ username: 'ann', password: 'wrong one' })).toBe('0x86');
    const bob = (clientId: string, password = PASSWORD): Promise<string> =>
      bench.signIn({ username: 'bob', password, clientId });
    expect([await bob('pump-bob'), await bob('spare'), await bob('pump-ann'), await bob('')]).toEqual([
      'bob',
      'bob',
      '0x85',
      '0x85',
    ]);
    expect(await bob('pump-ann', 'wrong one')).toBe('0x86');
  });

  it('bring the limits of the user', async () => {
    await put('ann', { publishRate: 50 });
    const request = bench.request({ username: 'ann', password: PASSWORD });
    expect(await bench.access.authenticate(request)).toEqual({
      username: 'ann',
      limits: { publishRate: 50 },
    });
  });
});

describe('anonymous clients', () => {
  it('come in where the listener lets them', async () => {
    expect(await bench.signIn({ anonymous: true })).toBe('anonymous');
    expect(await bench.signIn({ anonymous: false })).toBe('0x87');
    expect(await bench.signIn({ username: 'ann', password: PASSWORD })).toBe('0x86');
  });

  it('may send any name while there are no users, and must be right as soon as there are', async () => {
    const asked = { username: 'sensor', password: 'whatever', anonymous: true };
    expect(await bench.signIn(asked)).toBe('anonymous');
    await put('ann');
    expect(await bench.signIn(asked)).toBe('0x86');
    expect(await bench.signIn({ ...asked, password: null })).toBe('0x86');
    expect(await bench.signIn({ username: 'ann', password: PASSWORD, anonymous: true })).toBe('ann');
    expect(await bench.signIn({ anonymous: true })).toBe('anonymous');
  });
});

describe('client certificates', () => {
  it('name the user, without a password', async () => {
    await put('pump', { password: null });
    expect(await bench.signIn({ commonName: 'pump' })).toBe('pump');
    expect(await bench.signIn({ commonName: 'pump', username: 'pump', password: 'x' })).toBe('pump');
    expect(await bench.signIn({ commonName: 'pump', username: 'ann' })).toBe('0x87');
    expect(await bench.signIn({ commonName: 'eve' })).toBe('0x87');
    expect(await bench.signIn({ commonName: 'eve', anonymous: true })).toBe('0x87');
    expect(await bench.signIn({ commonName: '' })).toBe('0x87');
    await put('pump', { password: null, enabled: false });
    expect(await bench.signIn({ commonName: 'pump' })).toBe('0x87');
  });

  it('only encrypt where the listener says so', async () => {
    await put('pump');
    const asked = { commonName: 'pump', certificateUser: 'none' } as const;
    expect(await bench.signIn(asked)).toBe('0x87');
    expect(await bench.signIn({ ...asked, username: 'pump', password: PASSWORD })).toBe('pump');
  });

  it('come in while their address waits for the wrong passwords of others', async () => {
    await put('pump');
    for (let time = 0; time < 5; time++) await bench.signIn({ username: 'eve', password: `guess ${time}` });
    expect(await bench.signIn({ username: 'pump', password: PASSWORD })).toBe('0x89');
    expect(await bench.signIn({ commonName: 'pump' })).toBe('pump');
  });
});

describe('AUTH with SCRAM-SHA-256', () => {
  const scram = (
    name: string,
    password: string,
    asked: Parameters<AccessBench['request']>[0] = {},
  ): string => {
    const exchange = bench.access.beginAuth('SCRAM-SHA-256', bench.request(asked))!;
    const client = new ScramClient(name, password);
    const first = exchange.step(client.first());
    if ('reasonCode' in first) return spoken(first);
    expect(first.kind).toBe('continue');
    const last = exchange.step(client.final(Buffer.from(first.data)));
    if ('reasonCode' in last) return spoken(last);
    expect(client.accepts(Buffer.from(last.data))).toBe(true);
    return last.kind === 'done' ? spoken(last.admission) : last.kind;
  };

  it('[MQTT-4.12.0-1] is the only method', () => {
    for (const method of ['SCRAM-SHA-1', 'scram-sha-256', 'PLAIN', '']) {
      expect(bench.access.beginAuth(method, bench.request())).toBeNull();
    }
  });

  it('lets the right user in, with the limits that hold for passwords too', async () => {
    await put('ann', { clientIds: ['pump'] });
    expect(scram('ann', PASSWORD, { clientId: 'pump' })).toBe('ann');
    expect(scram('ann', PASSWORD)).toBe('0x85');
    expect(scram('ann', PASSWORD, { clientId: 'pump', username: 'ann' })).toBe('ann');
    expect(scram('ann', PASSWORD, { clientId: 'pump', username: 'bob' })).toBe('0x87');
    expect(scram('ann', PASSWORD, { clientId: 'pump', commonName: 'bob' })).toBe('0x87');
    await put('ann', { enabled: false });
    expect(scram('ann', PASSWORD)).toBe('0x87');
  });

  it('answers a wrong password, an unknown user and one without a password alike, and counts them', async () => {
    await put('ann');
    await put('bob', { password: null });
    for (const name of ['ann', 'eve', 'bob', 'ann']) expect(scram(name, 'wrong one')).toBe('0x86');
    expect(scram('ann', 'wrong one')).toBe('0x86');
    expect(scram('ann', PASSWORD)).toBe('0x89');
    expect(bench.access.counters).toMatchObject({ wrong: 5, throttled: 1 });
    bench.clock.advance(1_000);
    expect(scram('ann', PASSWORD)).toBe('ann');
  });

  it('shows an unknown user a salt that stays over a restart', async () => {
    await put('ann');
    const salt = (): string => {
      const step = bench.access
        .beginAuth('SCRAM-SHA-256', bench.request())!
        .step(Buffer.from('n,,n=eve,r=x'));
      return 'kind' in step ? /s=([^,]+),i=15000/.exec(Buffer.from(step.data).toString())![1]! : 'refused';
    };
    const before = salt();
    expect(before).toHaveLength(24);
    bench.access = bench.open();
    expect(salt()).toBe(before);
  });

  it('refuses what is no SCRAM, and anything after the end, with 0x87', async () => {
    await put('ann');
    const begin = () => bench.access.beginAuth('SCRAM-SHA-256', bench.request())!;
    expect(begin().step(Buffer.from('hello'))).toMatchObject({ reasonCode: 0x87 });
    expect(begin().step(Buffer.from('p=tls-unique,,n=ann,r=x'))).toMatchObject({ reasonCode: 0x87 });
    const exchange = begin();
    const client = new ScramClient('ann', PASSWORD);
    const first = exchange.step(client.first());
    const final = client.final(Buffer.from('data' in first ? first.data : ''));
    expect(exchange.step(final)).toMatchObject({ kind: 'done' });
    expect(exchange.step(final)).toMatchObject({ reasonCode: 0x87 });
  });
});

describe('guessing', () => {
  const guess = (count: number, address = '192.0.2.9:1', username = 'ann'): Promise<string[]> =>
    Promise.all(
      Array.from({ length: count }, (_, index) =>
        bench.signIn({ username, password: `guess ${index}`, address }),
      ),
    );

  it('makes an address wait, also a loopback one, and tells the operator', async () => {
    await put('ann');
    let told = 0;
    bench.access.heldBackChanged.on(() => told++);
    for (const address of ['127.0.0.1:5', '[::1]:5']) {
      expect(await guess(5, address)).toEqual(Array(5).fill('0x86'));
      expect(await bench.signIn({ username: 'ann', password: PASSWORD, address })).toBe('0x89');
    }
    expect(told).toBe(2);
    const untilMs = bench.clock.now() + 1_000;
    expect(bench.access.snapshot().heldBack).toEqual([
      { address: '127.0.0.1', failures: 5, untilMs },
      { address: '0:0:0:0::/64', failures: 5, untilMs },
    ]);
    expect(await bench.signIn({ username: 'ann', password: PASSWORD, address: '10.0.0.2:5' })).toBe('ann');
    bench.clock.advance(1_000);
    expect(await bench.signIn({ username: 'ann', password: PASSWORD, address: '127.0.0.1:6' })).toBe('ann');
    expect(bench.access.snapshot().heldBack).toEqual([]);
  });

  it('many at once tells no more than one after the other', async () => {
    await put('ann');
    const burst = guess(40);
    const right = bench.signIn({ username: 'ann', password: PASSWORD, address: '192.0.2.9:2' });
    const answers = await burst;
    expect(answers.filter((answer) => answer === '0x86')).toHaveLength(5);
    expect(answers.filter((answer) => answer === '0x89')).toHaveLength(35);
    expect(await right).toBe('0x89');
  });

  it('is not made cheaper by an account of one’s own', async () => {
    await put('ann');
    await put('eve');
    const eve = { username: 'eve', password: PASSWORD, address: '192.0.2.9:3' };
    expect(await bench.signIn(eve)).toBe('eve');
    await guess(4);
    expect(await bench.signIn(eve)).toBe('eve');
    await guess(1);
    expect(await bench.signIn(eve)).toBe('0x89');
  });

  it('never shows a password in the log, whichever field it is in', async () => {
    await put('ann');
    await bench.signIn({ username: 'ann', password: 'hunter2-hunter2' });
    await guess(6, '192.0.2.9:1', 'hunter2-hunter2');
    expect(bench.lines.length).toBeGreaterThan(5);
    expect(bench.lines.join('\n')).not.toMatch(/hunter2|guess|correct horse/);
    expect(bench.lines.some((line) => line.includes('warn') && line.includes('192.0.2.9'))).toBe(true);
  });
});
