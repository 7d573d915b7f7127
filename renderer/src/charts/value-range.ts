/** The value axis: room around the data, no nervous jumps, no noise blown up to a full screen. */

export interface ValueRange {
  min: number;
  max: number;
}

/** Least height of the axis per SenML unit: what one would call "steady" fits into it. */
const LEAST_SPAN: Record<string, number> = {
  Cel: 2,
  K: 2,
  '%RH': 5,
  '%': 5,
  '%EL': 5,
  Pa: 200,
  hPa: 2,
  V: 0.2,
};
/** Units that cannot leave 0..100. */
const PERCENT = new Set(['%RH', '%', '%EL']);

/**
 * The next range of the axis for data from `low` to `high`. The previous range stays while the data lies inside
 * it and still fills two fifths of it; else the range snaps outwards to round numbers.
 */
export function valueRange(previous: ValueRange | null, low: number, high: number, unit: string): ValueRange {
  const middle = (low + high) / 2;
  const size = Math.max(Math.abs(low), Math.abs(high));
  const least = LEAST_SPAN[unit] ?? (size === 0 ? 2 : size * 0.02);
  const span = Math.max(high - low, least);
  if (previous !== null) {
    const inside = low >= previous.min && high <= previous.max;
    if (inside && span >= (previous.max - previous.min) * 0.4) return previous;
  }
  const margin = span * 0.12;
  const step = roundStep((span + 2 * margin) / 9);
  let min = Math.floor((middle - span / 2 - margin) / step) * step;
  let max = Math.ceil((middle + span / 2 + margin) / step) * step;
  if (PERCENT.has(unit) && low >= 0 && high <= 100) {
    min = Math.max(min, 0);
    max = Math.min(max, 100);
  }
  return { min: tidy(min, step), max: tidy(max, step) };
}

/** The next of 1, 2, 5 times a power of ten that is not below `size`. */
export function roundStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  const lead = size / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

/** Takes the binary dust off a multiple of `step`: 0.30000000000000004 is 0.3. */
function tidy(value: number, step: number): number {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(step)));
  return digits > 15 ? value : Number(value.toFixed(digits));
}
