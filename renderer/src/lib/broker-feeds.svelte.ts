/** Small things that the Broker page and Settings share: listeners, users and roles, as the station has them. */
import type { MqttListenerStatus } from '../../../core/contract/listeners.ts';
import type { SecuritySnapshot } from '../../../core/contract/security.ts';
import { getClient } from './station.svelte.ts';

type Open<T> = (listener: {
  snapshot: (data: T) => void;
  delta: (data: T) => void;
  error: (fault: { message: string }) => void;
}) => () => void;

/** Each snapshot and delta is the whole: kept while at least one part of the screen shows it. */
export class Whole<T> {
  /** Null until the first snapshot. */
  data = $state.raw<T | null>(null);
  problem = $state<string | null>(null);
  readonly #open: Open<T>;
  #users = 0;
  #stop: (() => void) | undefined;

  constructor(open: Open<T>) {
    this.#open = open;
  }

  /** For `$effect(() => feed.use())`: what it returns lets go. */
  use(): () => void {
    if (this.#users++ === 0) {
      const take = (data: T): void => {
        this.data = data;
        this.problem = null;
      };
      this.#stop = this.#open({
        snapshot: take,
        delta: take,
        error: ({ message }) => (this.problem = message),
      });
    }
    return () => {
      if (--this.#users > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }
}

export const listeners = new Whole<MqttListenerStatus[]>(({ snapshot, error }) => {
  const whole = ({ listeners: list }: { listeners: MqttListenerStatus[] }) => snapshot(list);
  return getClient().subscribe('listeners', {}, { snapshot: whole, delta: whole, error }, { maxHz: 2 });
});

/** Only an administrator may hear it: do not use it for lesser roles. */
export const security = new Whole<SecuritySnapshot>((listener) =>
  getClient().subscribe('security', {}, listener, { maxHz: 2 }),
);
