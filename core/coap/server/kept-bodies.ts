import { hash } from 'node:crypto';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { Deadline } from '../deadline.ts';
import { HostShares } from '../host-shares.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';
import type { ServedAnswer } from './resource.ts';

interface Kept {
  answer: ServedAnswer;
  bytes: number;
  host: string | undefined;
  /** Of the body of the request, '' where it had none. */
  asked: string;
  deadline: Deadline;
}

/**
 * Answers that are being fetched block by block, so that all blocks are of one version (RFC 7959 §2.4) and a POST is
 * carried out once. The body of a resource is kept by reference: it must not be written to afterwards.
 */
export class KeptBodies {
  readonly #wheel: TimerWheel;
  readonly #limits: ServerLimits;
  readonly #counters: ServerCounters;
  // In the order of use: the first goes first.
  readonly #kept = new Map<string, Kept>();
  readonly #hosts: HostShares;
  readonly #hostBytes: HostShares;
  #bytes = 0;

  constructor(wheel: TimerWheel, limits: ServerLimits, counters: ServerCounters) {
    this.#wheel = wheel;
    this.#limits = limits;
    this.#counters = counters;
    this.#hosts = new HostShares(limits.keptBodies);
    this.#hostBytes = new HostShares(limits.keptBytes);
  }

  get size(): number {
    return this.#kept.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  keep(key: string, host: string | undefined, answer: ServedAnswer, request: Uint8Array): void {
    this.#forget(key);
    const bytes = answer.payload?.length ?? 0;
    if (bytes > this.#limits.keptBytes) {
      this.#counters.keptBodiesDropped++;
      return;
    }
    while (this.#bytes + bytes > this.#limits.keptBytes || this.#kept.size >= this.#limits.keptBodies) {
      this.#counters.keptBodiesDropped++;
      this.#forget(this.#oldest());
    }
    const deadline = new Deadline(this.#wheel, () => this.#forget(key));
    deadline.set(this.#limits.keptMs);
    this.#kept.set(key, { answer, bytes, host, asked: digest(request), deadline });
    this.#bytes += bytes;
    this.#hosts.take(host);
    this.#hostBytes.take(host, bytes);
  }

  /** A request for a later block has the body of the first one, or none. */
  find(key: string, request: Uint8Array): ServedAnswer | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || (request.length > 0 && kept.asked !== digest(request))) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    kept.deadline.set(this.#limits.keptMs);
    return kept.answer;
  }

  clear(): void {
    for (const key of this.#kept.keys()) this.#forget(key);
  }

  /** Of the host that holds more than half where there is one, else of all. */
  #oldest(): string {
    const hog = this.#hosts.hog ?? this.#hostBytes.hog;
    if (hog !== undefined) {
      this.#counters.hostShareReached++;
      for (const [key, { host }] of this.#kept) if (host === hog) return key;
    }
    return this.#kept.keys().next().value!;
  }

  #forget(key: string): void {
    const kept = this.#kept.get(key);
    if (kept === undefined) return;
    this.#kept.delete(key);
    this.#bytes -= kept.bytes;
    this.#hosts.give(kept.host);
    this.#hostBytes.give(kept.host, kept.bytes);
    kept.deadline.clear();
  }
}

function digest(body: Uint8Array): string {
  return body.length === 0 ? '' : hash('sha256', body, 'base64');
}
