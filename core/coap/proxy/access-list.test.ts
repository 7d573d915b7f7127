import { describe, expect, it } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { canonicalAddress } from '../address.ts';
import { parseCoapUri } from '../uri.ts';
import { AccessList } from './access-list.ts';
import { allowedAddresses } from './guard.ts';

const OWN = '192.168.1.5';
const own = (address: string) => address === OWN || address === '2001:db8:1::5';

/** Whether a list of these patterns lets `host:port` be asked. */
async function reaches(patterns: string[], authority: string, addresses?: string[]): Promise<string> {
  try {
    const resolver = () =>
      addresses === undefined ? Promise.reject(new Error('no such name')) : Promise.resolve(addresses);
    const target = parseCoapUri(`coap://${authority}/`);
    return (await allowedAddresses(new AccessList(patterns), target, resolver, own)).join(' ');
  } catch (error) {
    return codeOf(error);
  }
}

describe('addresses', () => {
  it.each([
    [['10.0.0.7'], '10.0.0.7', true],
    [['10.0.0.7'], '10.0.0.8', false],
    [['10.0.0.7:5683'], '10.0.0.7', true],
    [['10.0.0.7:5683'], '10.0.0.7:5684', false],
    [['10.0.0.0/24'], '10.0.0.255', true],
    [['10.0.0.0/24'], '10.0.1.0', false],
    [['10.0.0.0/24:5683'], '10.0.0.9:5684', false],
    [['0.0.0.0/0'], '8.8.8.8', true],
    [['0.0.0.0/0'], '[2001:db8::1]', false],
    [['[2001:db8::]/32'], '[2001:db8:ffff::1]', true],
    [['[2001:db8::]/32'], '[2001:db9::1]', false],
    [['[2001:db8::1]:61616'], '[2001:db8::1]:61616', true],
    [['[2001:db8::1]:61616'], '[2001:db8::1]', false],
    [['2001:db8::/32'], '[2001:db8::7]', true],
    [['2001:db8::7'], '[2001:DB8:0::7]', true],
    [['[fe80::]/10'], '[fe80::1%25lo]', true],
    [['[::]/0'], '[2001:db8::1]', true],
    [[], '10.0.0.7', false],
    [['sensor.local'], '10.0.0.7', false],
    // IPv4 in IPv6 is IPv4.
    [['[::]/0'], '[::ffff:10.0.0.7]', false],
    [['10.0.0.7'], '[::ffff:10.0.0.7]', true],
  ])('%j reaches %s: %s', async (patterns, authority, expected) => {
    expect(await reaches(patterns, authority)).toBe(
      expected ? parseCoapUri(`coap://${authority}/`).host : 'coap.forbidden',
    );
  });

  it.each([
    [
      'loopback',
      ['0.0.0.0/0', '[::]/0', '*.local'],
      ['127.0.0.1', '127.9.9.9', '[::1]', '[::ffff:127.0.0.1]'],
    ],
    ['this machine', ['0.0.0.0/0', '192.168.1.0/24', '[2001:db8:1::]/64'], [OWN, '[2001:db8:1::5]']],
    ['nowhere', ['0.0.0.0/0', '[::]/0'], ['0.0.0.0', '[::]']],
    ['everybody', ['0.0.0.0/0', '[::]/0'], ['224.0.1.187', '255.255.255.255', '[ff02::fd]', '[ff05::fd]']],
  ])('%s is reached by no network that holds it', async (_what, patterns, authorities) => {
    for (const authority of authorities) {
      expect([authority, await reaches(patterns, authority)]).toEqual([authority, 'coap.forbidden']);
    }
  });

  it.each([
    [['127.0.0.1'], '127.0.0.1'],
    [['127.0.0.0/8:5683'], '127.3.4.5'],
    [['[::1]'], '[::1]'],
    [[OWN], OWN],
    [['[2001:db8:1::5]/128'], '[2001:db8:1::5]'],
  ])('this machine is reached where %j means just it', async (patterns, authority) => {
    expect(await reaches(patterns, authority)).not.toMatch(/^coap/);
  });
});

