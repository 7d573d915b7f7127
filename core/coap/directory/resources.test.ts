import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import { METHOD_CODES, codeText } from '../codec/codes.ts';
import type { Method } from '../codec/codes.ts';
import { coapError } from '../errors.ts';
import { formatLinks } from '../links/link-format.ts';
import { secureRandom } from '../random.ts';
import type { CoapServer } from '../server/coap-server.ts';
import type { Resource, ServedAnswer, ServedRequest } from '../server/resource.ts';
import { Directory } from './directory.ts';
import { mountDirectory } from './resources.ts';
import type { LinkFetcher } from './simple-registration.ts';

/** The directory behind a server that only looks up paths. */
function rig(fetchLinks: LinkFetcher = () => Promise.reject(coapError('coap.timeout', 'No answer.'))) {
  const clock = new ManualClock();
  const directory = new Directory({ clock, random: secureRandom() });
  const resources = new Map<string, Resource>();
  const changed: string[] = [];
  const server: Pick<CoapServer, 'add' | 'changed'> = {
    add(path, resource) {
      resources.set(path, resource);
      return () => void resources.delete(path);
    },
    changed: (path) => void changed.push(path),
  };
  const unmount = mountDirectory(server, directory, { clock, fetchLinks });
  const ask = async (
    method: Method,
    target: string,
    more: Partial<Omit<ServedRequest, 'payload'>> & { payload?: string } = {},
  ): Promise<ServedAnswer> => {
    const [path, ...query] = target.split(/[?&]/);
    const resource = resources.get(path!) ?? resources.get(path!.split('/')[0]!);
    if (resource === undefined) throw new Error(`nothing at ${path}`);
    if (!resource.methods.includes(method)) return { code: 0x85 };
    return resource.handle({
      method,
      code: METHOD_CODES[method],
      path: path!.split('/'),
      query,
      options: [],
      contentFormat: null,
      accept: null,
      observe: false,
      from: { address: '10.0.0.7', port: 5683, family: 4 },
      transport: 'udp',
      peerKey: 'udp 10.0.0.7:5683',
      identity: null,
      multicast: false,
      signal: new AbortController().signal,
      ...more,
      payload: Buffer.from(more.payload ?? ''),
    });
  };
  return { clock, directory, resources, changed, unmount, ask };
}

const textOf = (answer: ServedAnswer) => Buffer.from(answer.payload ?? []).toString();
const locationOf = (answer: ServedAnswer) =>
  answer.options!.map((one) => Buffer.from(one.value).toString()).join('/');

test('what the directory tells of itself (RFC 9176 §4.3)', () => {
  const links = [...rig().resources.values()].flatMap((resource) => resource.links?.() ?? []);
  expect(formatLinks(links)).toBe(
    '</rd>;rt="core.rd";ct=40,</rd-lookup/ep>;rt="core.rd-lookup-ep";ct=40;obs,' +
      '</rd-lookup/res>;rt="core.rd-lookup-res";ct=40;obs',
  );
});

test('the life of a registration: POST, GET, POST, DELETE', async () => {
  const { ask, changed, clock, directory, unmount } = rig();
  const made = await ask('POST', 'rd?ep=node1&lt=600', { payload: '</t>;rt="temp"', contentFormat: 40 });
  expect(codeText(made.code)).toBe('2.01');
  const location = locationOf(made);
  expect(location).toMatch(/^rd\/[0-9a-f]{8}$/);
  expect(changed.splice(0)).toEqual(['rd-lookup/ep', 'rd-lookup/res']);

  expect(await ask('GET', location)).toMatchObject({ code: 0x45, contentFormat: 40 });
  expect(textOf(await ask('GET', location))).toBe('</t>;rt="temp"');
  expect(textOf(await ask('GET', 'rd-lookup/res?ep=node1'))).toBe('<coap://10.0.0.7:5683/t>;rt="temp"');
  expect(textOf(await ask('GET', 'rd-lookup/ep?ep=other'))).toBe('');

  clock.advance(1_000);
  expect(await ask('POST', location)).toEqual({ code: 0x44 });
  expect(changed.splice(0)).toEqual([]);
  expect(await ask('POST', `${location}?et=lamp`)).toEqual({ code: 0x44 });
  expect(changed.splice(0)).toHaveLength(2);
  expect(await ask('DELETE', location)).toEqual({ code: 0x42 });
  expect(await ask('DELETE', location)).toMatchObject({ code: 0x84 });
  expect(await ask('GET', location)).toMatchObject({ code: 0x84 });
  expect(directory.changed.size).toBe(1);
  unmount();
  unmount();
  expect(directory.changed.size).toBe(0);
});

