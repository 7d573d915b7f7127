import type { TimerWheel } from '../../base/timer-wheel.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { addressText } from '../address.ts';
import { code, codeText, isResponse } from '../codec/codes.ts';
import { Deadline } from '../deadline.ts';
import { HostShares } from '../host-shares.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';
import type { Resource, ServedAnswer } from './resource.ts';
import { pathKey } from './routes.ts';
import type { Served } from './served.ts';

export const INTERNAL_SERVER_ERROR = code(5, 0);
export const SERVICE_UNAVAILABLE = code(5, 3);

const RETRY_SECONDS = 5;

interface UnderWay {
  served: Served;
  deadline: Deadline;
  done(answer: ServedAnswer): void;
}

/** Lets resources answer: at once or later, within their time, never more at a time than the limits allow. */
export class Handling {
  readonly #wheel: TimerWheel;
  readonly #log: Log;
  readonly #limits: ServerLimits;
  readonly #counters: ServerCounters;
  readonly #underWay = new Set<UnderWay>();
  readonly #perPeer = new Map<string, number>();
  readonly #hosts: HostShares;

  constructor(wheel: TimerWheel, log: Log, limits: ServerLimits, counters: ServerCounters) {
    this.#wheel = wheel;
    this.#log = log;
    this.#limits = limits;
    this.#counters = counters;
    this.#hosts = new HostShares(limits.underWay);
  }

  get underWay(): number {
    return this.#underWay.size;
  }

  hasRoom({ peerKey, from }: Pick<Served, 'peerKey' | 'from'>): boolean {
    const { underWay, underWayPerPeer } = this.#limits;
    if (this.#underWay.size >= underWay) return false;
    if ((this.#perPeer.get(peerKey) ?? 0) >= underWayPerPeer) return false;
    return !this.#hosts.isFull(from, this.#underWay.size);
  }

  /** Calls `done` exactly once, before it returns where the resource answers at once; not after `stop`. */
  run(resource: Resource, served: Served, done: (answer: ServedAnswer) => void): void {
    if (!this.hasRoom(served)) {
      this.#counters.overloaded++;
      const { size } = this.#underWay;
      if (size < this.#limits.underWay && this.#hosts.isFull(served.from, size)) {
        this.#counters.hostShareReached++;
      }
      done({ code: SERVICE_UNAVAILABLE, maxAgeSeconds: RETRY_SECONDS });
      return;
    }
    let result: ServedAnswer | Promise<ServedAnswer>;
    try {
      result = resource.handle(served);
    } catch (error) {
      done(this.#broken(served, error));
      return;
    }
    if (!(result instanceof Promise)) {
      done(this.#checked(served, result));
      return;
    }
    const entry: UnderWay = {
      served,
      done,
      deadline: new Deadline(this.#wheel, () => {
        this.#counters.handlerTimeouts++;
        this.#log.warn('a CoAP resource did not answer in time', { path: pathKey(served.path) });
        this.#settle(entry, { code: SERVICE_UNAVAILABLE, maxAgeSeconds: RETRY_SECONDS });
        served.abort();
      }),
    };
    this.#underWay.add(entry);
    this.#perPeer.set(served.peerKey, (this.#perPeer.get(served.peerKey) ?? 0) + 1);
    this.#hosts.take(served.host);
    entry.deadline.set(this.#limits.handlerMs);
    result.then(
      (answer) => {
        if (this.#underWay.has(entry)) this.#settle(entry, this.#checked(served, answer));
      },
      (error: unknown) => {
        if (this.#underWay.has(entry)) this.#settle(entry, this.#broken(served, error));
      },
    );
  }

  /** Aborts what is under way; nobody is answered any more. */
  stop(): void {
    const entries = [...this.#underWay];
    this.#underWay.clear();
    this.#perPeer.clear();
    this.#hosts.clear();
    for (const { served, deadline } of entries) {
      deadline.clear();
      served.abort();
    }
  }

  #settle(entry: UnderWay, answer: ServedAnswer): void {
    this.#underWay.delete(entry);
    entry.deadline.clear();
    const { peerKey, host } = entry.served;
    this.#hosts.give(host);
    const left = (this.#perPeer.get(peerKey) ?? 1) - 1;
    if (left === 0) this.#perPeer.delete(peerKey);
    else this.#perPeer.set(peerKey, left);
    try {
      entry.done(answer);
    } catch (error) {
      this.#log.error('a CoAP answer could not be made', { error: messageOf(error) });
    }
  }

  #checked(served: Served, answer: ServedAnswer | null | undefined): ServedAnswer {
    if (answer != null && isResponse(answer.code)) return answer;
    const what = answer == null ? 'nothing' : codeText(answer.code);
    return this.#broken(served, new Error(`it answered ${what}`));
  }

  #broken(served: Served, error: unknown): ServedAnswer {
    this.#counters.handlerErrors++;
    this.#log.error('a CoAP resource failed', {
      path: pathKey(served.path),
      method: served.method,
      from: addressText(served.from),
      error: messageOf(error),
    });
    return { code: INTERNAL_SERVER_ERROR };
  }
}
