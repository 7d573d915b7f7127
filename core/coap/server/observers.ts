import type { Clock, Timer } from '../../base/clock.ts';
import type { Carrier } from '../carrier.ts';
import { HostShares } from '../host-shares.ts';
import { tokenKey } from '../messages/peer.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';
import { Observer } from './observer.ts';
import type { ObserverContext } from './observer.ts';
import { pathKey } from './routes.ts';
import type { Served } from './served.ts';

/** How many observers are asked for in one go before others get the processor. */
const SLICE = 256;
const SEQUENCES = 2 ** 24;

export interface ObserversContext extends Omit<ObserverContext, 'nextSequence' | 'ended'> {
  clock: Clock;
  limits: ServerLimits;
  counters: ServerCounters;
}

/** The list of observers of RFC 7641 §4.1: by (peer, token) and by path, bounded in all, per peer and per host. */
export class Observers {
  readonly #context: ObserverContext;
  readonly #byKey = new Map<string, Observer>();
  readonly #byPath = new Map<string, Set<Observer>>();
  readonly #perPeer = new Map<string, number>();
  readonly #hosts: HostShares;
  readonly #changed = new Set<Observer>();
  #sequence: number;
  #scheduled = false;
  #timer: Timer | undefined;

  constructor(context: ObserversContext) {
    this.#hosts = new HostShares(context.limits.observers);
    // A server that was started again goes on above its old numbers (§4.4: strictly increasing over 256 s).
    this.#sequence = Math.floor(context.clock.now() / 32) % SEQUENCES;
    this.#context = {
      ...context,
      nextSequence: () => {
        this.#sequence = (this.#sequence + 1) % SEQUENCES;
        return this.#sequence;
      },
      ended: (observer) => this.#forget(observer),
    };
  }

  get size(): number {
    return this.#byKey.size;
  }

  /**
   * Puts an observer on the list, before its resource is asked, so that no change in between is lost. One with the same
   * token is replaced. Undefined, and counted, where there is no room; the request is then a plain one.
   */
  begin(served: Served, token: Uint8Array, carrier: () => Carrier): Observer | undefined {
    const key = observerKey(served.peerKey, token);
    const known = this.#byKey.get(key);
    known?.end();
    const { limits, counters } = this.#context;
    const ofPeer = this.#perPeer.get(served.peerKey) ?? 0;
    if (this.#byKey.size >= limits.observers || ofPeer >= limits.observersPerPeer) {
      counters.observersRefused++;
      return undefined;
    }
    if (known === undefined && this.#hosts.isFull(served.from, this.#byKey.size)) {
      counters.observersRefused++;
      counters.hostShareReached++;
      return undefined;
    }
    const path = pathKey(served.path);
    let observer: Observer;
    try {
      observer = new Observer(this.#context, {
        key,
        path,
        token,
        served: served.kept(),
        carrier: carrier(),
      });
    } catch {
      counters.observersRefused++; // there is no way back to the peer now
      return undefined;
    }
    this.#byKey.set(key, observer);
    this.#perPeer.set(served.peerKey, ofPeer + 1);
    this.#hosts.take(served.host);
    const there = this.#byPath.get(path);
    if (there === undefined) this.#byPath.set(path, new Set([observer]));
    else there.add(observer);
    return observer;
  }

  /** Whether anybody observes exactly this path. */
  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  /** Deregistration by Observe 1 (§3.6, §4.1). */
  remove(peerKey: string, token: Uint8Array): void {
    this.#byKey.get(observerKey(peerKey, token))?.end();
  }

  changed(path: string): void {
    const there = this.#byPath.get(path);
    if (there === undefined) return;
    for (const observer of there) this.#changed.add(observer);
    this.#schedule();
  }

  changedBelow(prefix: string): void {
    for (const path of this.#byPath.keys()) {
      if (prefix === '' || path === prefix || path.startsWith(`${prefix}/`)) this.changed(path);
    }
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#changed.clear();
    for (const observer of this.#byKey.values()) observer.end();
  }

  /** Several changes in one turn are one; many observers are served in slices, between which others get their turn. */
  #schedule(): void {
    if (this.#scheduled || this.#changed.size === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#slice();
    });
  }

  #slice(): void {
    if (this.#timer !== undefined) return;
    let left = SLICE;
    for (const observer of this.#changed) {
      this.#changed.delete(observer);
      observer.poke();
      if (--left === 0) break;
    }
    if (this.#changed.size === 0) return;
    this.#timer = this.#context.clock.after(0, () => {
      this.#timer = undefined;
      this.#slice();
    });
  }

  #forget(observer: Observer): void {
    if (this.#byKey.get(observer.key) === observer) this.#byKey.delete(observer.key);
    this.#hosts.give(observer.served.host);
    this.#changed.delete(observer);
    const there = this.#byPath.get(observer.path);
    there?.delete(observer);
    if (there?.size === 0) this.#byPath.delete(observer.path);
    const left = (this.#perPeer.get(observer.peerKey) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(observer.peerKey);
    else this.#perPeer.set(observer.peerKey, left);
  }
}

function observerKey(peerKey: string, token: Uint8Array): string {
  return `${peerKey}\n${tokenKey(token)}`;
}
