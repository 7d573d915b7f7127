import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Link } from '../links/link-format.ts';
import type { HostResolver } from '../resolve.ts';

/** Servers that are asked at a time. */
const PARALLEL_LINKS = 32;
/** Patience with one of them: directories name servers that are long gone. */
const LINKS_MS = 20_000;

/** The links of a server, whose name `resolver` looks up where one is given. Fails with `coap.*`. */
export type AskLinks = (authority: string, signal: AbortSignal, resolver?: HostResolver) => Promise<Link[]>;

export interface LinkAskingParts {
  clock: Clock;
  discover: AskLinks;
  /** Nobody knows them yet. Asked when it is the server's turn, and when its answer is there. */
  wanted: (authority: string) => boolean;
  told: (authority: string, links: Link[]) => void;
  /** `why` is a sentence for people. */
  failed: (authority: string, why: string) => void;
  /** After each server that was asked, whatever came of it. */
  asked: () => void;
  signal: AbortSignal;
}

/** Asks found servers for their links, each once, so many at a time. */
export class LinkAsking {
  readonly #parts: LinkAskingParts;
  /** Not asked yet. */
  readonly #waiting: { authority: string; resolver: HostResolver | undefined }[] = [];
  readonly #asking = new Set<Promise<void>>();
  /** Of `#asking`, those that look for more to ask. */
  #askers = 0;

  constructor(parts: LinkAskingParts) {
    this.#parts = parts;
  }

  ask(authority: string, resolver?: HostResolver): void {
    this.#waiting.push({ authority, resolver });
    if (this.#askers >= PARALLEL_LINKS) return;
    this.#askers++;
    const asking = this.#askAll().finally(() => this.#asking.delete(asking));
    this.#asking.add(asking);
  }

  /** Until nobody is left to be asked. */
  async done(): Promise<void> {
    while (this.#asking.size > 0) await Promise.all(this.#asking);
  }

  /** Nobody else is asked; who is being asked is for `signal` to end. */
  stop(): void {
    this.#waiting.length = 0;
  }

  async #askAll(): Promise<void> {
    const { clock, discover, wanted, told, failed, asked, signal } = this.#parts;
    for (;;) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      const { authority, resolver } = next;
      // Another way may have brought them meanwhile.
      if (!wanted(authority)) continue;
      const enough = new AbortController();
      const timer = clock.after(LINKS_MS, () => enough.abort());
      try {
        const links = await discover(authority, AbortSignal.any([signal, enough.signal]), resolver);
        if (wanted(authority)) told(authority, links);
      } catch (error) {
        const why = enough.signal.aborted
          ? `It did not tell its links in ${LINKS_MS / 1_000} s.`
          : messageOf(error);
        if (wanted(authority)) failed(authority, why);
      } finally {
        timer.cancel();
      }
      asked();
    }
    this.#askers--;
  }
}
