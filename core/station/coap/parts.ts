import type { MqttAccess } from '../../access/mqtt-access.ts';
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import type { Unsubscribe } from '../../base/events.ts';
import type { Log } from '../../base/log.ts';
import { Directory } from '../../coap/directory/directory.ts';
import { mountDirectory } from '../../coap/directory/resources.ts';
import { listInterfaces } from '../../coap/discovery/interfaces.ts';
import { hcLinks } from '../../coap/proxy/links.ts';
import { CoapEndpoint } from '../../coap/endpoint.ts';
import { secureRandom } from '../../coap/random.ts';
import { CoapServer } from '../../coap/server/coap-server.ts';
import type { DeviceRegistry } from '../../devices/registry.ts';
import type { SavedCoapRequest } from '../../contract/coap-browser.ts';
import type { TopicTree } from '../../devices/topic-tree.ts';
import type { Record } from '../../store/record.ts';
import type { BrokerParts } from '../broker-parts.ts';
import { ServerChanges } from '../coap-server/changes.ts';
import { CoapListeners } from '../coap-server/listeners.ts';
import { OwnListeners } from '../coap-server/own-listeners.ts';
import { ServerSettings } from '../coap-server/settings.ts';
import { mountResources, openTo } from '../coap-server/station-server.ts';
import { CoapProxy } from './proxy.ts';
import type { Intake } from '../intake.ts';
import type { StationOptions } from '../options.ts';
import type { SavedList } from '../saved-list.ts';
import { CoapDesk } from './desk.ts';
import { DirectoryDesk } from './directory-desk.ts';
import { ExchangeBook } from './exchange-book.ts';
import { fixedListeners, listensBeyond } from './fixed-listeners.ts';
import { NumberPreview } from './number-preview.ts';
import { savedRequests } from './saved-requests.ts';
import { ScanDesk, readLinkText } from './scan-desk.ts';

export interface CoapParts {
  endpoint: CoapEndpoint;
  desk: CoapDesk;
  exchanges: ExchangeBook;
  preview: NumberPreview;
  requests: SavedList<SavedCoapRequest>;
  server: CoapServer;
  serverSettings: ServerSettings;
  coapListeners: CoapListeners;
  changes: ServerChanges;
  directory: Directory;
  directoryDesk: DirectoryDesk;
  scanDesk: ScanDesk;
  proxy: CoapProxy;
  /** What they hear of each other; ended by `stopCoap`. */
  coapWires: Unsubscribe[];
}

/** Everything CoAP: the endpoint that asks and answers, what it serves, what is known of others. */
export function createCoapParts(parts: {
  options: StationOptions;
  record: Record;
  registry: DeviceRegistry;
  topics: TopicTree;
  intake: Intake;
  broker: BrokerParts;
  /** `http://host:port` of the gateway while it listens. */
  httpOrigin: () => string | null;
  clock: Clock;
  logFor: (part: string) => Log;
}): CoapParts {
  const { options, record, registry, topics, intake, broker, httpOrigin, clock, logFor } = parts;
  const folder = options.dataFolder;
  const log = logFor('coap');
  const { mqttAccess, certificates, brokerDesk } = broker;
  const serverSettings = new ServerSettings(folder, log);
  const endpoint = new CoapEndpoint({
    clock,
    log,
    serve: (request) => server.sink(request),
    tlsFor: () => ({ ca: certificates.authorities() }),
    groups: listensBeyond(options.coap) ? networks() : [],
  });
  const server = new CoapServer({
    clock,
    log,
    wheel: endpoint.wheel,
    random: secureRandom(),
    allow: openTo(serverSettings),
  });

  const exchanges = new ExchangeBook(clock);
  const own = new OwnListeners({
    listening: () => [
      ...(endpoint.listening === null ? [] : [{ transport: 'udp' as const, ...endpoint.listening }]),
      ...coapListeners.listening(),
    ],
  });
  const desk = new CoapDesk({ endpoint, registry, intake, exchanges, own, store: record, clock, log });
  desk.load(record.catalog.resources);

  const directory = new Directory({ clock, random: secureRandom() });
  const directoryDesk = new DirectoryDesk({ directory, desk, registry, store: record, log });
  directoryDesk.load(record.catalog.registrations);
  const fetchLinks = (uri: string, signal: AbortSignal) => readLinkText(endpoint, uri, signal);

  const proxy = new CoapProxy({ endpoint, folder, log });
  const coapListeners = new CoapListeners({
    open: (config, tls) => endpoint.listenReliable({ ...config, ...(tls === undefined ? {} : { tls }) }),
    settings: serverSettings,
    certificates,
    fixed: fixedListeners(options),
    log,
  });
  const isReachedByOthers = () =>
    listensBeyond(options.coap) || coapListeners.list().some(({ config }) => listensBeyond(config));
  const changes = new ServerChanges({ server, registry, broker: broker.broker, clock });
  mountResources({
    server,
    registry,
    topics,
    changes,
    namesDevices: () => serverSettings.allows('read') || !isReachedByOthers(),
    moreLinks: () => {
      const origin = proxy.enabled ? httpOrigin() : null;
      return origin === null ? [] : hcLinks(origin);
    },
    messages: {
      may: (action, topic) => anonymousMay(mqttAccess, action, topic),
      publish: async ({ topic, payload, retain }) => {
        brokerDesk.publish({ topic, payload, retain, qos: 1, properties: {} });
        const mark = record.mark();
        await record.settled();
        // A disk at fault: nobody is told that it is safe.
        if (record.committedMark < mark) throw new CodedError('broker.not_taken', 'It is not on disk yet.');
      },
    },
  });

  return {
    ...{ endpoint, desk, exchanges, server, serverSettings, changes, directory, directoryDesk },
    preview: new NumberPreview(),
    requests: savedRequests(folder, log),
    coapListeners,
    scanDesk: new ScanDesk({ endpoint, desk, registry, clock, log }),
    proxy,
    coapWires: [mountDirectory(server, directory, { clock, fetchLinks, kept: () => record.settled() })],
  };
}

/**
 * CoAP peers say no name. As long as anybody may be anybody they may do what anonymous MQTT clients may; once there
 * are users, only what the anonymous role says in so many words.
 */
function anonymousMay(access: MqttAccess, action: 'publish' | 'subscribe', topic: string): boolean {
  if (access.hasUsers() && access.mayPublishAll(null)) return false;
  return access.authorize({ clientId: 'coap', username: null, action, topic });
}

/** Interfaces on which `All CoAP Nodes` is heard: those that lead to other machines. */
function networks(): string[] {
  return listInterfaces()
    .filter(({ loopback }) => !loopback)
    .map(({ name }) => name);
}

/** Observations start and listeners of reliable transports open, once the UDP port is (or is not) there. */
export async function startCoap({ desk, coapListeners }: CoapParts): Promise<void> {
  await coapListeners.start();
  desk.resume();
}

export async function stopCoap(parts: CoapParts): Promise<void> {
  const { desk, coapListeners, changes, server, directory, directoryDesk, scanDesk } = parts;
  scanDesk.stop();
  desk.stop();
  changes.stop();
  server.stop();
  for (const end of parts.coapWires) end();
  directoryDesk.stop();
  directory.stop();
  await coapListeners.stop();
}
