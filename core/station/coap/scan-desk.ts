import type { Clock, Timer } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import type { Log } from '../../base/log.ts';
import { CONTENT } from '../../coap/codec/codes.ts';
import { LINK_FORMAT } from '../../coap/codec/content-formats.ts';
import { listInterfaces } from '../../coap/discovery/interfaces.ts';
import { newMdnsCounters } from '../../coap/discovery/mdns.ts';
import { openMdnsSocket } from '../../coap/discovery/mdns-socket.ts';
import { Scan } from '../../coap/discovery/scan.ts';
import type { ScanParts } from '../../coap/discovery/scan.ts';
import type { DiscoveredLinks, FoundServer } from '../../coap/discovery/scan-state.ts';
import type { CoapEndpoint } from '../../coap/endpoint.ts';
import { coapError } from '../../coap/errors.ts';
import { secureRandom } from '../../coap/random.ts';
import type { HostResolver } from '../../coap/resolve.ts';
import type { CoapInterface, CoapScan } from '../../contract/coap-discovery.ts';
import type { ParsedInputOf } from '../../contract/define.ts';
import type { coapMethods } from '../../contract/methods-coap.ts';
import type { DeviceRegistry } from '../../devices/registry.ts';
import type { CoapDesk } from './desk.ts';
import { foundDevice, knownDevice } from './found-device.ts';
import { linkView } from './views.ts';

/** A scan of a full network changes hundreds of times a second; people read no faster than this. */
const SHOW_MS = 150;

export interface ScanDeskParts {
  endpoint: Pick<CoapEndpoint, 'askGroup' | 'ping' | 'request' | 'discover'>;
  desk: Pick<CoapDesk, 'told'>;
  registry: Pick<DeviceRegistry, 'deviceCount' | 'deviceId' | 'findDevice' | 'introduce' | 'touch'>;
  clock: Clock;
  log: Log;
  interfaces?: () => ReturnType<typeof listInterfaces>;
  /** The operating system's unless given. */
  resolver?: HostResolver;
}

/** The search for CoAP servers as people work with it: one at a time, the last one stays to be read. */
export class ScanDesk {
  readonly changed = new Signal<void>();
  readonly mdnsCounters = newMdnsCounters();
  readonly #parts: ScanDeskParts;
  #scan: Scan | undefined;
  #unsubscribe: (() => void)[] = [];
  #show: Timer | undefined;

  constructor(parts: ScanDeskParts) {
    this.#parts = parts;
  }

  interfaces(): CoapInterface[] {
    return this.#interfaces();
  }

  /** @throws CodedError `coap.scan_running`, `coap.bad_range`, `coap.bad_uri`, `coap.no_interface` */
  start(input: ParsedInputOf<(typeof coapMethods)['coap.scan']>): CoapScan {
    if (this.#scan?.view().state === 'running') {
      throw new CodedError('coap.scan_running', 'A scan runs already. Stop it first, or wait for its end.');
    }
    const { interfaces, directory, range, multicast, mdns, port } = input;
    const scan = new Scan(this.#scanParts());
    const running = scan.start({
      ...{ multicast, mdns, port },
      ...(interfaces === undefined ? {} : { interfaces }),
      ...(directory === undefined ? {} : { directory }),
      ...(range === undefined ? {} : { range }),
    });
    this.#drop();
    this.#scan = scan;
    this.#unsubscribe = [
      scan.changed.on(() => this.#soon()),
      scan.discovered.on((found) => this.#discovered(found)),
    ];
    void running.finally(() => this.changed.emit());
    this.changed.emit();
    return this.view();
  }

  /** What was found stays. Nothing runs: no change. */
  stopScan(): CoapScan {
    this.#scan?.stop();
    return this.view();
  }

  view(): CoapScan {
    const scan = this.#scan?.view();
    if (scan === undefined) {
      return { state: 'idle', startedMs: null, endedMs: null, steps: [], found: [], leftOut: 0 };
    }
    return { ...scan, found: scan.found.map((one) => ({ ...one, deviceId: this.#deviceOf(one) })) };
  }

  stop(): void {
    this.#scan?.stop();
    this.#drop();
    this.changed.clear();
  }

  #drop(): void {
    for (const remove of this.#unsubscribe.splice(0)) remove();
    this.#show?.cancel();
    this.#show = undefined;
  }

  #soon(): void {
    this.#show ??= this.#parts.clock.after(SHOW_MS, () => {
      this.#show = undefined;
      this.changed.emit();
    });
  }

  /** What was found becomes a device with its resources. */
  #discovered({ authority, name, links }: DiscoveredLinks): void {
    const { registry, desk, clock } = this.#parts;
    const id = foundDevice(registry, authority);
    if (id === null) return;
    registry.touch(id, clock.now());
    if (name !== null) registry.introduce(id, name);
    desk.told(authority, links.map(linkView));
  }

  /** A server that answered is a device, also without links; one that was only named is not. */
  #deviceOf({ authority, how, links }: FoundServer): number | null {
    const answered = links !== null || how.some((one) => one === 'multicast' || one === 'range');
    const { registry } = this.#parts;
    return answered ? foundDevice(registry, authority) : knownDevice(registry, authority);
  }

  #interfaces(): ReturnType<typeof listInterfaces> {
    return (this.#parts.interfaces ?? listInterfaces)();
  }

  #scanParts(): ScanParts {
    const { endpoint, clock } = this.#parts;
    return {
      clock,
      random: secureRandom(),
      interfaces: () => this.#interfaces(),
      askGroup: (request, onAnswer, signal) => endpoint.askGroup(request, onAnswer, signal),
      openMdns: openMdnsSocket,
      probe: (uri, signal) => endpoint.ping(uri, { signal }),
      readLinks: (uri, signal, resolver) =>
        readLinkText(endpoint, uri, signal, resolver).then(({ text }) => text),
      discover: (authority, signal, resolver) =>
        endpoint.discover(authority, { signal, ...(resolver === undefined ? {} : { resolver }) }),
      ...(this.#parts.resolver === undefined ? {} : { resolver: this.#parts.resolver }),
      mdnsCounters: this.mdnsCounters,
    };
  }
}

/** The link-format text at a URI. Fails as a request does, and with `coap.refused` for an answer other than 2.05. */
export async function readLinkText(
  endpoint: Pick<CoapEndpoint, 'request'>,
  uri: string,
  signal: AbortSignal,
  resolver?: HostResolver,
): Promise<{ text: string; maxAgeSeconds: number }> {
  const response = await endpoint.request(uri, {
    ...{ accept: LINK_FORMAT, signal },
    ...(resolver === undefined ? {} : { resolver }),
  });
  if (response.codeNumber !== CONTENT) {
    const { code, codeName } = response;
    throw coapError('coap.refused', `${uri} was answered with ${code} ${codeName}.`, { code });
  }
  return { text: new TextDecoder().decode(response.payload), maxAgeSeconds: response.maxAgeSeconds };
}
