import { addressText } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, CarrierSource } from '../carrier.ts';
import { cancelled, coapError } from '../errors.ts';
import { numericPeer } from '../resolve.ts';
import type { HostResolver, Hosts } from '../resolve.ts';
import { parseCoapUri, uriOptions } from '../uri.ts';
import type { CoapUri } from '../uri.ts';
import { METHOD_CODES } from '../codec/codes.ts';
import type { CoapOption } from '../codec/options.ts';
import type { TransferRequest } from './transfer.ts';

/** A URI made ready: what follows from it does so once, however often it is asked. Shared, so nobody changes it. */
export interface Target {
  readonly uri: CoapUri;
  /** Uri-Host, Uri-Path and Uri-Query. */
  readonly options: CoapOption[];
  /** Of an address over UDP, else undefined. */
  readonly address: PeerAddress | undefined;
  /** A plain GET of it. */
  readonly get: Readonly<TransferRequest>;
}

const NO_BYTES = new Uint8Array(0);

export interface CarriersContext {
  hosts: Hosts;
  udp(address: PeerAddress): Carrier;
  /** TCP, TLS and WebSockets; undefined while nothing runs. */
  reliable(): CarrierSource | undefined;
}

const MAX_TARGETS = 1_024;

/** The way to a server by the scheme of its URI. */
export class Carriers implements CarrierSource {
  readonly hosts: Hosts;
  readonly #context: CarriersContext;
  readonly #targets = new Map<string, Target>();

  constructor(context: CarriersContext) {
    this.#context = context;
    this.hosts = context.hosts;
  }

  /** Fails with `coap.bad_uri`, `coap.scheme`. */
  target(text: string): Target {
    const known = this.#targets.get(text);
    if (known !== undefined) return known;
    const uri = parseCoapUri(text);
    if (uri.scheme === 'coaps') {
      throw coapError('coap.scheme', 'coaps:// comes with DTLS, which this station does not speak yet.');
    }
    // An address that is no one device is refused here, whatever carries.
    const address = numericPeer(uri);
    const options = uriOptions(uri);
    const target = {
      uri,
      options,
      address: uri.scheme === 'coap' ? address : undefined,
      get: { code: METHOD_CODES.GET, options, payload: NO_BYTES, confirmable: true },
    };
    if (this.#targets.size >= MAX_TARGETS) this.#targets.clear();
    this.#targets.set(text, target);
    return target;
  }

  /** The way that needs no look-up and no connection, else undefined. Throws `coap.busy` or `coap.not_running`. */
  now(target: Target): Carrier | undefined {
    return target.address === undefined ? undefined : this.#context.udp(target.address);
  }

  /** Over UDP the first of the addresses. `resolver` instead of the common one. */
  async reach(uri: CoapUri, signal?: AbortSignal, resolver?: HostResolver): Promise<Carrier> {
    if (uri.scheme !== 'coap') return this.connect(uri, signal, resolver);
    const [first] = await this.hosts.addresses(uri, signal, resolver);
    if (signal?.aborted === true) throw cancelled();
    return this.#context.udp(first!);
  }

  udp(address: PeerAddress): Carrier {
    return this.#context.udp(address);
  }

  /** A connection, of any scheme but `coap`. */
  async connect(uri: CoapUri, signal?: AbortSignal, resolver?: HostResolver): Promise<Carrier> {
    const reliable = this.#context.reliable();
    if (reliable === undefined || uri.scheme === 'coap' || uri.scheme === 'coaps') {
      throw coapError('coap.scheme', `${uri.scheme}:// cannot be asked here.`);
    }
    const carrier = await reliable.reach(await resolved(uri, signal, this.hosts, resolver), signal);
    if (signal?.aborted === true) throw cancelled();
    return carrier;
  }
}

/**
 * With a resolver of the caller's, a connection goes to the address that it gave, and not to what the name means a
 * moment later. Where TLS needs the name, its certificate says who is there, and the resolver may only refuse.
 */
async function resolved(
  uri: CoapUri,
  signal: AbortSignal | undefined,
  hosts: Hosts,
  resolver: HostResolver | undefined,
): Promise<CoapUri> {
  if (resolver === undefined || uri.numeric) return uri;
  const [first] = await hosts.addresses(uri, signal, resolver);
  if (uri.scheme.startsWith('coaps')) return uri;
  // Not on a connection that somebody else opened to whatever the name meant then.
  return { ...uri, authority: `${uri.scheme}://${addressText(first!)}`, host: first!.address, numeric: true };
}
