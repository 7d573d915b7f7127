/**
 * The numbers of notifications that nobody records, as a chart reads them. Bounded; gone with the page.
 */
import type { CoapNotification } from '../../../../../core/contract/coap-browser.ts';
import type { ReadingsDelta, SeriesColumns } from '../../../../../core/contract/readings.ts';
import type { RpcClient } from '../../../../../core/rpc/types.ts';
import type { ChartSeries } from '../../../charts/panels.ts';

const MOST_POINTS = 10_000;
const MOST_SERIES = 8;

type ReadingsListener = Parameters<RpcClient['subscribe']>[2] & { delta(data: ReadingsDelta): void };

interface Pen {
  series: ChartSeries;
  t: number[];
  v: number[];
}

export class LocalReadings {
  readonly #pens = new Map<string, Pen>();
  readonly #listeners = new Set<ReadingsListener>();
  /** Names past the bound that are not drawn. */
  readonly leftOut = new Set<string>();

  get series(): ChartSeries[] {
    return [...this.#pens.values()].map(({ series }) => series);
  }

  /** True when a series came that was not there before. */
  take(notifications: readonly CoapNotification[]): boolean {
    const before = this.#pens.size;
    const rows: { id: number; t: number; v: number }[] = [];
    for (const { receivedMs, values } of notifications) {
      for (const { name, unit, value } of values) {
        const pen = this.#penOf(name, unit);
        if (pen === null) continue;
        pen.t.push(receivedMs);
        pen.v.push(value);
        if (pen.t.length > MOST_POINTS * 1.1) {
          pen.t.splice(0, pen.t.length - MOST_POINTS);
          pen.v.splice(0, pen.v.length - MOST_POINTS);
        }
        rows.push({ id: pen.series.id, t: receivedMs, v: value });
      }
    }
    const delta: ReadingsDelta = {
      series: Int32Array.from(rows, ({ id }) => id),
      t: Float64Array.from(rows, ({ t }) => t),
      v: Float64Array.from(rows, ({ v }) => v),
      skipped: 0,
    };
    if (rows.length > 0) for (const listener of this.#listeners) listener.delta(delta);
    return this.#pens.size > before;
  }

  /** What `TimeChart` takes as its source: it answers `readings.query` and `readings`, nothing else. */
  readonly source = {
    call: (_name: string, { series, from, to }: { series: number[]; from: number; to: number }) =>
      Promise.resolve({ from, to, series: series.map((id) => this.#columns(id, from, to)) }),
    subscribe: (_name: string, { series }: { series: number[] }, listener: ReadingsListener) => {
      this.#listeners.add(listener);
      const last = series.flatMap((id) => {
        const pen = this.#byId(id);
        return pen === undefined || pen.t.length === 0 ? [] : [{ id, t: pen.t.at(-1)!, v: pen.v.at(-1)! }];
      });
      (listener as { snapshot(data: unknown): void }).snapshot({
        series: Int32Array.from(last, ({ id }) => id),
        t: Float64Array.from(last, ({ t }) => t),
        v: Float64Array.from(last, ({ v }) => v),
      });
      return () => void this.#listeners.delete(listener);
    },
  } as unknown as Pick<RpcClient, 'call' | 'subscribe'>;

  #penOf(name: string, unit: string): Pen | null {
    const key = `${name} ${unit}`;
    const known = this.#pens.get(key);
    if (known !== undefined) return known;
    if (this.#pens.size >= MOST_SERIES) {
      if (this.leftOut.size < 1_000) this.leftOut.add(key);
      return null;
    }
    const series: ChartSeries = {
      id: this.#pens.size + 1,
      label: name === '' ? 'Value' : name,
      unit,
      quantity: null,
    };
    const pen: Pen = { series, t: [], v: [] };
    this.#pens.set(key, pen);
    return pen;
  }

  #byId(id: number): Pen | undefined {
    return [...this.#pens.values()].find(({ series }) => series.id === id);
  }

  #columns(id: number, from: number, to: number): SeriesColumns {
    const pen = this.#byId(id);
    const kept = (pen?.t ?? []).flatMap((t, i) => (t >= from && t <= to ? [i] : []));
    return {
      id,
      mode: 'raw',
      bucketMs: 0,
      t: Float64Array.from(kept, (i) => pen!.t[i]!),
      v: Float64Array.from(kept, (i) => pen!.v[i]!),
      min: null,
      max: null,
      total: kept.length,
    };
  }
}
