import type { FoundServer, ScanKind } from './scan-state.ts';

/** More are counted and not kept. */
export const MAX_FOUND = 2_000;
/** Distinct servers past the bound that are told apart, so that one that answers twice is counted once. */
const MAX_LEFT_OUT = 10_000;

/** Servers by authority, whichever ways they were found. */
export class FoundServers {
  readonly #servers = new Map<string, FoundServer>();
  readonly #leftOut = new Set<string>();
  readonly #max: number;

  constructor(max = MAX_FOUND) {
    this.#max = max;
  }

  get leftOut(): number {
    return this.#leftOut.size;
  }

  list(): FoundServer[] {
    return [...this.#servers.values()];
  }

  get(authority: string): FoundServer | undefined {
    return this.#servers.get(authority);
  }

  /** `fresh` when nobody had found it before. Undefined past the bound. */
  add(
    authority: string,
    how: ScanKind,
    name: string | null,
    nowMs: number,
  ): { server: FoundServer; fresh: boolean } | undefined {
    const known = this.#servers.get(authority);
    if (known !== undefined) {
      if (!known.how.includes(how)) known.how.push(how);
      known.name ??= name;
      return { server: known, fresh: false };
    }
    if (this.#servers.size >= this.#max) {
      if (this.#leftOut.size < MAX_LEFT_OUT) this.#leftOut.add(authority);
      return undefined;
    }
    const server: FoundServer = { authority, how: [how], name, links: null, foundMs: nowMs, problem: null };
    this.#servers.set(authority, server);
    return { server, fresh: true };
  }
}
