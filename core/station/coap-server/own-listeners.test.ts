import { expect, it, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { OwnListeners } from './own-listeners.ts';
import type { OwnListener } from './own-listeners.ts';

const HERE = '10.0.0.5';

/** What a station that listens there says of that address. */
function judged(listening: OwnListener[], uri: string): string {
  const own = new OwnListeners({ listening: () => listening, own: (address) => address === HERE });
  try {
    own.mustBeElsewhere(uri);
    return 'elsewhere';
  } catch (error) {
    return codeOf(error);
  }
}

const udp = (host: string): OwnListener[] => [{ transport: 'udp', host, port: 5683 }];
const OWN = 'coap.own_resource';

test.each([
  ['127.0.0.1', 'coap://127.0.0.1/devices/1', OWN],
  ['127.0.0.1', 'coap://[::ffff:127.0.0.1]/devices/1', OWN],
  ['127.0.0.1', 'coap://127.0.0.1:5684/devices/1', 'elsewhere'],
  ['127.0.0.1', 'coap://127.0.0.2/devices/1', 'elsewhere'],
  ['127.0.0.1', 'coap://[::1]/devices/1', 'elsewhere'],
  ['127.0.0.1', 'coap+tcp://127.0.0.1:5683/devices/1', 'elsewhere'],
  ['127.0.0.1', `coap://${HERE}/devices/1`, 'elsewhere'],
  ['0.0.0.0', `coap://${HERE}/devices/1`, OWN],
  ['0.0.0.0', 'coap://127.8.8.8/devices/1', OWN],
  ['0.0.0.0', 'coap://[::1]/devices/1', 'elsewhere'],
  ['0.0.0.0', 'coap://10.0.0.7/devices/1', 'elsewhere'],
  ['::', `coap://${HERE}/devices/1`, OWN],
  ['::', 'coap://[::1]/devices/1', OWN],
  ['[::1]', 'coap://[::1]/devices/1', OWN],
  ['fe80::1%eth0', 'coap://[fe80::1%25eth0]/devices/1', OWN],
])('listening at %s, %s is %s', (host, uri, expected) => {
  expect(judged(udp(host), uri)).toBe(expected);
});

test.each([
  ['tcp', 'coap+tcp'],
  ['tls', 'coaps+tcp'],
  ['ws', 'coap+ws'],
  ['wss', 'coaps+ws'],
] as const)('a listener over %s is found by %s alone', (transport, scheme) => {
  const listening: OwnListener[] = [{ transport, host: '0.0.0.0', port: 7_000 }];
  const found = ['coap', 'coap+tcp', 'coaps+tcp', 'coap+ws', 'coaps+ws'].filter(
    (one) => judged(listening, `${one}://127.0.0.1:7000/t`) === OWN,
  );
  expect(found).toEqual([scheme]);
});

it('says what it is, why not, and what to do instead', () => {
  const own = new OwnListeners({ listening: () => udp('127.0.0.1') });
  expect(() => own.mustBeElsewhere('coap://127.0.0.1/devices/7')).toThrow(
    /^coap:..127\.0\.0\.1:5683.devices.7 is a resource of this station.*readings of its own readings\. Watch it instead/,
  );
});

it('looks names up, of which one own address is enough; a name that is not known passes', async () => {
  const names: Record<string, string[]> = { 'my.pc': ['::1', '127.0.0.1'], sensor: ['10.0.0.7'] };
  const own = new OwnListeners({
    listening: () => udp('127.0.0.1'),
    resolver: (host) =>
      names[host] === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(names[host]),
  });
  const judge = (uri: string) => own.mustLeadElsewhere(uri).then(() => 'elsewhere', codeOf);
  expect(await judge('coap://my.pc/devices')).toBe(OWN);
  expect(await judge('coap://my.pc:99/devices')).toBe('elsewhere');
  expect(await judge('coap://sensor/devices')).toBe('elsewhere');
  expect(await judge('coap://nobody/devices')).toBe('elsewhere');
  expect(await judge('coap://127.0.0.1/devices')).toBe(OWN);
});

it('keeps looking: a name that leads here later is not followed by what is recorded', async () => {
  let address = '10.0.0.7';
  let recorded = true;
  const own = new OwnListeners({
    listening: () => udp('127.0.0.1'),
    resolver: () => Promise.resolve([address]),
  });
  const { resolver } = own.resolving('coap://sensor/t', () => recorded);
  expect(await resolver!('sensor')).toEqual(['10.0.0.7']);
  address = '127.0.0.1';
  expect(await resolver!('sensor').catch(codeOf)).toBe(OWN);
  recorded = false;
  expect(await resolver!('sensor')).toEqual(['127.0.0.1']);
  expect(own.resolving('coap://10.0.0.7/t', () => true)).toEqual({});
  expect(own.resolving('coap+ws://sensor/t', () => true)).toEqual({});
});
