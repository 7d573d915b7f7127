import { isLoopback } from '../../coap/address.ts';
import { CONTENT, code } from '../../coap/codec/codes.ts';
import type { ParsedLink } from '../../coap/links/link-format.ts';
import type { CoapServer } from '../../coap/server/coap-server.ts';
import type { Resource, ServedAnswer, ServedRequest } from '../../coap/server/resource.ts';
import type { CoapOpenness } from '../../contract/coap-server.ts';
import type { DeviceRegistry } from '../../devices/registry.ts';
import type { TopicTree } from '../../devices/topic-tree.ts';
import type { ServerChanges } from './changes.ts';
import { VERSION } from '../../version.ts';
import { devicesResource, readingsResource } from './readings-resources.ts';
import type { KnownDevices } from './readings-resources.ts';
import { TEXT } from './senml.ts';
import type { ServerSettings } from './settings.ts';
import { topicsResource } from './topics-resource.ts';
import type { KnownTopics } from './topics-resource.ts';

const FORBIDDEN = code(4, 3);

/** What a peer on another machine must be allowed for this request. */
export function neededOpenness({ path, method }: ServedRequest): Exclude<CoapOpenness, 'nothing'> {
  const first = path[0];
  if (first === '.well-known' || first === 'rd' || first === 'rd-lookup') return 'register';
  return first === 'topics' && method !== 'GET' ? 'publish' : 'read';
}

/** The rule of the whole server: this machine may do all, others what the settings say. CoAP knows no users yet. */
export function openTo(settings: ServerSettings): (request: ServedRequest) => ServedAnswer | undefined {
  return (request) => {
    if (isLoopback(request.from) || settings.allows(neededOpenness(request))) return undefined;
    return { code: FORBIDDEN, diagnostic: 'This station does not allow that from other machines.' };
  };
}

export interface StationResourcesParts {
  server: CoapServer;
  registry: DeviceRegistry;
  topics: TopicTree;
  messages: Pick<KnownTopics, 'may' | 'publish'>;
  changes: Pick<ServerChanges, 'observed' | 'follow'>;
  /** Whether devices may be named to everyone who may ask for `/.well-known/core`. */
  namesDevices: () => boolean;
  /** Links to what is not on this server: the HTTP proxy, while it is switched on. */
  moreLinks: () => ParsedLink[];
}

/** `/`: who this is. */
function rootResource(links: () => ParsedLink[]): Resource {
  const payload = Buffer.from(`Fieldstation ${VERSION}. What it has: /.well-known/core\n`);
  return { methods: ['GET'], links, handle: () => ({ code: CONTENT, contentFormat: TEXT, payload }) };
}

/** Mounts devices, readings and topics. */
export function mountResources(parts: StationResourcesParts): void {
  const { server, registry, topics, messages, changes, namesDevices, moreLinks } = parts;
  server.add('', rootResource(moreLinks));
  const observed = (): void => changes.observed();
  const known: KnownDevices = {
    list: () => registry.list(),
    device: (id) => ({ row: registry.detail(id, topics) }),
    series: (ref) => {
      const id = registry.resolveSeries(ref);
      return registry.seriesInfo(id)!;
    },
  };
  const devices = devicesResource(known, observed);
  server.add(
    'devices',
    { ...devices, links: () => devices.links!().slice(0, namesDevices() ? undefined : 1) },
    { subtree: true },
  );
  server.add(
    'readings',
    readingsResource(known, (id) => registry.keyOf(id), observed),
    { subtree: true },
  );
  server.add(
    'topics',
    topicsResource({
      ...messages,
      follow: (topic) => changes.follow(topic),
      last: (topic) => topics.lastPayload(topic),
    }),
    { subtree: true },
  );
}
