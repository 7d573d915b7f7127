import { silentLog } from '../../../core/base/log.ts';
import type { Log } from '../../../core/base/log.ts';
import { systemClock } from '../../../core/base/clock.ts';
import { Directory } from '../../../core/coap/directory/directory.ts';
import type { DirectoryLimits } from '../../../core/coap/directory/limits.ts';
import { mountDirectory } from '../../../core/coap/directory/resources.ts';
import { CoapEndpoint } from '../../../core/coap/endpoint.ts';
import type { CoapLimits, TransmissionParameters } from '../../../core/coap/parameters.ts';
import { secureRandom } from '../../../core/coap/random.ts';
import type { ReliableLimits } from '../../../core/coap/reliable/context.ts';
import { CoapServer } from '../../../core/coap/server/coap-server.ts';
import type { ServerLimits } from '../../../core/coap/server/limits.ts';
import { ReadingsHub } from '../../../core/devices/readings-hub.ts';
import { DeviceRegistry } from '../../../core/devices/registry.ts';
import { TopicTree } from '../../../core/devices/topic-tree.ts';
import type { InboundPublish } from '../../../core/mqtt/types.ts';
import { ServerChanges } from '../../../core/station/coap-server/changes.ts';
import { mountResources } from '../../../core/station/coap-server/station-server.ts';
import { OwnListeners } from '../../../core/station/coap-server/own-listeners.ts';
import { CoapDesk } from '../../../core/station/coap/desk.ts';
import { DirectoryDesk } from '../../../core/station/coap/directory-desk.ts';
import { ExchangeBook } from '../../../core/station/coap/exchange-book.ts';
import { readLinkText } from '../../../core/station/coap/scan-desk.ts';
import { Intake } from '../../../core/station/intake.ts';
import type { Record as Kept } from '../../../core/store/record.ts';
import { Telemetry } from '../../../core/telemetry/telemetry.ts';
import { ForeignDatagrams } from './foreign.ts';

/* Everything CoAP of a station but its record and broker, under bounds so small that the fuzz reaches them. */

export const LIMITS: CoapLimits = {
  peers: 150,
  servingPerPeer: 16,
  serving: 100,
  queuedResponsesPerPeer: 16,
  responses: 500,
  groupRequests: 4,
  queuedPerPeer: 20,
  exchanges: 300,
  remembered: 3_000,
  rememberedBytes: 256 * 1024,
  observations: 40,
  bodyBytes: 64 * 1024,
};

export const SERVER_LIMITS: Partial<ServerLimits> = {
  bodyBytes: 16 * 1024,
  assemblyBytes: 64 * 1024,
  assemblyBytesPerPeer: 32 * 1024,
  assemblies: 16,
  assemblyTimeoutMs: 4_000,
  keptBytes: 64 * 1024,
  keptBodies: 16,
  keptMs: 4_000,
  observers: 120,
  observersPerPeer: 8,
  unknownRttMs: 300,
  requestsPerSecond: 200,
  requestBurst: 400,
  ratedPeers: 100,
  underWay: 60,
  underWayPerPeer: 8,
  handlerMs: 3_000,
  echoMs: 5_000,
  verifiedPeers: 30,
  verifiedMs: 3_000,
};

export const DIRECTORY_LIMITS: DirectoryLimits = {
  registrations: 60,
  perPeer: 8,
  linksPerRegistration: 20,
  charsPerRegistration: 2_000,
  links: 300,
};

/** Lifetimes of some 6 s instead of 247, so that tables turn over many times. */
const PARAMETERS: Partial<TransmissionParameters> = {
  ackTimeoutMs: 300,
  maxLatencyMs: 500,
  responseTimeoutMs: 3_000,
  piggybackMs: 150,
  probingRateBytesPerSecond: 1_000,
};

const RELIABLE: Partial<ReliableLimits> = {
  maxMessageBytes: 20_000,
  connections: 24,
  connectionsPerAddress: 12,
  newcomers: 16,
  newcomersPerAddress: 8,
  requestsPerConnection: 40,
  servedPerConnection: 32,
  outBytes: 256 * 1024,
  highWaterBytes: 32 * 1024,
  unfinishedBytes: 256 * 1024,
  connectTimeoutMs: 2_000,
  newcomerTimeoutMs: 1_500,
  csmTimeoutMs: 1_000,
  messageTimeoutMs: 2_000,
  stallTimeoutMs: 3_000,
  keepAliveMs: 3_000,
  pongTimeoutMs: 2_000,
  // Longer than the witness may have to wait for another of its exchanges.
  idleCloseMs: 60_000,
  releaseTimeoutMs: 1_000,
  lingerMs: 300,
};

const MAX_DEVICES = 400;
const MAX_TOPICS = 400;

export class Rig {
  readonly endpoint: CoapEndpoint;
  readonly server: CoapServer;
  readonly directory: Directory;
  readonly desk: CoapDesk;
  readonly registry: DeviceRegistry;
  readonly topics: TopicTree;
  readonly exchanges = new ExchangeBook(systemClock);
  readonly directoryDesk: DirectoryDesk;
  /** What was logged as a fault of our own. */
  readonly faults: string[] = [];
  readonly ports = { udp: 0, tcp: 0, ws: 0 };
  readonly #changes: ServerChanges;
  readonly #unmount: () => void;

