import type { SeriesInfo } from '../../../core/contract/devices.ts';

/** Differences below these are noise to people who look at a plant, by SenML unit. */
const UNIT_SPANS: Record<string, number> = {
  Cel: 1,
  K: 1,
  degF: 2,
  '%RH': 2,
  '%': 2,
  Pa: 100,
  hPa: 1,
  kPa: 0.1,
};
const SHARE_OF_VALUE = 0.01;

/** The least difference that a small trend line of the series shows at full height. */
export function sparkSpan(series: SeriesInfo | null): number | undefined {
  if (series === null) return undefined;
  const byUnit = UNIT_SPANS[series.unit];
  if (byUnit !== undefined) return byUnit;
  const value = Math.abs(series.last?.v ?? 0);
  return value === 0 ? undefined : value * SHARE_OF_VALUE;
}
