import { expect, test } from 'vitest';
import { listInterfaces, networkOf } from './interfaces.ts';
import type { InterfaceSource } from './interfaces.ts';
import { multicastTargets } from './multicast.ts';

const info = (address: string, cidr: string, internal = false, scopeid = 0) => ({
  address,
  cidr,
  internal,
  scopeid,
  netmask: '',
  mac: '',
  family: address.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
});

const source = (() => ({
  lo: [info('127.0.0.1', '127.0.0.1/8', true), info('::1', '::1/128', true)],
  eth0: [
    info('fe80::1', 'fe80::1/64', false, 2),
    info('fd00::2', 'fd00::2/64'),
    info('10.0.5.7', '10.0.5.7/22'),
  ],
  wlan0: [info('fd01::2', 'fd01::2/128')],
  none: [],
})) as unknown as InterfaceSource;

test('interfaces with their networks, IPv4 first, loopback last, scopes on link-local addresses', () => {
  expect(listInterfaces(source)).toEqual([
    {
      name: 'eth0',
      loopback: false,
      addresses: [
        { address: '10.0.5.7', family: 4, network: '10.0.4.0/22' },
        { address: 'fe80::1%eth0', family: 6, network: 'fe80::/64' },
        { address: 'fd00::2', family: 6, network: 'fd00::/64' },
      ],
    },
    {
      name: 'wlan0',
      loopback: false,
      addresses: [{ address: 'fd01::2', family: 6, network: 'fd01::2/128' }],
    },
    {
      name: 'lo',
      loopback: true,
      addresses: [
        { address: '127.0.0.1', family: 4, network: '127.0.0.0/8' },
        { address: '::1', family: 6, network: '::1/128' },
      ],
    },
  ]);
});

test.each([
  ['192.168.1.200', 25, '192.168.1.128/25'],
  ['10.1.2.3', 0, '0.0.0.0/0'],
  ['2001:db8:abcd:1234::1', 36, '2001:db8:a000::/36'],
  ['::ffff:10.0.0.1', 128, '::ffff:10.0.0.1/128'],
])('the network of %s/%i is %s', (address, bits, network) => {
  expect(networkOf(address, bits)).toBe(network);
});

test('this machine has its loopback', () => {
  expect(listInterfaces().at(-1)).toMatchObject({
    loopback: true,
    addresses: expect.arrayContaining([{ address: '127.0.0.1', family: 4, network: '127.0.0.0/8' }]),
  });
});

test('the groups of each interface, IPv6 asked from the link-local address where there is one', () => {
  const targets = multicastTargets(listInterfaces(source), 5683);
  expect(targets.map((one) => `${one.interfaceName} ${one.group} ${one.interfaceAddress}`)).toEqual([
    'eth0 224.0.1.187 10.0.5.7',
    'eth0 ff02::fd fe80::1%eth0',
    'eth0 ff05::fd fe80::1%eth0',
    'wlan0 ff02::fd fd01::2',
    'wlan0 ff05::fd fd01::2',
    'lo 224.0.1.187 127.0.0.1',
    'lo ff02::fd ::1',
    'lo ff05::fd ::1',
  ]);
});