  constructor() {
    const clock = systemClock;
    const log: Log = { ...silentLog, error: (message, fields) => void this.#fault(message, fields) };
    const unkept = { putDevice() {}, putSeries() {}, putTopic() {}, putResource() {}, putRegistration() {} };
    const record = { accepting: true, addReadings() {}, addMessage() {}, mark: () => 0 };
    this.registry = new DeviceRegistry({ sink: unkept, clock, maxDevices: MAX_DEVICES, maxSeries: 2_000 });
    const telemetry = new Telemetry({ catalog: this.registry });
    this.topics = new TopicTree({ sink: unkept, maxTopics: MAX_TOPICS, maxPayloadBytesInAll: 1024 * 1024 });
    const intake = new Intake({
      telemetry,
      registry: this.registry,
      hub: new ReadingsHub({ values: this.registry }),
      topics: this.topics,
      record: record as unknown as Kept,
    });
    this.endpoint = new CoapEndpoint({
      clock,
      log,
      datagrams: new ForeignDatagrams(log),
      serve: (request) => this.server.sink(request),
      limits: LIMITS,
      parameters: PARAMETERS,
      reliableLimits: RELIABLE,
      observe: { retryMinMs: 500, retryMaxMs: 3_000 },
      tickMs: 20,
    });
    this.server = new CoapServer({
      clock,
      log,
      wheel: this.endpoint.wheel,
      random: secureRandom(),
      limits: SERVER_LIMITS,
    });
    const { endpoint, registry, exchanges } = this;
    const own = new OwnListeners({ listening: () => [] });
    this.desk = new CoapDesk({ endpoint, registry, intake, exchanges, own, store: unkept, clock, log });
    this.directory = new Directory({ clock, random: secureRandom(), limits: DIRECTORY_LIMITS });
    this.directoryDesk = new DirectoryDesk({
      ...{ directory: this.directory, desk: this.desk, registry, store: unkept, log },
    });
    const subscribers = new Map<string, Set<() => void>>();
    this.#changes = new ServerChanges({
      ...{ server: this.server, registry, clock },
      broker: {
        subscribe: ({ filter }, run) => {
          const heard = subscribers.get(filter) ?? new Set();
          const own = (): void => run(undefined as never);
          subscribers.set(filter, heard.add(own));
          return () => {
            heard.delete(own);
            if (heard.size === 0) subscribers.delete(filter);
          };
        },
      },
    });
    mountResources({
      ...{ server: this.server, registry, topics: this.topics, changes: this.#changes },
      namesDevices: () => true,
      moreLinks: () => [],
      messages: {
        may: (_action, topic) => !topic.startsWith('secret'),
        publish: ({ topic, payload }) => {
          const publish: InboundPublish = {
            ...{ topic, payload, qos: 0, retain: false, clientId: 'coap', username: null },
            ...{ properties: new Uint8Array(0), receivedMs: clock.now() },
          };
          intake.take(publish);
          for (const run of subscribers.get(topic) ?? []) run();
          return Promise.resolve();
        },
      },
    });
    this.#unmount = mountDirectory(this.server, this.directory, {
      clock,
      fetchLinks: (uri, signal) => readLinkText(endpoint, uri, signal),
    });
  }

  async start(): Promise<void> {
    const here = { host: '127.0.0.1', port: 0 };
    this.ports.udp = (await this.endpoint.start(here)).port;
    this.ports.tcp = (await this.endpoint.listenReliable({ ...here, transport: 'tcp' })).address.port;
    this.ports.ws = (await this.endpoint.listenReliable({ ...here, transport: 'ws' })).address.port;
  }

  async stop(): Promise<void> {
    this.desk.stop();
    this.#changes.stop();
    this.server.stop();
    this.#unmount();
    this.directoryDesk.stop();
    this.directory.stop();
    await this.endpoint.stop();
  }

  /** Everything that others can make grow, and how large it may be. */
  bounds(): [name: string, now: number, most: number][] {
    const { endpoint, server, directory } = this;
    const { holdings, limits } = server;
    const { peers, rememberedIds, serving } = endpoint.holdings;
    const links = directory.list().reduce((sum, one) => sum + one.links.length, 0);
    return [
      ['peers', peers, LIMITS.peers * 2],
      ['rememberedIds', rememberedIds, LIMITS.remembered],
      ['serving', serving, LIMITS.serving],
      ['exchanges', endpoint.counters.exchanges, LIMITS.exchanges],
      ['responding', endpoint.counters.responding, LIMITS.responses],
      ['observations', endpoint.counters.observations, LIMITS.observations],
      ['assemblies', holdings.assemblies, limits.assemblies],
      ['assemblyBytes', holdings.assemblyBytes, limits.assemblyBytes],
      ['keptBodies', holdings.keptBodies, limits.keptBodies],
      ['keptBytes', holdings.keptBytes, limits.keptBytes],
      ['underWay', holdings.underWay, limits.underWay],
      ['observers', holdings.observers, limits.observers],
      ['ratedPeers', holdings.ratedPeers, limits.ratedPeers],
      ['verifiedPeers', holdings.verifiedPeers, limits.verifiedPeers],
      ['registrations', directory.size, DIRECTORY_LIMITS.registrations],
      ['registeredLinks', links, DIRECTORY_LIMITS.links],
      ['resources', this.desk.resources().length, 20_000],
      ['devices', this.registry.deviceCount, MAX_DEVICES],
      ['topics', this.topics.topicCount, MAX_TOPICS],
    ];
  }

  #fault(message: string, fields: { [field: string]: unknown } = {}): void {
    if (this.faults.length < 20) this.faults.push(`${message} ${JSON.stringify(fields)}`);
  }
}
