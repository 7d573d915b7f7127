import { expect, it } from 'vitest';
import { isLoopback, mosquittoLines, parseEndpoint } from './sample-lines.ts';

it('reads addresses of both families', () => {
  expect(parseEndpoint('127.0.0.1:1883')).toEqual({ host: '127.0.0.1', port: '1883' });
  expect(parseEndpoint('[fe80::1%eth0]:5683')).toEqual({ host: 'fe80::1%eth0', port: '5683' });
  expect(parseEndpoint('nonsense')).toBeNull();
});

it('turns "every address" into one that can be typed', () => {
  expect(parseEndpoint('0.0.0.0:40123')?.host).toBe('127.0.0.1');
  expect(parseEndpoint('[::]:40123')?.host).toBe('127.0.0.1');
});

it('puts the real port into both topic styles', () => {
  const lines = mosquittoLines({ host: '127.0.0.1', port: '40123' });
  expect(lines.perValue).toBe(
    'mosquitto_pub -h 127.0.0.1 -p 40123 -t plant/room1/sensor7/temperature -m 21.5',
  );
  expect(lines.perDevice).toContain(`-t plant/room1/sensor7 -m '{"temp":21.5,"rh":48}'`);
});

it('knows what only this machine reaches', () => {
  expect(['127.0.0.1', '::1', 'localhost', '10.0.0.7'].map(isLoopback)).toEqual([true, true, true, false]);
});
