import { Telemetry } from '../../telemetry/telemetry.ts';
import type { SeriesCatalog } from '../../telemetry/types.ts';

export interface PreviewValue {
  name: string;
  unit: string;
  value: number;
}

const MAX_NAMES = 10_000;
const MAX_VALUES = 100;

/** Numbers of a representation as readings would be made of them, without a device, a series or a record. */
export class NumberPreview {
  #names: { name: string; unit: string }[] = [];
  #byName = new Map<string, number>();
  #telemetry = this.#fresh();

  of(
    authority: string,
    path: string,
    contentFormat: number | null,
    payload: Uint8Array,
    receivedMs: number,
  ): PreviewValue[] {
    // Resources watched over months leave names behind; the few of now come again at once.
    if (this.#names.length > MAX_NAMES) this.#telemetry = this.#fresh();
    const telemetry = this.#telemetry;
    const { first, count } = telemetry.ingestCoap(authority, path, contentFormat, payload, receivedMs);
    const { series, v } = telemetry.columns;
    const values: PreviewValue[] = [];
    for (let row = first; row < first + Math.min(count, MAX_VALUES); row++) {
      values.push({ ...this.#names[series[row]!]!, value: v[row]! });
    }
    telemetry.clear();
    return values;
  }

  #fresh(): Telemetry {
    this.#names = [];
    this.#byName = new Map();
    const catalog: SeriesCatalog = {
      deviceId: () => 0,
      seriesId: (_device, name, _quantity, unit) => {
        const key = `${unit} ${name}`;
        let id = this.#byName.get(key);
        if (id === undefined) {
          id = this.#names.push({ name, unit }) - 1;
          this.#byName.set(key, id);
        }
        return id;
      },
    };
    return new Telemetry({ catalog });
  }
}
