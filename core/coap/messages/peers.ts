import type { PeerAddress } from '../address.ts';
import { coapError } from '../errors.ts';
import { HostShares, hostOf } from '../host-shares.ts';
import { Peer } from './peer.ts';

export interface PeerTableContext {
  /** Bound of the known peers, and of the strangers. */
  maxPeers: number;
  nowMs(): number;
  /** Two unpredictable bytes. */
  firstId(): number;
  onDropped(): void;
  /** That one was dropped because its host held more than its share. */
  onHostShare(): void;
}

/** How many peers are looked at for an idle one when the table is full. */
const EVICTION_LOOKS = 64;

/** How many of the peers that were met last are found without a key of text; a power of two. */
const NEAR = 256;

/**
 * The peers with state, by address and port. Known ones and strangers have bounds of their own: however many sources
 * are invented, those that we talk to keep their place, and there is always room for one more that we ask. Where a host
 * holds more than half of the strangers with its many ports, it makes room for others, and for its own.
 */
export class PeerTable {
  readonly #context: PeerTableContext;
  readonly #byAddress = new Map<string, Peer>();
  readonly #near = new Array<Peer | undefined>(NEAR).fill(undefined);
  readonly #known = new Set<Peer>();
  readonly #strangers = new Set<Peer>();
  readonly #strangerHosts: HostShares;
  /** Of the known peers that nobody here asked. */
  readonly #provedHosts: HostShares;
  #lastNumber = 0;

  constructor(context: PeerTableContext) {
    this.#context = context;
    this.#strangerHosts = new HostShares(context.maxPeers);
    this.#provedHosts = new HostShares(context.maxPeers);
  }

  get size(): number {
    return this.#byAddress.size;
  }

  find(address: PeerAddress): Peer | undefined {
    const place = placeOf(address);
    const near = this.#near[place];
    if (near !== undefined && near.address.port === address.port && near.address.address === address.address)
      return near;
    const found = this.#byAddress.get(keyOf(address));
    if (found !== undefined) this.#near[place] = found;
    return found;
  }

  /** One that we ask. Throws `coap.busy` when the table is full of peers that are in use. */
  known(address: PeerAddress): Peer {
    const found = this.find(address);
    if (found?.known === true) {
      if (found.proved) this.#asked(found);
      return found;
    }
    if (!this.#makeRoom(this.#known, this.#provedHosts.hog)) {
      this.#context.onDropped();
      throw coapError('coap.busy', `The station talks to ${this.#known.size} CoAP peers already.`);
    }
    const peer = found ?? this.#make(address);
    this.#leaveStrangers(peer);
    this.#known.add(peer);
    peer.known = true;
    return peer;
  }

  /** The source of a request. Undefined when there is no room for another stranger. */
  stranger(address: PeerAddress): Peer | undefined {
    const found = this.find(address);
    if (found !== undefined) {
      found.returned = true;
      found.lastUsedMs = this.#context.nowMs();
      return found;
    }
    if (!this.#makeRoom(this.#strangers, this.#strangerHosts.hog, hostOf(address))) {
      this.#context.onDropped();
      return undefined;
    }
    const peer = this.#make(address);
    this.#strangers.add(peer);
    this.#strangerHosts.take(peer.host);
    return peer;
  }

  /** It answered what it could only have received at its address. A stranger all the same where its host is full. */
  prove(peer: Peer): void {
    if (peer.known || peer.forgotten) return;
    if (this.#provedHosts.isFull(peer.address, this.#known.size)) return;
    if (!this.#makeRoom(this.#known, this.#provedHosts.hog, peer.host)) return;
    this.#leaveStrangers(peer);
    this.#known.add(peer);
    peer.known = true;
    peer.proved = true;
    this.#provedHosts.take(peer.host);
  }

  forgetIdleSince(beforeMs: number): void {
    for (const peer of this.#byAddress.values()) {
      if (peer.idle && peer.lastUsedMs < beforeMs) this.#forget(peer);
    }
  }

  clear(): void {
    for (const peer of this.#byAddress.values()) this.#forget(peer);
  }

  #make(address: PeerAddress): Peer {
    const { nowMs, firstId } = this.#context;
    const peer = new Peer(address, ++this.#lastNumber, firstId(), nowMs());
    this.#byAddress.set(keyOf(address), peer);
    return peer;
  }

  #leaveStrangers(peer: Peer): void {
    if (this.#strangers.delete(peer)) this.#strangerHosts.give(peer.host);
  }

  /** By us: it is not its host any more that wants it here. */
  #asked(peer: Peer): void {
    peer.proved = false;
    this.#provedHosts.give(peer.host);
  }

  #forget(peer: Peer): void {
    peer.forgotten = true;
    this.#byAddress.delete(keyOf(peer.address));
    const place = placeOf(peer.address);
    if (this.#near[place] === peer) this.#near[place] = undefined;
    this.#known.delete(peer);
    this.#leaveStrangers(peer);
    if (peer.proved) this.#asked(peer);
  }

  /**
   * False when none may go. Those that came only once go first, in the order in which they came; of a host that is a
   * hog before all others, and only those when `host`, the newcomer's, is that one.
   */
  #makeRoom(table: Set<Peer>, hog: string | undefined, host?: string): boolean {
    if (table.size < this.#context.maxPeers) return true;
    let second: Peer | undefined;
    let third: Peer | undefined;
    let looks = 0;
    for (const peer of table) {
      if (++looks > EVICTION_LOOKS) break;
      const spared = hog !== undefined && peer.host !== hog;
      if (peer.idle && !spared && (!peer.returned || peer.known)) {
        this.#drop(peer, hog);
        return true;
      }
      if (peer.idle && !spared) second ??= peer;
      else if (peer.idle && host !== hog) third ??= peer;
      // To the end, so that the next search begins elsewhere.
      if (!spared) peer.returned = false;
      table.delete(peer);
      table.add(peer);
    }
    const victim = second ?? third;
    if (victim === undefined) {
      if (hog !== undefined && host === hog) this.#context.onHostShare();
      return false;
    }
    this.#drop(victim, hog);
    return true;
  }

  #drop(peer: Peer, hog: string | undefined): void {
    this.#context.onDropped();
    if (hog !== undefined && peer.host === hog) this.#context.onHostShare();
    this.#forget(peer);
  }
}

/** By the port and the last characters of the address, in which neighbours differ. */
function placeOf({ address, port }: PeerAddress): number {
  const end = address.length - 1;
  return (
    (port + address.charCodeAt(end) + 10 * address.charCodeAt(end - 1) + 100 * address.charCodeAt(end - 2)) &
    (NEAR - 1)
  );
}

function keyOf(address: PeerAddress): string {
  return `${address.port} ${address.address}`;
}
