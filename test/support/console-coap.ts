/** The CoAP page's part of the made-up station: servers, answers and saved requests that look like a plant's. */
import { encode as encodeCbor } from 'cborg';
import { CodedError } from '../../core/base/errors.ts';
import type {
  CoapLink,
  CoapResource,
  CoapResponseView,
  CoapTransportName,
} from '../../core/contract/coap.ts';
import type { CoapDelta } from '../../core/contract/coap.ts';
import type { SavedCoapRequest } from '../../core/contract/coap-browser.ts';
import type { Feed, Handlers } from '../../core/rpc/types.ts';

export interface MadeUpCoapOptions {
  /** Resources of the large server. */
  manyResources?: number;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytesOf = (value: string | Uint8Array | { base64: string } | undefined): Uint8Array => {
  if (value === undefined) return new Uint8Array(0);
  if (typeof value === 'string') return utf8(value);
  return value instanceof Uint8Array ? value : Uint8Array.from(Buffer.from(value.base64, 'base64'));
};

interface Made {
  path: string;
  attributes: Record<string, string>;
  format: number | null;
  body(): Uint8Array;
}

const senml = (): Uint8Array =>
  utf8(
    JSON.stringify([
      {
        bn: 'urn:dev:mac:0024befffe804ff1:',
        bt: Math.floor(Date.now() / 1000),
        n: 'temp',
        u: 'Cel',
        v: 21.5,
      },
      { n: 'rh', u: '%RH', v: 48.2 },
    ]),
  );
const CHILLER: Made[] = [
  { path: '/', attributes: { rt: 'plant.chiller', title: 'Chiller 2' }, format: 0, body: () => utf8('Chiller 2, firmware 4.1.7\n') },
  { path: '/sensors/temp', attributes: { rt: 'temperature-c', if: 'sensor', ct: '0 50 110', obs: '', title: 'Supply temperature' }, format: 110, body: senml },
  { path: '/sensors/return', attributes: { rt: 'temperature-c', if: 'sensor', ct: '0', obs: '', title: 'Return temperature' }, format: 0, body: () => utf8('17.8') },
  { path: '/sensors/pressure', attributes: { rt: 'pressure', if: 'sensor', ct: '60', sz: '64', obs: '' }, format: 60, body: () => encodeCbor({ bar: 4.21, at: 1_790_000_000, ok: true }) },
  { path: '/actuators/setpoint', attributes: { rt: 'setpoint', if: 'actuator', ct: '50', title: 'Setpoint' }, format: 50, body: () => utf8('{"celsius":6.5,"hold":false}') },
  { path: '/actuators/pump1', attributes: { rt: 'switch', if: 'actuator', ct: '0', obs: '' }, format: 0, body: () => utf8('on') },
  { path: '/config/firmware', attributes: { rt: 'firmware', ct: '42', sz: '262144', title: 'Firmware image' }, format: 42, body: () => Uint8Array.from({ length: 3_000 }, (_, i) => (i * 37) & 0xff) },
  { path: '/config/log', attributes: { ct: '0', sz: '65536', title: 'Event log' }, format: 0, body: () => utf8('08:00:01 start\n08:00:04 pump1 on\n'.repeat(60)) },
  { path: '/.well-known/core', attributes: { ct: '40' }, format: 40, body: () => utf8('</sensors/temp>;rt="temperature-c";if="sensor";obs,</actuators/setpoint>;rt="setpoint"') },
]; // prettier-ignore

/** What another server's list names as its neighbour's. */
const FOREIGN: CoapLink = {
  uri: 'coap://10.20.1.41:5683/sensors/outdoor',
  path: '/sensors/outdoor',
  attributes: { rt: 'temperature-c', anchor: 'coap://10.20.1.41', title: 'Outdoor temperature' },
  observable: false,
};

function many(count: number): Made[] {
  return Array.from({ length: count }, (_, i) => ({
    path: `/3/${Math.floor(i / 100)}/${i % 100}`,
    attributes: { rt: 'oma.lwm2m', ...(i % 7 === 0 ? { obs: '' } : {}), ct: '11542' },
    format: 0,
    body: () => utf8(String((i * 7919) % 1_000)),
  }));
}

export function madeUpCoap(options: MadeUpCoapOptions = {}): {
  methods: Partial<Handlers['methods']>;
  subscriptions: Pick<Handlers['subscriptions'], 'coap'>;
  /** Changes what is known of a resource, and tells it. */
  change(uri: string, next: Partial<CoapResource>): CoapResource;
} {
  const servers = new Map<string, Made[]>([
    ['coap://10.20.1.40:5683', CHILLER],
    ['coap+tcp://10.20.1.12:5683', CHILLER.slice(0, 4)],
    ['coap://gateway-hall3.plant.local:5683', many(options.manyResources ?? 5_000)],
    ['coap://[fe80::24b:efff:fe80:4ff1%25eth0]:5683', CHILLER.slice(1, 3)],
  ]);
  const resources = new Map<string, CoapResource>();
  const feeds = new Set<{
    upsert: Map<string, CoapResource>;
    removed: Set<string>;
    authority?: string;
    dirty(): void;
  }>();
  for (const [authority, made] of servers) for (const one of made) put(authority, one);
  watched('coap://10.20.1.40:5683/sensors/temp', 'active');
  watched('coap+tcp://10.20.1.12:5683/sensors/temp', 'retrying');
  let nextId = 3;
  const saved: SavedCoapRequest[] = [
    {
      id: '1', name: 'Setpoint 6.5 °C', uri: 'coap://10.20.1.40:5683/actuators/setpoint', method: 'PUT', confirmable: true,
      blockBytes: null, accept: null, contentFormat: 50, options: [{ number: 1, value: Uint8Array.of(0xa1, 0xb2) }],
      payload: utf8('{"celsius":6.5}'), payloadAs: 'text',
    },
    {
      id: '2', name: 'Read pressure as CBOR', uri: 'coap://10.20.1.40:5683/sensors/pressure', method: 'GET', confirmable: false,
      blockBytes: 64, accept: 60, contentFormat: null, options: [], payload: new Uint8Array(0), payloadAs: 'text',
    },
  ]; // prettier-ignore

  function put(authority: string, { path, attributes }: Made): CoapResource {
    const uri = authority + path;
    const observable = 'obs' in attributes;
    const before = resources.get(uri);
    const resource: CoapResource = before ?? {
      authority,
      path,
      uri,
      attributes,
      observable,
      observation: null,
      last: null,
      seriesIds: [],
    };
    resources.set(uri, resource);
    return resource;
  }
  function watched(uri: string, state: 'active' | 'retrying'): void {
    const resource = resources.get(uri)!;
    resources.set(uri, {
      ...resource,
      observation: {
        policy: 'always',
        state,
        sinceMs: Date.now() - 7_200_000,
        notifications: 720,
        problem: state === 'retrying' ? 'No answer after 4 transmissions.' : null,
      },
      last: { receivedMs: Date.now() - 12_000, code: '2.05', contentFormat: 0, bytes: 4, text: '21.5', truncated: false },
    }); // prettier-ignore
  }
  function told(upsert: CoapResource[], removed: string[] = []): void {
    for (const feed of feeds) {
      for (const one of upsert) feed.upsert.set(one.uri, one);
      for (const uri of removed) {
        feed.upsert.delete(uri);
        feed.removed.add(uri);
      }
      feed.dirty();
    }
  }
  const fits = (authority: string | undefined) => (one: CoapResource) =>
    authority === undefined || one.authority === authority;
  const authorityOf = (uri: string): string => /^[^:]+:\/\/[^/?]+/.exec(uri)![0];
  const pause = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        reject(new CodedError('coap.cancelled', 'The CoAP request was cancelled.'));
      });
    });
  async function reach(uri: string, signal: AbortSignal): Promise<string> {
    const authority = authorityOf(uri);
    if (servers.has(authority)) return pause(30, signal).then(() => authority);
    await pause(20_000, signal);
    throw new CodedError('coap.timeout', 'No answer after 4 retransmissions in 93 s.');
  }

  function answer(uri: string, code: string, codeName: string, payload: Uint8Array, format: number | null): CoapResponseView {
    const scheme = /^[^:]+/.exec(uri)![0];
    const transports: Record<string, CoapTransportName> = { coap: 'udp', 'coap+tcp': 'tcp', 'coaps+tcp': 'tls', 'coap+ws': 'ws', 'coaps+ws': 'wss' };
    const names: Record<number, string> = { 0: 'text/plain;charset=utf-8', 40: 'application/link-format', 42: 'application/octet-stream', 50: 'application/json', 60: 'application/cbor', 110: 'application/senml+json' };
    const contentFormatName = format === null ? null : (names[format] ?? null);
    return {
      uri, code, codeName, payload,
      options: format === null ? [] : [
        { number: 4, name: 'ETag', value: 'a1b2c3d4' },
        { number: 12, name: 'Content-Format', value: `${format} (${contentFormatName})` },
        { number: 14, name: 'Max-Age', value: '30' },
      ],
      contentFormat: format, contentFormatName,
      text: new TextDecoder().decode(payload), leftOutBytes: 0,
      rttMs: 31.4, retransmissions: 0, blocks: Math.max(1, Math.ceil(payload.length / 1024)),
      deviceId: null, transport: transports[scheme] ?? 'udp', peer: '10.20.1.40:5683', maxAgeSeconds: 30,
      etag: format === null ? null : 'a1b2c3d4', location: null,
    };
  } // prettier-ignore

  const methods: Partial<Handlers['methods']> = {
    'coap.request': async ({ uri, method, payload }, { signal }) => {
      const authority = await reach(uri, signal);
      const path = uri.slice(authority.length).replace(/\?.*$/, '') || '/';
      const made = servers.get(authority)!.find((one) => one.path === path);
      if (path === '/slow') await pause(600_000, signal);
      if (made === undefined) return answer(uri, '4.04', 'Not Found', new Uint8Array(0), null);
      if (method === 'GET' || method === 'FETCH') {
        const body = made.body();
        const resource = resources.get(authority + path)!;
        const text = made.format === 42 || made.format === 60 ? null : new TextDecoder().decode(body);
        const last = { receivedMs: Date.now(), code: '2.05', contentFormat: made.format, bytes: body.length, text, truncated: false }; // prettier-ignore
        resources.set(resource.uri, { ...resource, last });
        told([resources.get(resource.uri)!]);
        return answer(uri, '2.05', 'Content', body, made.format);
      }
      if (!path.startsWith('/actuators'))
        return answer(uri, '4.05', 'Method Not Allowed', utf8('read only'), null);
      if (method === 'DELETE') return answer(uri, '2.02', 'Deleted', new Uint8Array(0), null);
      const sent = bytesOf(payload);
      return answer(uri, '2.04', 'Changed', sent.length > 64 ? sent.slice(0, 64) : new Uint8Array(0), null);
    },
    'coap.ping': async ({ uri }, { signal }) => {
      await reach(uri, signal);
      return { rttMs: 8.2, peer: '10.20.1.40:5683' };
    },
    'coap.discover': async ({ uri }, { signal }) => {
      const authority = await reach(uri, signal);
      const upsert = servers.get(authority)!.map((one) => put(authority, one));
      told(upsert);
      const links = upsert.map(({ uri: own, path, attributes, observable }) => ({
        uri: own,
        path,
        attributes,
        observable,
      }));
      return {
        authority,
        deviceId: 12,
        links: authority === 'coap://10.20.1.40:5683' ? [...links, FOREIGN] : links,
      };
    },
    'coap.resources': ({ authority }) => ({ resources: [...resources.values()].filter(fits(authority)) }),
    'coap.forget': ({ authority }) => {
      const gone = [...resources.values()].filter(fits(authority)).map(({ uri }) => uri);
      if (gone.length === 0) throw new CodedError('coap.unknown_server', `${authority} is not known.`);
      for (const uri of gone) resources.delete(uri);
      told([], gone);
      return { removed: gone.length };
    },
    'coap.savedRequests': () => ({ requests: [...saved] }),
    'coap.saveRequest': ({ id, ...input }) => {
      const one: SavedCoapRequest = { ...input, id: id ?? String(nextId++) };
      const index = saved.findIndex((other) => other.id === one.id);
      if (index >= 0) saved[index] = one;
      else saved.push(one);
      return one;
    },
    'coap.removeRequest': ({ id }) => {
      const index = saved.findIndex((one) => one.id === id);
      if (index < 0) throw new CodedError('coap.unknown_request', 'This request is no longer saved.');
      saved.splice(index, 1);
      return { removed: true };
    },
  };

  function open(
    authority: string | undefined,
    dirty: () => void,
  ): Feed<{ resources: CoapResource[] }, CoapDelta> {
    const wanted = fits(authority);
    const feed = { upsert: new Map<string, CoapResource>(), removed: new Set<string>(), dirty };
    feeds.add(feed);
    return {
      snapshot() {
        feed.upsert.clear();
        feed.removed.clear();
        return { resources: [...resources.values()].filter(wanted) };
      },
      drain() {
        if (feed.upsert.size + feed.removed.size === 0) return null;
        const delta = { upsert: [...feed.upsert.values()].filter(wanted), removed: [...feed.removed] };
        feed.upsert.clear();
        feed.removed.clear();
        return delta;
      },
      close: () => void feeds.delete(feed),
    };
  }
  function change(uri: string, next: Partial<CoapResource>): CoapResource {
    const authority = authorityOf(uri);
    const path = uri.slice(authority.length) || '/';
    const before =
      resources.get(uri) ?? put(authority, { path, attributes: {}, format: 0, body: () => utf8('21.5') });
    const resource = { ...before, ...next };
    resources.set(uri, resource);
    told([resource]);
    return resource;
  }
  return {
    methods,
    subscriptions: { coap: ({ authority }, dirty) => open(authority, dirty) },
    change,
  };
}
