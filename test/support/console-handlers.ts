/** Handlers of a made-up station: the broker's part moves and answers, the rest is empty. */
import { CodedError } from '../../core/base/errors.ts';
import { methods } from '../../core/contract/methods.ts';
import { subscriptions } from '../../core/contract/subscriptions.ts';
import type { ClientsDelta } from '../../core/contract/broker.ts';
import type { StationStatus } from '../../core/contract/station.ts';
import type { MqttListenerConfig, MqttListenerStatus } from '../../core/contract/listeners.ts';
import type { RoleRow, UserRow } from '../../core/contract/security.ts';
import type { CallContext, Feed, Handlers } from '../../core/rpc/types.ts';
import { ConsoleClients } from './console-clients.ts';
import { madeUpCoap } from './console-coap.ts';
import { madeUpCoapFind } from './console-coap-find.ts';
import { madeUpCoapLive } from './console-coap-live.ts';
import { madeUpTopics } from './console-topics.ts';
import type { MadeUpTopicsOptions } from './console-topics.ts';
import { Whole } from './console-whole.ts';
import {
  checkListener,
  listenerStatus,
  plantCertificates,
  plantListeners,
  plantSecurity,
} from './console-security.ts';

const TICK_MS = 250;
const PEM = (what: string): string =>
  `-----BEGIN ${what}-----\n${'MIIBszCCAVmgAwIBAgIUYQ1mJ3nQ0n8f2kq0cQF1mZr0bq4wCgYIKoZIzj0EAwIw\n'.repeat(6)}-----END ${what}-----\n`;

