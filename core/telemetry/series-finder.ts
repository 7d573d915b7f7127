import type { KeyNode } from './key-tree.ts';
import {
  relativeSenmlName,
  seriesOfLeaf,
  seriesOfSenmlName,
  settleNames,
  speaksOfTopicQuantity,
} from './naming.ts';
import type { Source, WantedSeries } from './naming.ts';
import type { ShapePlan } from './plan.ts';
import type { SenmlPack } from './senml.ts';
import type { SeriesCatalog } from './types.ts';

/** Asks the catalog for the numbers of devices and series. Only once per topic and shape of payload. */
export class SeriesFinder {
  readonly #catalog: SeriesCatalog;
  readonly #maxNameLength: number;

  constructor(catalog: SeriesCatalog, maxNameLength: number) {
    this.#catalog = catalog;
    this.#maxNameLength = maxNameLength;
  }

  /** @param unit told beside the number, else empty */
  valueSeries(source: Source, unit: string): ShapePlan {
    const { valueName, valueQuantity, valueUnit } = source;
    const told = unit === '' ? valueUnit : unit;
    return this.#find(source.valueDeviceKey, source.protocol, [
      { name: valueName, written: valueName, quantity: valueQuantity, unit: told },
    ]);
  }

  /** @param unit told by a unit key for the plain `value` of the payload, else empty */
  keySeries(source: Source, leaves: readonly KeyNode[], unit: string): ShapePlan {
    const ofQuantity = speaksOfTopicQuantity(source, leaves);
    const wanted = leaves.map((leaf) => {
      const series = seriesOfLeaf(source, leaf, ofQuantity);
      return unit !== '' && series.name === source.valueName ? { ...series, unit } : series;
    });
    return this.#find(ofQuantity ? source.valueDeviceKey : source.deviceKey, source.protocol, wanted);
  }

  /** Series of each row of the pack; rows of the same name and unit share one. */
  packSeries(source: Source, pack: SenmlPack): ShapePlan {
    const names = pack.names.map((name) => relativeSenmlName(source, name));
    const ofQuantity = source.namesQuantity && names.includes('');
    const places = new Map<string, number>();
    const wanted: WantedSeries[] = [];
    const place = names.map((name, row) => {
      const identity = `${name}\n${pack.units[row]}`;
      const known = places.get(identity);
      if (known !== undefined) return known;
      places.set(identity, wanted.length);
      return wanted.push(seriesOfSenmlName(source, name, pack.units[row]!, ofQuantity)) - 1;
    });
    const deviceKey = ofQuantity ? source.valueDeviceKey : source.deviceKey;
    const { deviceId, series } = this.#find(deviceKey, source.protocol, wanted);
    return { deviceId, series: Int32Array.from(place, (index) => series[index]!) };
  }

  #find(deviceKey: string, protocol: 'mqtt' | 'coap', wanted: readonly WantedSeries[]): ShapePlan {
    const series = new Int32Array(wanted.length).fill(-1);
    const names = settleNames(wanted, this.#maxNameLength);
    const some = names.some((name) => name !== null);
    const deviceId = some ? this.#catalog.deviceId(deviceKey, protocol) : -1;
    if (deviceId === -1) return { deviceId, series };
    for (const [index, { quantity, unit }] of wanted.entries()) {
      const name = names[index];
      if (name !== null && name !== undefined)
        series[index] = this.#catalog.seriesId(deviceId, name, quantity, unit);
    }
    return { deviceId, series };
  }
}
