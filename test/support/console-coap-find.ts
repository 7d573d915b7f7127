/** Scans, the directory, the server's settings and the proxy of the made-up station. */
import { CodedError } from '../../core/base/errors.ts';
import type {
  CoapDirectory,
  CoapFound,
  CoapRegistration,
  CoapScan,
  CoapScanStep,
} from '../../core/contract/coap-discovery.ts';
import type {
  CoapListenerConfig,
  CoapListenerStatus,
  CoapProxyStatus,
  CoapServerStatus,
} from '../../core/contract/coap-server.ts';
import type { Handlers } from '../../core/rpc/types.ts';
import { Whole } from './console-whole.ts';

const TICK_MS = 200;

function step(
  kind: CoapScanStep['kind'],
  label: string,
  total: number,
  rest: Partial<CoapScanStep> = {},
): CoapScanStep {
  return { kind, label, state: 'waiting', done: 0, total, found: 0, problem: null, ...rest };
}

function found(kind: CoapFound['how'][number], n: number): CoapFound {
  const host =
    kind === 'multicast' && n % 3 === 2 ? `[fe80::24b:efff:fe80:${n}%25eth0]` : `10.20.1.${40 + n}`;
  const mute = n % 5 === 4;
  return {
    authority: `coap://${host}:5683`,
    how: n % 4 === 1 ? ['multicast', 'mdns'] : [kind],
    name: kind === 'mdns' || n % 4 === 1 ? `chiller-${n}` : null,
    links: mute ? null : 3 + ((n * 7) % 20),
    deviceId: mute ? null : 100 + n,
    foundMs: Date.now(),
    problem: mute ? 'It answers, but /.well-known/core is 4.04 Not Found.' : null,
  };
}

function registration(n: number, nowMs: number): CoapRegistration {
  const base = `coap://10.20.1.${60 + n}:5683`;
  const lifetimeSeconds = [3_600, 90_000, 86_400][n % 3]!;
  const updatedMs = nowMs - n * 700_000 - 61_000;
  const links = Array.from({ length: 2 + n }, (_, i) => ({
    uri: `${base}/sensors/${i}`,
    path: `/sensors/${i}`,
    attributes: { rt: 'temperature-c' },
    observable: true,
  }));
  return {
    location: `/rd/${4_521 + n}`,
    endpoint: `node-${n + 1}`,
    sector: n % 2 === 0 ? 'hall-3' : null,
    base,
    endpointType: n === 1 ? 'oma.lwm2m' : null,
    lifetimeSeconds,
    registeredMs: nowMs - 90_000_000,
    updatedMs,
    expiresMs: updatedMs + lifetimeSeconds * 1000,
    from: `udp 10.20.1.${60 + n}:5683`,
    links,
    deviceId: 200 + n,
  };
}

const config = (rest: Partial<CoapListenerConfig>): CoapListenerConfig => ({
  id: 'tcp',
  name: 'Plant network',
  transport: 'tcp',
  host: '10.20.0.1',
  port: 5683,
  enabled: true,
  certificate: null,
  ...rest,
});

function listening(given: CoapListenerConfig, rest: Partial<CoapListenerStatus> = {}): CoapListenerStatus {
  const on = given.enabled;
  return {
    config: given,
    state: on ? 'listening' : 'stopped',
    address: on ? `${given.host}:${given.port}` : null,
    error: null,
    connections: 0,
    fixed: false,
    ...rest,
  };
}

type Methods = Handlers['methods'];
type Subscriptions = Handlers['subscriptions'];

