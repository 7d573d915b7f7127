/** Small things that the Broker page and Settings share: listeners, users and roles, as the station has them. */
import type { MqttListenerStatus } from '../../../core/contract/listeners.ts';
import type { SecuritySnapshot } from '../../../core/contract/security.ts';
import { getClient } from './station.svelte.ts';

/** Each snapshot and delta is the whole: kept while at least one part of the screen shows it. */
export class Whole<T> {
  /** Null until the first snapshot. */
  data = $state.raw<T | null>(null);
  problem = $state<string | null>(null);
  readonly #open: (take: (data: T) => void, error: (message: string) => void) => () => void;
  #users = 0;
  #stop: (() => void) | undefined;

  constructor(open: (take: (data: T) => void, error: (message: string) => void) => () => void) {
    this.#open = open;
  }

  /** For `$effect(() => feed.use())`: what it returns lets go. */
  use(): () => void {
    if (this.#users++ === 0) {
      this.#stop = this.#open(
        (data) => {
          this.data = data;
          this.problem = null;
        },
        (message) => (this.problem = message),
      );
    }
    return () => {
      if (--this.#users > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }
}

export const listeners = new Whole<MqttListenerStatus[]>((take, error) => {
  const whole = ({ listeners: list }: { listeners: MqttListenerStatus[] }) => take(list);
  return getClient().subscribe(
    'listeners',
    {},
    { snapshot: whole, delta: whole, error: ({ message }) => error(message) },
    { maxHz: 2 },
  );
});

/** Only an administrator may hear it: do not use it for lesser roles. */
export const security = new Whole<SecuritySnapshot>((take, error) =>
  getClient().subscribe(
    'security',
    {},
    { snapshot: take, delta: take, error: ({ message }) => error(message) },
    { maxHz: 2 },
  ),
);
