import { tokenKey } from '../messages/peer.ts';
import type { TokenOwner } from '../messages/peer.ts';
import type { ReliableSending } from './sending.ts';
import type { Pings } from './pings.ts';

/** Who waits for what on one connection. Made when first needed: most connections of a station are idle. */
export class Asking {
  readonly tokens = new Map<string, TokenOwner>();
  /** Requests that nobody has released yet. */
  readonly sendings = new Set<ReliableSending>();
  pings: Pings | undefined;

  owner(token: Uint8Array): TokenOwner | undefined {
    return this.tokens.get(tokenKey(token));
  }

  get busy(): boolean {
    return this.tokens.size > 0 || this.sendings.size > 0;
  }

  /** Everybody hears of it, each by `tell`, which catches what they throw. */
  failAll(error: Error, tell: (run: () => void) => void): void {
    const owners = [...this.tokens.values()];
    const sendings = [...this.sendings];
    this.tokens.clear();
    this.sendings.clear();
    for (const owner of owners) tell(() => owner.onBrokenResponse(error));
    for (const sending of sendings) tell(() => sending.fail(error));
    this.pings?.failAll(error);
  }
}
