/**
 * The HTTP-to-CoAP proxy of the station (RFC 8075): its settings, kept in the data folder, and the border that every
 * proxied request has to pass. Off and with an empty list until an administrator changes that.
 */
import { join } from 'node:path';
import * as v from 'valibot';
import { loadPrivate, writePrivate } from '../../access/private-file.ts';
import { Signal } from '../../base/events.ts';
import type { Log } from '../../base/log.ts';
import { AccessList } from '../../coap/proxy/access-list.ts';
import { allowedAddresses, isOwnAddress } from '../../coap/proxy/guard.ts';
import type { ProxiedAnswer, ProxiedHandlers, ProxyEndpoint } from '../../coap/proxy/types.ts';
import type { ProxiedObservation, ProxiedRequest } from '../../coap/proxy/types.ts';
import { canonicalAddress } from '../../coap/address.ts';
import { cancelled, coapError } from '../../coap/errors.ts';
import { systemResolver } from '../../coap/resolve.ts';
import type { HostResolver } from '../../coap/resolve.ts';
import type { CoapUri } from '../../coap/uri.ts';
import type { CoapProxySettings, CoapProxyStatus } from '../../contract/coap-server.ts';
import type { HcCount, HcProxy } from '../../gateway/hc/types.ts';
import { SharedObservation } from './proxy-observations.ts';

const FILE = 'coap-proxy.json';
const WHAT = 'the settings of the CoAP proxy';

const file = v.strictObject({ enabled: v.boolean(), allow: v.array(v.string()) });

export interface CoapProxyParts {
  folder: string;
  endpoint: ProxyEndpoint;
  log: Log;
  /** The operating system's unless given. */
  resolver?: HostResolver;
  /** Whether an address is one of this machine's own; as the operating system says unless given. */
  own?: (address: string) => boolean;
}

export class CoapProxy implements HcProxy {
  /** The settings or a counter changed. */
  readonly changed = new Signal<void>();
  readonly #path: string;
  readonly #endpoint: ProxyEndpoint;
  readonly #log: Log;
  readonly #resolver: HostResolver;
  readonly #own: (address: string) => boolean;
  /** By URI and wanted format. */
  readonly #observations = new Map<string, SharedObservation>();
  readonly #counters: CoapProxyStatus['counters'] = {
    requests: 0,
    unauthorized: 0,
    refused: 0,
    failed: 0,
    streams: 0,
  };
  #settings: CoapProxySettings = { enabled: false, allow: [] };
  #list = new AccessList([]);

  /** A damaged file is set aside, and the proxy is then off. Throws `access.unreadable`. */
  constructor({ folder, endpoint, log, resolver, own }: CoapProxyParts) {
    this.#path = join(folder, FILE);
    this.#endpoint = endpoint;
    this.#log = log;
    this.#resolver = resolver ?? systemResolver;
    this.#own = own ?? isOwnAddress;
    const kept = loadPrivate(this.#path, {
      what: WHAT,
      consequence: 'the proxy is switched off and reaches nothing',
      log,
      parse: (text) => {
        const settings = v.parse(file, JSON.parse(text));
        return { settings, list: new AccessList(settings.allow) };
      },
    });
    if (kept === undefined) return;
    this.#settings = kept.settings;
    this.#list = kept.list;
  }

  status(): CoapProxyStatus {
    const { enabled, allow } = this.#settings;
    return { settings: { enabled, allow: [...allow] }, counters: { ...this.#counters } };
  }

  /** Streams to what is not allowed any more end. Throws `coap.bad_pattern`, `access.unwritable`. */
  set({ enabled, allow }: CoapProxySettings): CoapProxyStatus {
    const settings = { enabled, allow: [...new Set(allow.map((pattern) => pattern.trim()))] };
    const list = new AccessList(settings.allow);
    writePrivate(this.#path, `${JSON.stringify(settings, null, 2)}\n`, WHAT);
    this.#settings = settings;
    this.#list = list;
    this.#log.info('the CoAP proxy was changed', { enabled, patterns: settings.allow.length });
    for (const observation of this.#observations.values()) void observation.check();
    this.changed.emit();
    return this.status();
  }

  get enabled(): boolean {
    return this.#settings.enabled;
  }

  count(what: HcCount): void {
    this.#counters[what]++;
    this.changed.emit();
  }

  streaming(change: 1 | -1): void {
    this.#counters.streams += change;
    this.changed.emit();
  }

  async request(target: CoapUri, request: ProxiedRequest, signal: AbortSignal): Promise<ProxiedAnswer> {
    const addresses = await this.#allowed(target);
    if (signal.aborted) throw cancelled();
    const answer = await this.#endpoint.request(target.uri, {
      ...request,
      signal,
      // What was checked is what is asked: a name looked up again could lead elsewhere by now.
      resolver: () => Promise.resolve(addresses),
    });
    // A connection that was there already, for instance.
    if (!addresses.some((address) => canonicalAddress(address, 1)?.address === answer.peer.address)) {
      this.#log.warn('a proxied answer came from elsewhere', { target: target.authority });
      throw coapError(
        'coap.forbidden',
        `${target.authority} was answered from an address that was not checked.`,
      );
    }
    return answer;
  }

  async observe(
    target: CoapUri,
    accept: number | undefined,
    handlers: ProxiedHandlers,
    signal: AbortSignal,
  ): Promise<ProxiedObservation> {
    const addresses = await this.#allowed(target);
    if (signal.aborted) throw cancelled();
    const key = `${target.uri} ${accept ?? ''}`;
    const known = this.#observations.get(key);
    if (known !== undefined) return known.join(handlers);
    const shared = new SharedObservation({
      stillAllowed: () => this.#allowed(target),
      over: () => {
        if (this.#observations.get(key) === shared) this.#observations.delete(key);
      },
    });
    let checked: string[] | undefined = addresses;
    // It may go on for days and register again where the name leads by then: checked each time.
    const resolver = async (): Promise<string[]> => {
      const first = checked;
      checked = undefined;
      return first ?? this.#allowed(target);
    };
    shared.begin((watched) =>
      this.#endpoint.observe(target.uri, { ...(accept === undefined ? {} : { accept }), resolver }, watched),
    );
    this.#observations.set(key, shared);
    return shared.join(handlers);
  }

  async #allowed(target: CoapUri): Promise<string[]> {
    if (!this.#settings.enabled) throw coapError('coap.forbidden', 'The HTTP proxy was switched off.');
    return allowedAddresses(this.#list, target, this.#resolver, this.#own);
  }
}
