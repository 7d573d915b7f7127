import { expect, test } from 'vitest';
import { HostShares, hostOf } from './host-shares.ts';

const at = (address: string) => ({ address, family: address.includes(':') ? 6 : 4 }) as const;

test.each([
  ['10.0.0.7', '10.0.0.7'],
  ['2001:db8:1:2::7', '2001:db8:1:2'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['127.0.0.1', undefined],
  ['::1', undefined],
])('the host of %s is %s', (address, host) => {
  expect(hostOf(at(address))).toBe(host);
});

/** How many each of the hosts gets when they ask in turns for all that they can have. */
function greedy(hosts: number, whole: number): { each: number[]; free: number } {
  const shares = new HostShares(whole);
  const each = new Array<number>(hosts).fill(0);
  let taken = 0;
  for (let round = 0; round < whole; round++) {
    for (let host = 0; host < hosts; host++) {
      if (taken === whole || shares.isFull(at(`10.0.0.${host}`), taken)) continue;
      shares.take(`10.0.0.${host}`);
      each[host]!++;
      taken++;
    }
  }
  return { each, free: whole - taken };
}

test('a host alone gets half, several get the same, and there is always room for one more', () => {
  expect(greedy(1, 1_000)).toEqual({ each: [500], free: 500 });
  const two = greedy(2, 999);
  expect(two).toEqual({ each: [333, 333], free: 333 });
  expect(greedy(9, 1_000)).toEqual({ each: new Array(9).fill(100), free: 100 });
});

test('as many hosts as there are places get one each, and this machine all', () => {
  const { each, free } = greedy(100, 100);
  expect([each.filter((count) => count === 1).length, free]).toEqual([100, 0]);
  const shares = new HostShares(10);
  for (let taken = 0; taken < 10; taken++) {
    expect(shares.isFull(at('127.0.0.1'), taken)).toBe(false);
    shares.take(hostOf(at('127.0.0.1')));
  }
  expect(shares.hog).toBeUndefined();
});

test('what is given back may be taken again', () => {
  const shares = new HostShares(4);
  const a = at('10.0.0.1');
  shares.take(a.address, 2);
  expect([shares.isFull(a, 2), shares.isFull(a, 2, 0), shares.isFull(at('10.0.0.2'), 2)]).toEqual([
    true,
    false,
    false,
  ]);
  shares.give(a.address);
  expect(shares.isFull(a, 1)).toBe(false);
  shares.take(a.address);
  shares.clear();
  expect(shares.isFull(a, 0)).toBe(false);
});

test('a hog holds more than half of the whole, whoever held most before', () => {
  const shares = new HostShares(100);
  shares.take('a', 50);
  expect(shares.hog).toBeUndefined();
  shares.take('a');
  expect(shares.hog).toBe('a');
  shares.take('b', 49);
  shares.give('a', 11);
  expect(shares.hog).toBeUndefined();
  shares.take('b', 2);
  expect(shares.hog).toBe('b');
  shares.give('b', 51);
  expect(shares.hog).toBeUndefined();
});
