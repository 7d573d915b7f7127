/** What a screen knows of one resource that it looks at: whether it is observed, and what came. */
import { SvelteSet } from 'svelte/reactivity';
import type { CoapResource, CoapResponseView } from '../../../../../core/contract/coap.ts';
import type { CoapNotification } from '../../../../../core/contract/coap-browser.ts';
import type { ChartSeries } from '../../../charts/panels.ts';
import { now } from '../../../lib/now.svelte.ts';
import { getClient } from '../../../lib/station.svelte.ts';
import { LocalReadings } from './local-readings.ts';
import { fromAnswer, withNew } from './notifications.ts';
import type { ListedNotification } from './notifications.ts';

export class WatchFeed {
  /** Null while the station does not know the resource. */
  resource = $state.raw<CoapResource | null>(null);
  /** Newest first. */
  list = $state.raw<ListedNotification[]>([]);
  leftOut = $state(0);
  problem = $state.raw<{ code: string; message: string } | null>(null);
  /** Of the numbers in what came. */
  series = $state.raw<ChartSeries[]>([]);
  readonly reordered = new SvelteSet<number>();
  readonly local = new LocalReadings();
  #number = 0;

  /** What the station knows of it, whoever observes it. */
  know(uri: string): () => void {
    const authority = /^[^:]+:\/\/[^/?]+/.exec(uri)?.[0];
    const take = (all: readonly CoapResource[]): void => {
      const found = all.find((one) => one.uri === uri);
      if (found !== undefined) this.resource = found;
    };
    return getClient().subscribe(
      'coap',
      authority === undefined ? {} : { authority },
      {
        snapshot: ({ resources }) => take(resources),
        delta: ({ upsert, removed }) => {
          if (removed.includes(uri)) this.resource = null;
          take(upsert);
        },
        error: (error) => (this.problem = error),
      },
      { maxHz: 4 },
    );
  }

  /** Observes for as long as what it returns is not called, or looks on where it is observed always. */
  watch(uri: string, accept: number | undefined): () => void {
    this.problem = null;
    return getClient().subscribe(
      'coapWatch',
      accept === undefined ? { uri } : { uri, accept },
      {
        snapshot: (data) => {
          const newest = this.list.find(({ observe }) => observe !== null)?.receivedMs ?? 0;
          this.resource = data.resource;
          this.leftOut = data.leftOut;
          this.#take(data.notifications.filter(({ receivedMs }) => receivedMs > newest));
        },
        delta: (data) => {
          this.resource = data.resource;
          this.leftOut = Math.max(this.leftOut, data.leftOut);
          this.#take(data.notifications);
        },
        error: (error) => (this.problem = error),
      },
      { maxHz: 10 },
    );
  }

  /** One GET, listed like the rest. */
  read(answer: CoapResponseView): void {
    this.#take([fromAnswer(answer, now.exactMs())]);
  }

  #take(more: readonly CoapNotification[]): void {
    if (more.length === 0) return;
    const first = this.#number;
    this.list = withNew(this.list, more, first);
    this.#number += more.length;
    for (const one of this.list) if (one.number >= first && one.reordered) this.reordered.add(one.number);
    if (this.local.take(more)) this.series = this.local.series;
  }
}
