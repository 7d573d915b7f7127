/**
 * Whether a CoAP address leads back to this station. Recording one's own resources would make readings of readings:
 * each new one changes the resource, which is told, and recorded, without end.
 */
import { canonicalAddress, isLoopback, isUnspecified } from '../../coap/address.ts';
import type { PeerAddress } from '../../coap/address.ts';
import { coapError } from '../../coap/errors.ts';
import { withoutScope } from '../../coap/proxy/access-list.ts';
import { isOwnAddress } from '../../coap/proxy/guard.ts';
import { systemResolver } from '../../coap/resolve.ts';
import type { HostResolver } from '../../coap/resolve.ts';
import { parseCoapUri } from '../../coap/uri.ts';
import type { CoapScheme, CoapUri } from '../../coap/uri.ts';
import type { HostPort } from '../options.ts';

/** Where the station listens now, and how. */
export interface OwnListener extends HostPort {
  transport: 'udp' | 'tcp' | 'tls' | 'ws' | 'wss';
}

export interface OwnListenersParts {
  listening: () => readonly OwnListener[];
  /** The operating system's unless given. */
  resolver?: HostResolver;
  /** Whether an address is one of this machine's; as the operating system says unless given. */
  own?: (address: string) => boolean;
}

const TRANSPORT_OF: Record<CoapScheme, OwnListener['transport'] | null> = {
  coap: 'udp',
  coaps: null,
  'coap+tcp': 'tcp',
  'coaps+tcp': 'tls',
  'coap+ws': 'ws',
  'coaps+ws': 'wss',
};

export class OwnListeners {
  readonly #listening: () => readonly OwnListener[];
  readonly #resolver: HostResolver;
  readonly #own: (address: string) => boolean;

  constructor({ listening, resolver, own }: OwnListenersParts) {
    this.#listening = listening;
    this.#resolver = resolver ?? systemResolver;
    this.#own = own ?? isOwnAddress;
  }

  /** Fails with `coap.own_resource` for an address of the station itself. Names are not looked up. */
  mustBeElsewhere(uri: string): void {
    const target = parseCoapUri(uri);
    this.#mustBeElsewhere(target, [target.host]);
  }

  /** The same for names too, of which one address is enough. A name that is not known passes. */
  async mustLeadElsewhere(uri: string): Promise<void> {
    this.mustBeElsewhere(uri);
    const target = parseCoapUri(uri);
    if (target.numeric) return;
    let found: string[];
    try {
      found = await this.#resolver(target.host);
    } catch {
      return; // Whoever asks there says so, and asks again.
    }
    this.#mustBeElsewhere(target, found);
  }

  /**
   * How an observation looks its name up, each time that it registers: with `coap.own_resource` when it leads here and
   * is recorded then. Over connections only `mustLeadElsewhere` looks: they are shared by name.
   */
  resolving(uri: string, recorded: () => boolean): { resolver?: HostResolver } {
    const target = parseCoapUri(uri);
    if (target.numeric || target.scheme !== 'coap') return {};
    return {
      resolver: async (host) => {
        const found = await this.#resolver(host);
        if (recorded()) this.#mustBeElsewhere(target, found);
        return found;
      },
    };
  }

  #mustBeElsewhere(target: CoapUri, found: readonly string[]): void {
    if (found.some((address) => this.#isOwn(target, address))) throw ownResource(target);
  }

  #isOwn({ scheme, port }: CoapUri, host: string): boolean {
    const address = canonicalAddress(host, port);
    if (address === undefined) return false;
    return this.#listening().some(
      (one) =>
        one.transport === TRANSPORT_OF[scheme] && one.port === port && this.#reaches(one.host, address),
    );
  }

  #reaches(listening: string, address: PeerAddress): boolean {
    const at = canonicalAddress(listening.replace(/^\[|\]$/g, ''), 1);
    if (at === undefined) return false;
    if (!isUnspecified(at)) return withoutScope(at.address) === withoutScope(address.address);
    // `::` hears IPv4 too.
    if (at.family === 4 && address.family === 6) return false;
    return isLoopback(address) || this.#own(withoutScope(address.address));
  }
}

function ownResource({ uri, authority }: CoapUri): Error {
  return coapError(
    'coap.own_resource',
    `${uri} is a resource of this station itself (${authority}). Recording it would make readings of its own ` +
      'readings. Watch it instead, or observe the device that they come from.',
    { authority },
  );
}
