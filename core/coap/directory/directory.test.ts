import { expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import type { PeerAddress } from '../address.ts';
import { codeText } from '../codec/codes.ts';
import { Directory } from './directory.ts';
import type { DirectoryChange } from './directory.ts';
import type { DirectoryLimits } from './limits.ts';
import { readParameters } from './parameters.ts';
import { registrationLinks } from './registration.ts';
import type { Registrant } from './registration.ts';

const HOUR_MS = 3_600_000;

export function at(address: string, port = 5683): PeerAddress {
  return { address, port, family: address.includes(':') ? 6 : 4 };
}

function udp(address: string, port?: number, identity: string | null = null): Registrant {
  return { transport: 'udp', from: at(address, port), identity };
}

function rig(limits: Partial<DirectoryLimits> = {}) {
  const clock = new ManualClock();
  let count = 0;
  const random = { bytes: () => Uint8Array.of(0, 0, 0, ++count), fraction: () => 0 };
  const directory = new Directory({ clock, random, limits });
  const changes: string[] = [];
  directory.changed.on(({ location, how, visible }: DirectoryChange) => {
    changes.push(`${how} ${location}${visible ? '' : ' unseen'}`);
  });
  const parameters = (query: string) => {
    const read = readParameters(query.split('&'));
    if (typeof read === 'string') throw new Error(read);
    return read;
  };
  /** The location, or the code with which it was refused. */
  const register = (query: string, links: string, by: Registrant) => {
    const outcome = directory.register(parameters(query), links, by);
    return outcome.ok ? outcome.value.location : codeText(outcome.code);
  };
  const update = (location: string, query: string, by: Registrant) => {
    const outcome = directory.update(location, parameters(query), by);
    return outcome.ok ? 'ok' : codeText(outcome.code);
  };
  return { clock, random, directory, changes, register, update };
}

test('a registration lives for its lifetime, 25 hours unless said, and longer after an update', () => {
  const { clock, directory, changes, register, update } = rig();
  const node = udp('10.0.0.7');
  expect(register('ep=a', '</t>', node)).toBe('/rd/00000001');
  expect(register('ep=b&lt=60', '', node)).toBe('/rd/00000002');
  expect(directory.list()[0]).toMatchObject({
    endpoint: 'a',
    sector: null,
    base: 'coap://10.0.0.7:5683',
    lifetimeSeconds: 90_000,
    expiresMs: clock.now() + 25 * HOUR_MS,
    from: 'udp 10.0.0.7:5683',
  });
  clock.advance(50_000);
  expect(update('/rd/00000002', '', node)).toBe('ok');
  clock.advance(59_000);
  expect(directory.size).toBe(2);
  clock.advance(3_000);
  expect(directory.list().map((one) => one.endpoint)).toEqual(['a']);
  expect(update('/rd/00000002', '', node)).toBe('4.04');
  clock.advance(25 * HOUR_MS);
  expect(directory.size).toBe(0);
  expect(clock.pendingTimers).toBe(0);
  expect(changes).toEqual([
    'registered /rd/00000001',
    'registered /rd/00000002',
    'updated /rd/00000002 unseen',
    'expired /rd/00000002',
    'expired /rd/00000001',
  ]);
  expect(directory.counters).toMatchObject({ registered: 2, updated: 1, expired: 2 });
});

test('the longest lifetime is 136 years', () => {
  const { clock, directory, register } = rig();
  register('ep=a&lt=4294967295', '', udp('10.0.0.7'));
  clock.advance(HOUR_MS);
  expect(directory.size).toBe(1);
});

test('registering again replaces everything and keeps the location (RFC 9176 §5)', () => {
  const { directory, register } = rig();
  const location = register('ep=a&et=x&et=y&v=1', '</t>,</u>', udp('10.0.0.7'));
  expect(register('ep=a&d=hall', '', udp('10.0.0.7'))).not.toBe(location);
  expect(register('ep=a', '</w>', udp('10.0.0.7', 61_616))).toBe(location);
  expect(directory.get(location)).toMatchObject({
    base: 'coap://10.0.0.7:61616',
    attributes: [],
    links: [{ target: '/w' }],
  });
  expect(register('ep=a&d=', '', udp('10.0.0.7'))).toBe(location);
});

test('an update replaces what it names; a base that was never given follows the sender (§5.3.1)', () => {
  const { directory, register, update } = rig();
  const open = register('ep=a&et=x&et=y&v=1', '</t>', udp('10.0.0.7'));
  const fixed = register('ep=b&base=coap://b.example', '</t>', udp('10.0.0.7'));
  expect(update(open, 'et=z&lt=300', udp('10.0.0.7', 7_000))).toBe('ok');
  expect(update(fixed, '', udp('10.0.0.7', 7_000))).toBe('ok');
  expect(directory.get(open)).toMatchObject({
    base: 'coap://10.0.0.7:7000',
    attributes: [
      ['v', '1'],
      ['et', 'z'],
    ],
    lifetimeSeconds: 300,
    links: [{ target: '/t' }],
  });
  expect(directory.get(fixed)!.base).toBe('coap://b.example');
  expect(update(open, 'base=coaps://new.example.com:5684', udp('10.0.0.7'))).toBe('ok');
  expect(update(open, '', udp('10.0.0.7'))).toBe('ok');
  expect(registrationLinks(directory.get(open)!)).toMatchObject([{ uri: 'coaps://new.example.com:5684/t' }]);
  expect(update(open, 'ep=other', udp('10.0.0.7'))).toBe('4.00');
});

test('parameters cannot be heaped up by updates', () => {
  const { register, update } = rig();
  const location = register('ep=a', '', udp('10.0.0.7'));
  const names = (prefix: string) => Array.from({ length: 20 }, (_, i) => `${prefix}${i}=1`).join('&');
  expect(update(location, names('a'), udp('10.0.0.7'))).toBe('ok');
  expect(update(location, names('b'), udp('10.0.0.7'))).toBe('4.00');
});

test('a name belongs to the address that registered it, or to the identity behind it', () => {
  const { directory, register, update } = rig();
  const location = register('ep=a', '', udp('10.0.0.7'));
  expect(register('ep=a', '', udp('10.0.0.8'))).toBe('4.03');
  expect(register('ep=a', '', { ...udp('10.0.0.7'), transport: 'tcp' })).toBe('4.03');
  expect(update(location, '', udp('10.0.0.8'))).toBe('4.03');
  expect(directory.deregister(location, udp('10.0.0.8'))).toMatchObject({ ok: false });
  expect(directory.counters.refusedForeign).toBe(4);

  const mine = register('ep=b', '', udp('10.0.0.7', 5684, 'node-b'));
  expect(update(mine, '', udp('10.9.9.9', 40_000, 'node-b'))).toBe('ok');
  expect(directory.get(mine)!.base).toBe('coap://10.9.9.9:40000');
  expect(update(mine, '', udp('10.9.9.9', 40_000))).toBe('4.03');
  expect(update(mine, '', udp('10.9.9.9', 40_000, 'node-c'))).toBe('4.03');

  expect(directory.deregister(location, udp('10.0.0.7', 999))).toMatchObject({ ok: true });
  expect(register('ep=a', '', udp('10.0.0.8'))).not.toBe('4.03');
});

test('bounds: registrations, per peer, links; what is refused is counted', () => {
  const { directory, register } = rig({
    registrations: 4,
    perPeer: 2,
    linksPerRegistration: 3,
    charsPerRegistration: 40,
    links: 5,
  });
  const one = udp('10.0.0.1');
  expect(register('ep=a', '</1>,</2>,</3>,</4>', one)).toBe('4.13');
  expect(register('ep=a', `</${'x'.repeat(40)}>`, one)).toBe('4.13');
  register('ep=a', '</1>,</2>,</3>', one);
  register('ep=b', '', one);
  expect(register('ep=c', '', one)).toBe('4.03');
  expect(register('ep=c', '</1>,</2>,</3>', udp('10.0.0.2'))).toBe('5.03');
  register('ep=c', '</1>', udp('10.0.0.2'));
  register('ep=d', '', udp('10.0.0.3'));
  expect(register('ep=e', '', udp('10.0.0.4'))).toBe('5.03');
  expect(register('ep=a', '</1>,</2>,</3>', one)).toBe('/rd/00000001');
  expect(directory.counters).toMatchObject({ refusedTooLarge: 2, refusedFull: 3, hostShareReached: 0 });
  directory.remove('/rd/00000001');
  expect(register('ep=e', '</1>,</2>,</3>', udp('10.0.0.4'))).toMatch(/rd/);
});

test('one IPv6 subscriber has the share of one host, however many addresses of its /64 register', () => {
  const { directory, register } = rig({ registrations: 8, links: 40 });
  const refused = '5.03';
  const from = (prefix: string, count: number, links = '') =>
    Array.from({ length: count }, (_, index) =>
      register(`ep=${prefix}${index}${links.length}`, links, udp(`${prefix}::${index + 1}`)),
    ).filter((one) => one === refused).length;
  expect(from('2001:db8:0:1', 6)).toBe(2);
  expect(register('ep=a', '', udp('10.0.0.1'))).toMatch(/rd/);
  expect(directory.counters).toMatchObject({ refusedFull: 2, hostShareReached: 2 });
  // Who is known by a certificate is no stranger.
  expect(register('ep=b', '', udp('2001:db8:0:1::9', 5683, 'CN=b'))).toMatch(/rd/);
  // And links: what is registered with few may not be registered again with many.
  const ten = Array.from({ length: 10 }, (_, index) => `</${index}>`).join();
  expect(register('ep=c', ten, udp('10.0.0.2'))).toMatch(/rd/);
  const again = (index: number) =>
    register(`ep=2001:db8:0:1${index}0`, ten, udp(`2001:db8:0:1::${index + 1}`));
  expect([again(0), again(1), again(2)]).toEqual(['/rd/00000001', '/rd/00000002', refused]);
});

test.each([
  ['', 'ep is missing'],
  ['ep=a&base=coap://10.0.0.1/x?y', 'scheme'],
  ['ep=a&base=coap://h#f', 'scheme'],
  ['ep=a&base=10.0.0.1', 'scheme'],
  ['ep=a&base=coap://[fe80::1%25eth0]', 'scheme'],
  ['ep=a&base=coap://[fe80::1]', 'own link'],
  ['ep=a&base=coap://224.0.1.187', 'one device'],
  ['ep=a&base=coap://0.0.0.0', 'one device'],
  ['ep=a&base=coap://h:0', 'port'],
  ['ep=a&base=coap://127.0.0.1:5683', 'another machine'],
  ['ep=a&base=coap%2Btcp://[::1]', 'another machine'],
  ['ep=a&base=coap://[::ffff:127.0.0.1]', 'another machine'],
  ['ep=a&base=coap://localhost', 'another machine'],
])('a registration with "%s" is refused', (query, why) => {
  const { directory } = rig();
  const read = readParameters(query === '' ? [] : query.replace('%2B', '+').split('&'));
  if (typeof read === 'string') throw new Error(read);
  const outcome = directory.register(read, '', udp('10.0.0.7'));
  expect(outcome).toMatchObject({ ok: false, why: expect.stringContaining(why) });
  expect(directory.counters.refusedBad).toBe(1);
});

test.each([
  ['ep='],
  [`ep=${'x'.repeat(64)}`],
  ['ep=a\u0007'],
  ['ep=a\u0085'],
  ['ep=a', 'ep=b'],
  [`d=${'ü'.repeat(32)}`],
  ['lt=0'],
  ['lt=4294967296'],
  ['lt=-1'],
  ['lt=1.5'],
  ['lt='],
  ['a"b=c'],
  ['=c'],
  ['x=a\nb'],
  Array.from({ length: 33 }, (_, i) => `p${i}=`),
])('parameters that are refused: %j', (...query) => {
  expect(readParameters(query)).toEqual(expect.any(String));
});

test('registrations survive a restart, without what expired meanwhile', () => {
  const { clock, random, directory, register } = rig();
  register('ep=a&d=hall&et=x', '</t>;rt="temp"', udp('fe80::1%eth0'));
  register('ep=short&lt=60', '', udp('10.0.0.7'));
  const records = JSON.parse(JSON.stringify(directory.records()));
  directory.stop();
  directory.stop();
  expect(clock.pendingTimers).toBe(0);
  clock.advance(120_000);

  const again = new Directory({ clock, random });
  const changes: unknown[] = [];
  again.changed.on((change) => changes.push(change));
  again.load(records);
  again.load([...records, null, {}, { ...records[0], location: '/rd/x', endpoint: 'x', links: [{}] }]);
  expect(again.list()).toEqual([records[0]]);
  expect(changes).toEqual([]);
  const taken = again.register({ endpoint: 'a', sector: 'hall', attributes: [] }, '', udp('10.0.0.7'));
  expect(taken).toMatchObject({ ok: false });
  clock.advance(25 * HOUR_MS);
  expect(again.size).toBe(0);
});
