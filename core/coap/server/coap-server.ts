import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import type { CoapRandom } from '../random.ts';
import { DEFAULT_SERVER_LIMITS, newServerCounters } from './limits.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';
import type { Resource, ServedAnswer, ServedRequest } from './resource.ts';
import type { RequestSink } from './types.ts';

export interface ServerParts {
  clock: Clock;
  wheel: TimerWheel;
  log: Log;
  random: CoapRandom;
  limits?: Partial<ServerLimits>;
  /** A code refuses (4.01, 4.03). Asked for every message, before its path is looked up and its block is kept. */
  allow?: (request: ServedRequest) => ServedAnswer | undefined;
}

/** Answers requests of every transport from resources: blocks, observers, limits and errors are its own. */
export class CoapServer {
  readonly sink: RequestSink;
  readonly counters: ServerCounters = newServerCounters();
  readonly limits: ServerLimits;
  readonly #resources = new Map<string, Resource>();

  constructor(parts: ServerParts) {
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...parts.limits };
    this.sink = (request) => request.answer({ code: 0x84, options: [], payload: new Uint8Array(0) });
  }

  /** Observations now. */
  get observers(): number {
    return 0;
  }

  /**
   * `path` like `rd` or `readings/3303`, `` for the root; `subtree` also takes everything below that no longer path
   * takes. A segment with a slash in it is written by `pathKey`. Returns a remover. Throws when the path is taken.
   */
  add(path: string, resource: Resource, _options: { subtree?: boolean } = {}): () => void {
    this.#resources.set(path, resource);
    return () => void this.#resources.delete(path);
  }

  /** The representation at this path changed, whatever the query: observers get a fresh answer of `handle`. */
  changed(_path: string): void {}

  /** All at a prefix and below it. */
  changedBelow(_prefix: string): void {}

  /** Forgets all observers, bodies and timers. May be called again. */
  stop(): void {}
}
