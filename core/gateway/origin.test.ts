import { describe, expect, it } from 'vitest';
import { hostNameOf, isOwnHost, isOwnOrigin, plainAddress } from './origin.ts';

const guard = { listenHost: '0.0.0.0', allowedNames: ['plant-pc', 'plant-pc.local'] };

describe('isOwnHost', () => {
  it.each(['localhost', 'LOCALHOST:8080', '10.0.0.5:8080', '10.0.0.5', 'Plant-PC:1', 'plant-pc.local:8080'])(
    'takes %s',
    (host) => expect(isOwnHost(host, '10.0.0.5', guard)).toBe(true),
  );

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '10.0.0.6:8080',
    '10.0.0.5.evil.example',
    'plant-pc.evil.example',
    'localhost:8080@evil.example',
    'localhost, evil.example',
    'localhost:80:80',
    '[::1',
    '[::1]x',
    'localhost/',
    'localhost:123456',
  ])('refuses %s', (host) => expect(isOwnHost(host, '10.0.0.5', guard)).toBe(false));

  it('knows IPv6 addresses and IPv4 ones in their dress', () => {
    expect(isOwnHost('[fe80::1]:8080', 'fe80::1%eth0', guard)).toBe(true);
    expect(isOwnHost('[::1]', '::1', guard)).toBe(true);
    expect(isOwnHost('10.0.0.5:1', '::ffff:10.0.0.5', guard)).toBe(true);
    expect(isOwnHost('[::1]', '10.0.0.5', guard)).toBe(false);
  });

  it('knows the name that it listens on', () => {
    expect(isOwnHost('Line3:8080', '10.0.0.5', { listenHost: 'line3', allowedNames: [] })).toBe(true);
  });
});

describe('isOwnOrigin', () => {
  it('takes its own and none at all', () => {
    expect(isOwnOrigin(undefined, 'localhost:8080')).toBe(true);
    expect(isOwnOrigin('http://localhost:8080', 'LOCALHOST:8080')).toBe(true);
    expect(isOwnOrigin('http://[::1]:8080', '[::1]:8080')).toBe(true);
  });

  it.each([
    'null',
    '',
    'http://localhost',
    'http://localhost:8081',
    'https://localhost:8080',
    'http://localhost:8080.evil.example',
    'http://evil.example/http://localhost:8080',
    'file://',
  ])('refuses %s', (origin) => expect(isOwnOrigin(origin, 'localhost:8080')).toBe(false));
});

it('takes names and addresses apart from ports', () => {
  expect(hostNameOf('[2001:DB8::1]:80')).toBe('2001:db8::1');
  expect(hostNameOf('Name-1.local')).toBe('name-1.local');
  expect(hostNameOf('a b')).toBeUndefined();
  expect(plainAddress('::FFFF:1.2.3.4')).toBe('1.2.3.4');
});