export function consoleHandlers(
  count: number,
  changesPerSecond: number,
  topicOptions: MadeUpTopicsOptions = {},
): { handlers: Handlers; stop(): void } {
  const startedMs = Date.now() - 3_600_000 * 50;
  const clients = new ConsoleClients(count, Date.now());
  let listeners = plantListeners(Date.now());
  let certificates = plantCertificates(Date.now());
  let security = plantSecurity(Date.now());
  const traffic = {
    messagesIn: 91_204_412,
    messagesOut: 14_811_020,
    bytesIn: 8_120_441_092,
    bytesOut: 2_204_118_004,
    droppedOut: 18_422,
  };

  const listenersFeed = new Whole(() => ({ listeners }));
  const securityFeed = new Whole(() => security);
  const station = new Whole(statusNow);
  const clientFeeds = new Set<{
    upsert: Map<string, ClientsDelta['upsert'][number]>;
    removed: Set<string>;
    dirty(): void;
  }>();

  function statusNow(): StationStatus {
    return {
      nowMs: Date.now(),
      listeners: [
        {
          name: 'mqtt',
          requested: '127.0.0.1:1883',
          address: '127.0.0.1:1883',
          state: 'listening',
          error: null,
        },
        {
          name: 'coap',
          requested: '127.0.0.1:5683',
          address: '127.0.0.1:5683',
          state: 'listening',
          error: null,
        },
        {
          name: 'http',
          requested: '127.0.0.1:8080',
          address: '127.0.0.1:8080',
          state: 'listening',
          error: null,
        },
      ],
      recorder: {
        state: 'ok',
        fault: null,
        setAside: null,
        committedReadings: 812_000_114,
        pendingReadings: 0,
        droppedReadings: 0,
        lastCommitMs: Date.now(),
        databaseBytes: 4_112_004_096,
        freeBytes: 211_000_000_000,
      },
      mqtt: {
        clients: clients.rows.filter(({ connected }) => connected).length,
        retained: 4_811,
        ...traffic,
      },
      coap: { observations: 0, exchanges: 0, requests: 0, retransmissions: 0 },
      rates: { messagesPerSecond: changesPerSecond * 4, readingsPerSecond: changesPerSecond * 3 },
      counts: { devices: 0, series: 0, topics: 31_204 },
      screens: 1,
      limits: { 'mqtt.malformed_packet': 3 },
    };
  }

  function told(upsert: ClientsDelta['upsert'], removed: string[] = []): void {
    for (const feed of clientFeeds) {
      for (const row of upsert) feed.upsert.set(row.clientId, row);
      for (const id of removed) {
        feed.upsert.delete(id);
        feed.removed.add(id);
      }
      feed.dirty();
    }
  }

  const timer = setInterval(() => {
    const nowMs = Date.now();
    const wave = 1 + 0.25 * Math.sin(nowMs / 9_000) + 0.1 * Math.sin(nowMs / 1_700);
    const messages = Math.round((changesPerSecond * 4 * wave * TICK_MS) / 1000);
    traffic.messagesIn += messages;
    traffic.bytesIn += messages * 96;
    traffic.messagesOut += Math.round(messages * 0.6);
    traffic.bytesOut += Math.round(messages * 58);
    traffic.droppedOut += 4;
    told(clients.step((changesPerSecond * TICK_MS) / 1000, nowMs));
    station.changed();
  }, TICK_MS);
  timer.unref();

  function clientOf(clientId: string): number {
    const index = clients.rows.findIndex((row) => row.clientId === clientId);
    if (index < 0) throw new CodedError('broker.unknown_client', `There is no session of ${clientId}.`);
    return index;
  }
  function listenerOf(id: string): MqttListenerStatus {
    const found = listeners.find(({ config }) => config.id === id);
    if (found === undefined) throw new CodedError('listeners.unknown', `There is no listener ${id}.`);
    return found;
  }
  function putListener(status: MqttListenerStatus): MqttListenerStatus {
    const known = listeners.some(({ config }) => config.id === status.config.id);
    listeners = known
      ? listeners.map((one) => (one.config.id === status.config.id ? status : one))
      : [...listeners, status];
    listenersFeed.changed();
    return status;
  }
  function changeSecurity(next: Partial<typeof security>): typeof security {
    security = { ...security, ...next };
    const { users } = security;
    security.roles = security.roles.map((role) => ({
      ...role,
      users: users.filter(({ roles }) => roles.includes(role.name)).map(({ name }) => name),
    }));
    securityFeed.changed();
    return security;
  }
  const nextId = (() => {
    let next = 100;
    return (what: string) => `${what}-${next++}`;
  })();

  const topics = madeUpTopics(topicOptions);
  const coap = madeUpCoap();
  const coapLive = madeUpCoapLive(coap.change);
  const coapFind = madeUpCoapFind();
  const answers: Partial<Handlers['methods']> = {
    ...topics.methods,
    ...coap.methods,
    ...coapLive.methods,
    ...coapFind.methods,
    'coap.request': async (params, context: CallContext) => {
      const answer = await coap.methods['coap.request']!(params, context);
      const { exchange, uri, method } = params;
      if (exchange !== undefined) coapLive.asked(exchange, uri, method, answer.blocks);
      return answer;
    },
    'station.info': () => ({
      name: 'North plant',
      version: '0.1.0',
      startedMs,
      nowMs: Date.now(),
      listeners: statusNow().listeners,
      dataFolder: '/var/lib/fieldstation',
      runtime: { node: '24.21.0', electron: null, platform: 'linux x64' },
    }),
    'broker.client': ({ clientId }) => {
      clientOf(clientId);
      return clients.detail(clientId)!;
    },
    'broker.disconnect': ({ clientId }) => {
      const index = clientOf(clientId);
      const row = { ...clients.rows[index]!, connected: false, slow: false, leftMs: Date.now() };
      if (row.sessionExpirySeconds === 0) {
        clients.rows.splice(index, 1);
        told([], [clientId]);
      } else told([(clients.rows[index] = row)]);
      return { disconnected: true };
    },
    'broker.removeSession': ({ clientId }) => {
      clients.rows.splice(clientOf(clientId), 1);
      told([], [clientId]);
      return { removed: true };
    },
    'broker.sys': () => ({
      values: [
        ['$SYS/broker/bytes/received', String(traffic.bytesIn)],
        ['$SYS/broker/bytes/sent', String(traffic.bytesOut)],
        ['$SYS/broker/clients/connected', String(statusNow().mqtt.clients)],
        ['$SYS/broker/clients/disconnected', String(clients.rows.length - statusNow().mqtt.clients)],
        ['$SYS/broker/clients/maximum', '10240'],
        ['$SYS/broker/clients/total', String(clients.rows.length)],
        ...['1min', '5min', '15min'].flatMap((span) => [
          [`$SYS/broker/load/bytes/received/${span}`, '384112.44'],
          [`$SYS/broker/load/messages/received/${span}`, '4011.20'],
          [`$SYS/broker/load/messages/sent/${span}`, '2406.77'],
        ]),
        ['$SYS/broker/messages/received', String(traffic.messagesIn)],
        ['$SYS/broker/messages/sent', String(traffic.messagesOut)],
        ['$SYS/broker/publish/messages/dropped', String(traffic.droppedOut)],
        ['$SYS/broker/retained messages/count', '4811'],
        ['$SYS/broker/subscriptions/count', '34518'],
        ['$SYS/broker/uptime', `${Math.floor((Date.now() - startedMs) / 1000)} seconds`],
        ['$SYS/broker/version', 'fieldstation version 0.1.0'],
      ]
        .map(([topic, value]) => ({ topic: topic!, value: value! }))
        .sort((a, b) => (a.topic < b.topic ? -1 : 1)),
    }),
    'listeners.add': (config) => {
      checkListener(config);
      return putListener(listenerStatus({ ...config, id: nextId('listener') } as MqttListenerConfig));
    },
    'listeners.change': (config) => {
      checkListener(config);
      return putListener({ ...listenerOf(config.id), config: config as MqttListenerConfig });
    },
    'listeners.remove': ({ id }) => {
      const gone = listenerOf(id);
      listeners = listeners.filter((one) => one !== gone);
      listenersFeed.changed();
      return { removed: true };
    },
    'listeners.start': ({ id }) => {
      const { config } = listenerOf(id);
      return putListener(listenerStatus({ ...config, enabled: true }));
    },
    'listeners.stop': ({ id }) =>
      putListener({ ...listenerOf(id), state: 'stopped', address: null, connections: 0, error: null }),
    'certificates.list': () => ({ certificates }),
    'certificates.makeAuthority': ({ name }) => {
      const row = { ...plantCertificates(Date.now())[0]!, id: nextId('authority'), name };
      certificates = [...certificates, row];
      return row;
    },
    'certificates.issueServer': ({ name, hosts }) => {
      if (hosts.some((host) => host.includes('_'))) {
        throw new CodedError(
          'certificates.bad_host',
          `${hosts.find((host) => host.includes('_'))} is no host name.`,
        );
      }
      const row = {
        ...plantCertificates(Date.now())[3]!,
        id: nextId('server'),
        name,
        hosts,
        usedBy: [],
        origin: 'made' as const,
      };
      certificates = [...certificates, row];
      return row;
    },
    'certificates.issueDevice': ({ name }) => {
      const row = { ...plantCertificates(Date.now())[6]!, id: nextId('device'), name, subject: `CN=${name}` };
      certificates = [...certificates, row];
      return {
        row,
        keyPem: PEM('PRIVATE KEY'),
        certificatePem: PEM('CERTIFICATE'),
        authorityPem: PEM('CERTIFICATE'),
      };
    },
    'certificates.import': ({ certificate }) => {
      if (!certificate.includes('-----END CERTIFICATE-----')) {
        throw new CodedError('certificates.unreadable', 'The text breaks off before the certificate ends.');
      }
      throw new CodedError('certificates.key_mismatch', 'The key belongs to another certificate.');
    },
    'certificates.remove': ({ id }) => {
      certificates = certificates.filter((row) => row.id !== id);
      return { removed: true };
    },
    'certificates.export': () => ({ pem: PEM('CERTIFICATE') }),
    'security.putUser': ({ password, ...input }) => {
      const before = security.users.find(({ name }) => name === input.name);
      const user: UserRow = {
        ...input,
        hasPassword: password === undefined ? (before?.hasPassword ?? false) : password !== null,
        createdMs: before?.createdMs ?? Date.now(),
        changedMs: Date.now(),
        lastSeenMs: before?.lastSeenMs ?? 0,
      };
      changeSecurity({ users: [...security.users.filter((one) => one !== before), user] });
      return user;
    },
    'security.removeUser': ({ name }) => {
      changeSecurity({ users: security.users.filter((one) => one.name !== name) });
      return { removed: true };
    },
    'security.putRole': ({ name, rules }) => {
      const before = security.roles.find((one) => one.name === name);
      const role: RoleRow = { name, rules, users: before?.users ?? [] };
      changeSecurity({
        roles:
          before === undefined
            ? [...security.roles, role]
            : security.roles.map((one) => (one === before ? role : one)),
      });
      return role;
    },
    'security.removeRole': ({ name }) => {
      changeSecurity({ roles: security.roles.filter((one) => one.name !== name) });
      return { removed: true };
    },
    'security.setAnonymousRole': ({ role }) => changeSecurity({ anonymousRole: role }),
    'security.test': ({ user, topic }) => {
      const sensors = security.roles.find(({ name }) => name === 'sensors')!;
      if (user === null || topic.startsWith('$')) return { allowed: false, role: null, rule: null };
      const deny = topic.endsWith('setpoint');
      return { allowed: !deny, role: 'sensors', rule: sensors.rules[deny ? 0 : 1]! };
    },
  };

  const empty = <T>(whole: T): Feed<T, never> => ({ snapshot: () => whole, drain: () => null, close() {} });
  const handlers = {
    methods: Object.fromEntries(
      Object.keys(methods).map((name) => [
        name,
        (answers as Record<string, unknown>)[name] ??
          (() => {
            throw new CodedError('test.made_up', `This station is made up and has no ${name}.`);
          }),
      ]),
    ),
    subscriptions: {
      ...Object.fromEntries(Object.keys(subscriptions).map((name) => [name, () => empty({})])),
      station: (_: unknown, dirty: () => void) => station.open(dirty),
      devices: () => empty({ devices: [] }),
      ...topics.subscriptions,
      ...coap.subscriptions,
      ...coapLive.subscriptions,
      ...coapFind.subscriptions,
      listeners: (_: unknown, dirty: () => void) => listenersFeed.open(dirty),
      security: (_: unknown, dirty: () => void) => securityFeed.open(dirty),
      clients: (_: unknown, dirty: () => void) => {
        const feed = {
          upsert: new Map<string, ClientsDelta['upsert'][number]>(),
          removed: new Set<string>(),
          dirty,
        };
        clientFeeds.add(feed);
        return {
          snapshot() {
            feed.upsert.clear();
            feed.removed.clear();
            return { clients: clients.rows };
          },
          drain() {
            if (feed.upsert.size + feed.removed.size === 0) return null;
            const delta = { upsert: [...feed.upsert.values()], removed: [...feed.removed] };
            feed.upsert.clear();
            feed.removed.clear();
            return delta;
          },
          close: () => void clientFeeds.delete(feed),
        };
      },
    },
  };
  const stop = (): void => {
    clearInterval(timer);
    topics.stop();
    coapLive.stop();
    coapFind.stop();
  };
  return { handlers: handlers as unknown as Handlers, stop };
}
