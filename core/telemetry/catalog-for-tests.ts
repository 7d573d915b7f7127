import { Telemetry } from './telemetry.ts';
import type { TelemetryLimits } from './limits.ts';
import type { SeriesCatalog } from './types.ts';

/** A catalog that only numbers what it is asked for and can say it back. */
export class ListCatalog implements SeriesCatalog {
  readonly devices: string[] = [];
  readonly series: { device: string; name: string; quantity: string | null; unit: string }[] = [];
  lookUps = 0;
  maxSeries = Infinity;

  deviceId(key: string): number {
    this.lookUps++;
    const known = this.devices.indexOf(key);
    return known === -1 ? this.devices.push(key) - 1 : known;
  }

  seriesId(deviceId: number, name: string, quantity: string | null, unit: string): number {
    this.lookUps++;
    const device = this.devices[deviceId]!;
    const known = this.series.findIndex((one) => one.device === device && one.name === name);
    if (known !== -1) return known;
    if (this.series.length >= this.maxSeries) return -1;
    return this.series.push({ device, name, quantity, unit }) - 1;
  }
}

export const NOW = Date.UTC(2026, 2, 1, 12);

/** Telemetry over a `ListCatalog`, with readings as lines: `DEVICE NAME VALUE UNIT`, and `@±MS` when not NOW. */
export function bench(limits: Partial<TelemetryLimits> = {}) {
  const catalog = new ListCatalog();
  const telemetry = new Telemetry({ catalog, ...limits });
  const lines = () => {
    const { series, t, v, length } = telemetry.columns;
    const found = Array.from({ length }, (_, row) => {
      const { device, name, unit } = catalog.series[series[row]!]!;
      const at = t[row] === NOW ? '' : ` @${t[row]! - NOW}`;
      return `${device} ${name} ${v[row]}${unit === '' ? '' : ` ${unit}`}${at}`;
    });
    telemetry.clear();
    return found;
  };
  const mqtt = (topic: string, payload: string | Uint8Array) => {
    const outcome = { ...telemetry.ingestMqtt(topic, bytes(payload), NOW) };
    return { outcome, lines: lines(), raw: outcome.rawReason };
  };
  const coap = (path: string, payload: string | Uint8Array, contentFormat: number | null = null) => {
    const outcome = { ...telemetry.ingestCoap('coap://h:5683', path, contentFormat, bytes(payload), NOW) };
    return { outcome, lines: lines(), raw: outcome.rawReason };
  };
  return { catalog, telemetry, mqtt, coap };
}

function bytes(payload: string | Uint8Array): Uint8Array {
  return typeof payload === 'string' ? Buffer.from(payload) : payload;
}