export function madeUpCoapFind(): {
  methods: Partial<Methods>;
  subscriptions: Pick<Subscriptions, 'coapScan' | 'coapDirectory' | 'coapProxy' | 'coapServer'>;
  stop(): void;
} {
  const idle: CoapScan = { state: 'idle', startedMs: null, endedMs: null, steps: [], found: [], leftOut: 0 };
  let scan = idle;
  let directory: CoapDirectory = {
    registrations: [0, 1, 2, 3].map((n) => registration(n, Date.now())),
    refused: 0,
  };
  let proxy: CoapProxyStatus = {
    settings: { enabled: true, allow: ['10.20.1.0/24', '*.plant.local', '[fe80::]/10:5683'] },
    counters: { requests: 18_204, unauthorized: 12, refused: 3, failed: 41, streams: 2 },
  };
  let server: CoapServerStatus = {
    settings: { others: 'register' },
    listeners: [
      listening(config({}), { connections: 14 }),
      listening(
        config({
          id: 'tls',
          name: 'Plant, encrypted',
          transport: 'tls',
          port: 5684,
          certificate: 'server-1',
        }),
        { connections: 3 },
      ),
      listening(config({ id: 'web', name: 'Browsers', transport: 'ws', port: 8085, enabled: false })),
      listening(config({ id: 'office', name: 'Office', host: '192.168.7.4' }), {
        state: 'failed',
        address: null,
        error:
          'Port 5683 on 192.168.7.4 cannot be used: this machine has no such address. Choose another one.',
      }),
    ],
    requests: 91_204,
    denied: 17,
    observers: 6,
    registrations: 4,
  };
  const scanFeed = new Whole(() => scan);
  const directoryFeed = new Whole(() => directory);
  const proxyFeed = new Whole(() => proxy);
  const serverFeed = new Whole(() => server);
  let nextId = 1;

  const timer = setInterval(() => {
    if (scan.state !== 'running') return;
    const at = scan.steps.findIndex(({ state }) => state === 'waiting' || state === 'running');
    if (at < 0) scan = { ...scan, state: 'done', endedMs: Date.now() };
    else {
      const one = { ...scan.steps[at]!, state: 'running' as CoapScanStep['state'] };
      one.done = Math.min(one.total, one.done + Math.ceil(one.total / 12));
      const more = Math.random() < 0.5 ? [found(one.kind, scan.found.length)] : [];
      one.found += more.length;
      if (one.done === one.total) one.state = 'done';
      if (one.label.startsWith('wlan0') && one.done > one.total / 2) {
        one.state = 'failed';
        one.problem = 'The network of wlan0 cannot be reached.';
      }
      scan = {
        ...scan,
        steps: scan.steps.map((old, i) => (i === at ? one : old)),
        found: [...scan.found, ...more],
      };
    }
    scanFeed.changed();
  }, TICK_MS);
  timer.unref();

  function put(status: CoapListenerStatus): CoapListenerStatus {
    const { id } = status.config;
    const known = server.listeners.some((one) => one.config.id === id);
    const listeners = known
      ? server.listeners.map((one) => (one.config.id === id ? status : one))
      : [...server.listeners, status];
    server = { ...server, listeners };
    serverFeed.changed();
    return status;
  }
  function listenerOf(id: string): CoapListenerStatus {
    const known = server.listeners.find((one) => one.config.id === id);
    if (known === undefined) throw new CodedError('listeners.unknown', `There is no listener ${id}.`);
    return known;
  }

  const methods: Partial<Methods> = {
    'coap.interfaces': () => ({
      interfaces: [
        {
          name: 'eth0',
          loopback: false,
          addresses: [
            { address: '10.20.0.1', family: 4, network: '10.20.0.0/22' },
            { address: 'fe80::24b:efff:fe80:1', family: 6, network: 'fe80::/64' },
          ],
        },
        {
          name: 'wlan0',
          loopback: false,
          addresses: [{ address: '192.168.7.12', family: 4, network: '192.168.7.0/24' }],
        },
        {
          name: 'lo',
          loopback: true,
          addresses: [{ address: '127.0.0.1', family: 4, network: '127.0.0.0/8' }],
        },
      ],
    }),
    'coap.scan': ({ interfaces, multicast, mdns, directory: asked, range }) => {
      if (scan.state === 'running') throw new CodedError('coap.scan_running', 'A scan is running already.');
      if (range !== undefined && !/^[\d.]+(\/\d+|-[\d.]+)$/.test(range)) {
        throw new CodedError('coap.bad_range', `${range} is no range of addresses.`);
      }
      const names = interfaces ?? ['eth0', 'wlan0'];
      const steps = names.flatMap((name) => [
        ...(multicast
          ? [step('multicast', `${name} 224.0.1.187`, 2_000), step('multicast', `${name} ff02::fd`, 2_000)]
          : []),
        ...(mdns ? [step('mdns', `${name} _coap._udp`, 3_000)] : []),
      ]);
      if (asked !== undefined) steps.push(step('directory', asked, 1));
      if (range !== undefined) steps.push(step('range', range, 254));
      scan = { state: 'running', startedMs: Date.now(), endedMs: null, steps, found: [], leftOut: 0 };
      scanFeed.changed();
      return scan;
    },
    'coap.scanStop': () => {
      const steps = scan.steps.map((one) =>
        one.state === 'waiting' || one.state === 'running' ? { ...one, state: 'stopped' as const } : one,
      );
      scan = { ...scan, state: 'stopped', endedMs: Date.now(), steps };
      scanFeed.changed();
      return scan;
    },
    'coap.removeRegistration': ({ location }) => {
      const registrations = directory.registrations.filter((one) => one.location !== location);
      if (registrations.length === directory.registrations.length) {
        throw new CodedError('coap.unknown_registration', `There is no registration ${location}.`);
      }
      directory = { ...directory, registrations };
      directoryFeed.changed();
      return { removed: true };
    },
    'coap.setProxy': (settings) => {
      const bad = settings.allow.find((one) => /[\s\\]|\/\/|^\*$/.test(one));
      if (bad !== undefined) {
        throw new CodedError('coap.bad_pattern', `${bad} is no address, network or name.`, {
          detail: { pattern: bad },
        });
      }
      proxy = { ...proxy, settings };
      proxyFeed.changed();
      return proxy;
    },
    'coap.setServer': (settings) => {
      server = { ...server, settings };
      serverFeed.changed();
      return server;
    },
    'coap.addListener': (given) => put(listening({ ...given, id: `listener-${nextId++}` })),
    'coap.changeListener': (given) => put({ ...listening(given), connections: 0 }),
    'coap.removeListener': ({ id }) => {
      listenerOf(id);
      server = { ...server, listeners: server.listeners.filter((one) => one.config.id !== id) };
      serverFeed.changed();
      return { removed: true };
    },
    'coap.startListener': ({ id }) => put(listening({ ...listenerOf(id).config, enabled: true })),
    'coap.stopListener': ({ id }) => put(listening({ ...listenerOf(id).config, enabled: false })),
  };
  return {
    methods,
    subscriptions: {
      coapScan: (_, dirty) => scanFeed.open(dirty),
      coapDirectory: (_, dirty) => directoryFeed.open(dirty),
      coapProxy: (_, dirty) => proxyFeed.open(dirty),
      coapServer: (_, dirty) => serverFeed.open(dirty),
    },
    stop: () => clearInterval(timer),
  };
}
