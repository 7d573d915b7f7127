import { expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { coapError } from '../errors.ts';
import { PROBE_MS, parseRange, sweep } from './range.ts';

test.each<[string, string, string, number]>([
  ['10.0.0.0/24', '10.0.0.1', '10.0.0.254', 254],
  ['10.0.0.77/24', '10.0.0.1', '10.0.0.254', 254],
  ['10.0.4.0/22', '10.0.4.1', '10.0.7.254', 1_022],
  ['10.0.0.4/30', '10.0.0.5', '10.0.0.6', 2],
  ['10.0.0.4/31', '10.0.0.4', '10.0.0.5', 2],
  ['10.0.0.4/32', '10.0.0.4', '10.0.0.4', 1],
  ['10.0.0.10-10.0.0.40', '10.0.0.10', '10.0.0.40', 31],
  ['10.0.0.250 - 10.0.1.5', '10.0.0.250', '10.0.1.5', 12],
  ['10.0.0.10-40', '10.0.0.10', '10.0.0.40', 31],
  ['10.0.0.10', '10.0.0.10', '10.0.0.10', 1],
  ['10.0.0.0-10.0.3.255', '10.0.0.0', '10.0.3.255', 1_024],
])('%s', (text, first, last, count) => {
  const addresses = parseRange(text);
  expect([addresses[0], addresses.at(-1), addresses.length]).toEqual([first, last, count]);
});

test.each([
  '',
  'x',
  '10.0.0.0/21',
  '10.0.0.0/33',
  '10.0.0.0/x',
  '10.0.0/24',
  '10.0.0.0-10.0.4.0',
  '10.0.0.9-10.0.0.8',
  '10.0.0.9-',
  '10.0.0.9-256',
  '10.0.0.1-2-3',
  '224.0.0.0/24',
  '0.0.0.0/24',
  '255.255.255.250-255.255.255.255',
  'fd00::/120',
])('"%s" is refused with a code', (text) => {
  expect(() => parseRange(text)).toThrow(expect.objectContaining({ code: 'coap.bad_range' }));
});

function rig() {
  const clock = new ManualClock();
  const stop = new AbortController();
  const waiting = new Map<string, () => void>();
  const seen = { found: [] as string[], asked: 0, most: 0 };
  const probe = (uri: string, signal: AbortSignal) => {
    return new Promise<void>((resolve, reject) => {
      waiting.set(uri, resolve);
      seen.most = Math.max(seen.most, waiting.size);
      signal.addEventListener('abort', () => {
        waiting.delete(uri);
        reject(coapError('coap.cancelled', 'Cancelled.'));
      });
    });
  };
  const told = {
    found: (authority: string) => void seen.found.push(authority),
    asked: (count: number) => void (seen.asked = count),
  };
  const run = (addresses: string[]) => sweep(addresses, 5683, { probe, clock }, told, stop.signal);
  return { clock, stop, waiting, seen, run };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a sweep asks 64 at a time, waits no longer than one repeat takes, and tells who answered', async () => {
  const { clock, waiting, seen, run } = rig();
  const over = run(parseRange('10.0.0.1-100'));
  expect(waiting.size).toBe(64);
  waiting.get('coap://10.0.0.9:5683')!();
  waiting.delete('coap://10.0.0.9:5683');
  await settle();
  expect(seen).toMatchObject({ found: ['coap://10.0.0.9:5683'], asked: 1 });
  expect(waiting.has('coap://10.0.0.65:5683')).toBe(true);
  clock.advance(PROBE_MS);
  await settle();
  expect(seen.asked).toBe(65);
  clock.advance(PROBE_MS);
  await over;
  expect(seen).toEqual({ found: ['coap://10.0.0.9:5683'], asked: 100, most: 64 });
  expect(clock.pendingTimers).toBe(0);
});

test('a stopped sweep asks nobody any more', async () => {
  const { clock, stop, waiting, seen, run } = rig();
  const over = run(parseRange('10.0.0.0/22'));
  stop.abort();
  await over;
  expect(seen).toMatchObject({ asked: 0, most: 64 });
  expect(waiting.size).toBe(0);
  expect(clock.pendingTimers).toBe(0);
});