test.each<[string, Method, string, Parameters<ReturnType<typeof rig>['ask']>[2]]>([
  ['4.00', 'POST', 'rd', {}],
  ['4.00', 'POST', 'rd?ep=a', { payload: '</t', contentFormat: 40 }],
  ['4.00', 'POST', 'rd?ep=a&lt=0', {}],
  ['4.15', 'POST', 'rd?ep=a', { payload: '[]', contentFormat: 50 }],
  ['4.13', 'POST', 'rd?ep=a', { payload: '</t>,'.repeat(501) }],
  ['4.05', 'POST', 'rd?ep=a', { multicast: true }],
  ['4.05', 'GET', 'rd', {}],
  ['4.05', 'PUT', 'rd/1', {}],
  ['4.05', 'POST', 'rd-lookup/ep', {}],
  ['4.04', 'POST', 'rd/1', {}],
  ['4.04', 'GET', 'rd/1/2', {}],
  ['4.06', 'GET', 'rd-lookup/ep', { accept: 50 }],
  ['4.00', 'GET', 'rd-lookup/res?page=2', {}],
  ['4.00', 'POST', '.well-known/rd', {}],
  ['4.00', 'POST', '.well-known/rd?ep=a&base=coap://x', {}],
  ['4.00', 'POST', '.well-known/rd?ep=a', { transport: 'tcp' }],
  ['5.04', 'POST', '.well-known/rd?ep=a', {}],
])('%s to %s %s', async (expected, method, target, more) => {
  const { ask, directory } = rig();
  expect(codeText((await ask(method, target, more)).code)).toBe(expected);
  expect(directory.size).toBe(0);
});

test('observers of lookups are told at once, and of many changes once a second', async () => {
  const { ask, changed, clock, unmount } = rig();
  for (let i = 0; i < 20; i++) await ask('POST', `rd?ep=n${i}`);
  expect(changed).toHaveLength(2);
  clock.advance(999);
  expect(changed).toHaveLength(2);
  clock.advance(1);
  expect(changed).toHaveLength(4);
  clock.advance(5_000);
  expect(changed).toHaveLength(4);
  await ask('POST', 'rd?ep=m');
  expect(changed).toHaveLength(6);
  await ask('POST', 'rd?ep=o');
  unmount();
  clock.advance(5_000);
  expect(changed).toHaveLength(6);
});

test('an update with links is refused', async () => {
  const { ask } = rig();
  const location = locationOf(await ask('POST', 'rd?ep=a'));
  expect(codeText((await ask('POST', location, { payload: '</t>' })).code)).toBe('4.00');
});

describe('simple registration (§5.1)', () => {
  test('the links are read from the device before it is answered', async () => {
    const asked: string[] = [];
    let answer: (links: { text: string; maxAgeSeconds: number }) => void = () => undefined;
    const { ask, directory, clock } = rig((uri) => {
      asked.push(uri);
      return new Promise((resolve) => (answer = resolve));
    });
    const first = ask('POST', '.well-known/rd?ep=node1&lt=6000');
    const second = ask('POST', '.well-known/rd?ep=node1&lt=6000');
    expect(directory.size).toBe(0);
    answer({ text: '</sen/temp>', maxAgeSeconds: 60 });
    expect(await first).toEqual({ code: 0x44 });
    expect(await second).toEqual({ code: 0x44 });
    expect(asked).toEqual(['coap://10.0.0.7:5683/.well-known/core']);
    expect(directory.list()).toMatchObject([{ endpoint: 'node1', lifetimeSeconds: 6_000 }]);

    clock.advance(59_000);
    expect(await ask('POST', '.well-known/rd?ep=node1')).toEqual({ code: 0x44 });
    expect(asked).toHaveLength(1);
    clock.advance(2_000);
    const later = ask('POST', '.well-known/rd?ep=node1');
    answer({ text: '</x', maxAgeSeconds: 60 });
    expect(codeText((await later).code)).toBe('4.00');
    expect(asked).toHaveLength(2);
  });

  test('a name of somebody else is not even asked for', async () => {
    const { ask, directory } = rig(() => expect.unreachable('was fetched'));
    await ask('POST', 'rd?ep=a');
    const from = { address: '10.0.0.8', port: 5683, family: 4 } as const;
    expect(codeText((await ask('POST', '.well-known/rd?ep=a', { from })).code)).toBe('4.03');
    expect(directory.counters.refusedForeign).toBe(1);
  });

  test('32 devices are asked at a time; unmounting gives them up', async () => {
    const { ask, unmount } = rig((_uri, signal) => {
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(coapError('coap.cancelled', 'Cancelled.')));
      });
    });
    const answers = Array.from({ length: 33 }, (_, i) => {
      const from = { address: `10.0.1.${i}`, port: 5683, family: 4 } as const;
      return ask('POST', `.well-known/rd?ep=n${i}`, { from });
    });
    expect(await answers[32]).toEqual({ code: 0xa3, maxAgeSeconds: 5 });
    unmount();
    expect((await Promise.all(answers.slice(0, 32))).every((answer) => answer.code === 0xa4)).toBe(true);
  });
});
