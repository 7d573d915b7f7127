/** Subscriptions as a test looks on: what is known now, and the moment when it is what was waited for. */
import type { DeltaOf, ParamsOf, SnapshotOf } from '../../core/contract/define.ts';
import type { CoapResource } from '../../core/contract/coap.ts';
import type { CoapExchange, CoapWatch } from '../../core/contract/coap-browser.ts';
import type { SubscriptionName, Subscriptions } from '../../core/contract/subscriptions.ts';
import type { RpcClient } from '../../core/rpc/types.ts';

export class Followed<T> {
  /** Undefined before the first snapshot. */
  now: T | undefined;
  readonly #lookers = new Set<() => void>();
  #problem: { code: string; message: string } | undefined;
  #end: () => void = () => undefined;

  /** Made by the functions below. */
  static open<N extends SubscriptionName, T>(
    rpc: RpcClient,
    name: N,
    params: ParamsOf<Subscriptions[N]>,
    merge: {
      first(data: SnapshotOf<Subscriptions[N]>): T;
      then(before: T, data: DeltaOf<Subscriptions[N]>): T;
    },
  ): Followed<T> {
    const followed = new Followed<T>();
    followed.#end = rpc.subscribe(name, params, {
      snapshot: (data) => followed.#take(merge.first(data)),
      delta: (data) => followed.#take(merge.then(followed.now!, data)),
      error: (problem) => {
        followed.#problem = problem;
        followed.#look();
      },
    });
    return followed;
  }

  /** As soon as `wanted` says so; every change is looked at. Fails with the code that ended the subscription. */
  until(wanted: (now: T) => boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.#problem !== undefined)
          reject(Object.assign(new Error(this.#problem.message), this.#problem));
        else if (this.now !== undefined && wanted(this.now)) resolve(this.now);
        else return;
        this.#lookers.delete(look);
      };
      this.#lookers.add(look);
      look();
    });
  }

  end(): void {
    this.#end();
  }

  #take(now: T): void {
    this.now = now;
    this.#look();
  }

  #look(): void {
    for (const look of [...this.#lookers]) look();
  }
}

type WholeName = 'coapScan' | 'coapDirectory' | 'coapProxy' | 'coapServer' | 'station';

/** Of those whose delta is all of it again. */
export function followWhole<N extends WholeName>(
  rpc: RpcClient,
  name: N,
): Followed<SnapshotOf<Subscriptions[N]>> {
  type Whole = SnapshotOf<Subscriptions[N]>;
  return Followed.open<N, Whole>(rpc, name, {} as ParamsOf<Subscriptions[N]>, {
    first: (data) => data,
    then: (_before, data) => data as Whole,
  });
}

/** With every step so far. */
export function followExchange(rpc: RpcClient, exchange: string): Followed<CoapExchange> {
  return Followed.open(
    rpc,
    'coapExchange',
    { exchange },
    {
      first: (data): CoapExchange => data,
      then: (before, delta) => ({ ...before, ...delta, steps: [...before.steps, ...delta.steps] }),
    },
  );
}

/** With every notification so far, the oldest first. */
export function followWatch(rpc: RpcClient, uri: string): Followed<CoapWatch> {
  return Followed.open(
    rpc,
    'coapWatch',
    { uri },
    {
      first: (data): CoapWatch => data,
      then: (before, delta) => ({
        ...delta,
        notifications: [...before.notifications, ...delta.notifications],
      }),
    },
  );
}

/** By path. */
export function followResources(rpc: RpcClient, authority: string): Followed<Map<string, CoapResource>> {
  return Followed.open(
    rpc,
    'coap',
    { authority },
    {
      first: ({ resources }) => new Map(resources.map((one) => [one.path, one])),
      then: (before, { upsert, removed }) => {
        const after = new Map(before);
        for (const uri of removed) after.delete(uri.slice(authority.length));
        for (const one of upsert) after.set(one.path, one);
        return after;
      },
    },
  );
}
