import { expect, it } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { silentLog } from '../../base/log.ts';
import { Directory } from '../../coap/directory/directory.ts';
import type { Link } from '../../coap/links/link-format.ts';
import { parseLinkFormat, resolveLinks } from '../../coap/links/link-format.ts';
import { secureRandom } from '../../coap/random.ts';
import { parseCoapUri } from '../../coap/uri.ts';
import { DeviceRegistry } from '../../devices/registry.ts';
import { OwnListeners } from '../coap-server/own-listeners.ts';
import { CoapDesk } from './desk.ts';
import { DirectoryDesk } from './directory-desk.ts';
import { ExchangeBook } from './exchange-book.ts';
import { MAX_FOUND_DEVICES, foundDevice } from './found-device.ts';

const UNKEPT = { putResource() {}, putRegistration() {}, putDevice() {}, putSeries() {} };
const A = 'coap://10.0.0.1:5683';
const B = 'coap://10.0.0.2:5683';

function bench() {
  const clock = new ManualClock();
  const registry = new DeviceRegistry({ clock, sink: UNKEPT });
  const recorded: string[] = [];
  let links: Link[] = [];
  const endpoint = {
    discover: () => Promise.resolve(links),
    request: (uri: string) =>
      Promise.resolve({
        ...{
          uri,
          code: '2.05',
          codeNumber: 69,
          codeName: 'Content',
          options: [],
          contentFormat: 0,
          observe: null,
        },
        ...{
          payload: new Uint8Array([53]),
          etag: null,
          maxAgeSeconds: 60,
          rttMs: 1,
          retransmissions: 0,
          blocks: 1,
        },
        ...{ peer: { address: '10.0.0.1', port: 5683, family: 4 as const }, transport: 'udp' as const },
      }),
    ping: () => Promise.reject(new Error('not here')),
    observe: () => {
      throw new Error('not here');
    },
    traceObservation: () => undefined,
  };
  const intake = {
    takeRepresentation: ({ path }: { path: string }) => {
      recorded.push(path);
      return { deviceId: 1, seriesIds: [] };
    },
  };
  const desk = new CoapDesk({
    ...{ endpoint, registry, clock, log: silentLog, store: UNKEPT, exchanges: new ExchangeBook(clock) },
    own: new OwnListeners({ listening: () => [] }),
    intake: intake as never,
  });
  const discover = (authority: string, text: string) => {
    links = linksOf(authority, text);
    return desk.discover(authority, new AbortController().signal);
  };
  return { clock, registry, desk, discover, recorded };
}

function linksOf(authority: string, text: string): Link[] {
  return resolveLinks(parseLinkFormat(text), parseCoapUri(authority));
}

const many = (count: number) => Array.from({ length: count }, (_, index) => `</r${index}>`).join(',');

it('what a server tells of itself unasked is kept up to a bound, for each and in all; people have room left', async () => {
  const { desk, discover, recorded } = bench();
  for (let server = 1; server <= 20; server++) {
    const authority = `coap://10.0.1.${server}:5683`;
    desk.told(authority, linksOf(authority, many(1_500)));
  }
  expect(desk.resources('coap://10.0.1.1:5683')).toHaveLength(1_000);
  expect(desk.resources()).toHaveLength(15_000);
  expect(desk.leftOut).toBe(15_000);
  // The same once more adds nothing.
  desk.told('coap://10.0.1.1:5683', linksOf('coap://10.0.1.1:5683', many(1_000)));
  expect(desk.resources()).toHaveLength(15_000);
  await discover(A, many(5_000));
  expect(desk.resources()).toHaveLength(20_000);
  // Full: a request is answered all the same, and its readings are kept.
  const input = { uri: `${B}/t`, method: 'GET', confirmable: true } as const;
  expect(await desk.request(input, new AbortController().signal)).toMatchObject({ code: '2.05', text: '5' });
  expect(recorded).toEqual(['/t']);
  await expect(discover(B, '</t>')).rejects.toMatchObject({ code: 'coap.too_many_resources' });
});

it('a server says nothing of the resources of another one', async () => {
  const { desk, discover } = bench();
  await discover(A, '</t>;rt=temperature;obs');
  desk.told(B, linksOf(B, `</own>,<${A}/t>;rt=evil,<${A}/u>`));
  await discover(B, `</own>,<${A}/t>;rt=evil,<${A}/v>`);
  expect(desk.resource(`${A}/t`)).toMatchObject({
    attributes: { rt: 'temperature', obs: '' },
    observable: true,
  });
  expect(desk.resource(`${A}/u`)).toBeUndefined();
  // A person who reads a list that names others gets to know them.
  expect(desk.resource(`${A}/v`)).toBeDefined();
});

it('a registrant names the device at its own address, and no other; looking on makes no device', () => {
  const { clock, registry, desk } = bench();
  const directory = new Directory({ clock, random: secureRandom() });
  const directoryDesk = new DirectoryDesk({ directory, desk, registry, store: UNKEPT, log: silentLog });
  const by = (address: string) =>
    ({ transport: 'udp', from: { address, port: 5683, family: 4 }, identity: null }) as const;
  const victim = registry.deviceId(A, 'coap');
  directory.register({ endpoint: 'evil', base: A, attributes: [] } as never, '</x>', by('10.0.0.66'));
  expect(registry.detail(victim, { topicsOf: () => ({ topics: [], total: 0 }) } as never).name).toBe(A);
  directory.register({ endpoint: 'lamp', attributes: [] } as never, '</x>', by('10.0.0.2'));
  expect(registry.list().map(({ name }) => name)).toEqual([A, 'lamp']);
  expect(directoryDesk.view().registrations.map(({ deviceId }) => deviceId)).toEqual([1, 2]);
  expect(registry.deviceCount).toBe(2);
  directoryDesk.stop();
  directory.stop();
});

it('devices that were only found leave half of the places to those that send something', () => {
  const { registry } = bench();
  for (let index = 0; index < MAX_FOUND_DEVICES; index++) {
    foundDevice(registry, `coap://10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
  }
  expect(foundDevice(registry, 'coap://11.0.0.1')).toBeNull();
  expect(foundDevice(registry, 'coap://10.0.0.7')).toBe(8);
  expect(foundDevice(registry, 'http://10.0.0.7')).toBeNull();
  expect(registry.deviceId('plant', 'mqtt')).toBe(MAX_FOUND_DEVICES + 1);
});