describe('names', () => {
  it.each([
    [['sensor.local'], 'sensor.local', true],
    [['Sensor.Local.'], 'SENSOR.local', true],
    [['sensor.local'], 'sensor.local.', true],
    [['sensor.local:7'], 'sensor.local', false],
    [['sensor.local'], 'x.sensor.local', false],
    [['*.plant.local'], 'a.plant.local', true],
    [['*.plant.local'], 'a.b.plant.local', true],
    [['*.plant.local'], 'plant.local', false],
    [['*.plant.local'], 'evilplant.local', false],
    [['*.plant.local'], '.plant.local', false],
    [['*.plant.local:5683'], 'a.plant.local:5684', false],
    // Not listed, but it leads to an address that is.
    [['10.0.0.0/24'], 'any.example', true],
    [['10.0.1.0/24'], 'any.example', false],
  ])('%j reaches %s: %s', async (patterns, authority, expected) => {
    expect(await reaches(patterns, authority, ['10.0.0.7'])).toBe(expected ? '10.0.0.7' : 'coap.forbidden');
  });

  it.each([['127.0.0.1'], ['::1'], [OWN], ['0.0.0.0'], ['224.0.1.187'], ['::ffff:127.0.0.1']])(
    'that are pointed at %s are not followed',
    async (address) => {
      expect(await reaches(['sensor.local', '*.plant.local', '0.0.0.0/0'], 'sensor.local', [address])).toBe(
        'coap.forbidden',
      );
      expect(await reaches(['*.plant.local'], 'a.plant.local', [address])).toBe('coap.forbidden');
    },
  );

  it('lead only to those of their addresses that may be asked', async () => {
    const addresses = ['127.0.0.1', '10.0.0.7', '192.168.7.7'];
    expect(await reaches(['10.0.0.0/8'], 'any.example', addresses)).toBe('10.0.0.7');
    expect(await reaches(['any.example'], 'any.example', addresses)).toBe('10.0.0.7 192.168.7.7');
  });

  it('localhost is this machine, where it is listed', async () => {
    expect(await reaches(['localhost'], 'localhost', ['::1', '127.0.0.1'])).toBe('::1 127.0.0.1');
    expect(await reaches(['*.local'], 'localhost', ['127.0.0.1'])).toBe('coap.forbidden');
  });

  it('that nobody may ask are not looked up', async () => {
    let asked = 0;
    const resolver = () => Promise.resolve([`10.0.0.${++asked}`]);
    const list = new AccessList(['sensor.local']);
    const target = parseCoapUri('coap://secret.example/');
    await expect(allowedAddresses(list, target, resolver, own)).rejects.toMatchObject({
      code: 'coap.forbidden',
    });
    expect(asked).toBe(0);
  });

  it('that are unknown say so only where they are listed', async () => {
    expect(await reaches(['sensor.local'], 'sensor.local')).toBe('coap.host_not_found');
    expect(await reaches(['10.0.0.0/8'], 'sensor.local')).toBe('coap.forbidden');
  });

  it('that resolvers take for addresses are checked as those', async () => {
    expect(await reaches(['0.0.0.0/0'], '2130706433', ['127.0.0.1'])).toBe('coap.forbidden');
    expect(await reaches(['0.0.0.0/0'], '0x7f.1', ['127.0.0.1'])).toBe('coap.forbidden');
  });
});

describe('patterns', () => {
  it.each([
    '',
    '*',
    '*.',
    'a.*.b',
    '*sensor.local',
    'coap://10.0.0.7',
    'user@h',
    '10.0.0.7/24',
    '10.0.0.0/33',
    '10.0.0',
    '10.0.0.0.0',
    '0x7f.1',
    '10.0.0.7:0',
    '10.0.0.7:65536',
    '10.0.0.7:x',
    '[10.0.0.7]',
    '[2001:db8::1]/32',
    '[2001:db8::]/129',
    '[::ffff:10.0.0.7]',
    '[fe80::1%eth0]',
    '[2001:db8::',
    '224.0.1.187',
    '224.0.0.0/4',
    '[ff00::]/8',
    '0.0.0.0',
    'sensor local',
    'sensor.local/24',
    '-a.local',
    `${'a'.repeat(64)}.local`,
    'a..b',
  ])('%j is none', (pattern) => {
    let error: unknown;
    try {
      new AccessList(['10.0.0.1', pattern]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({ code: 'coap.bad_pattern', detail: { pattern } });
  });

  it('say how a network is written', () => {
    expect(() => new AccessList(['10.1.2.3/16'])).toThrow(/10\.1\.0\.0\/16/);
    expect(() => new AccessList(['[2001:db8:1:2::]/33'])).toThrow(/2001:db8::\/33/);
  });

  it('are told apart by family and port', () => {
    const list = new AccessList(['[64:ff9b::10.0.0.0]/120']);
    const peer = canonicalAddress('64:ff9b::10.0.0.9', 5683)!;
    expect(list.allowsAddress(peer, () => false)).toBe(true);
  });
});
