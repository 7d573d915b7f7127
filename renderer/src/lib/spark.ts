/** The path of a small trend line. Pure. */
export interface SparkSize {
  slots: number;
  width: number;
  height: number;
  floor?: number | undefined;
  /** Least difference that fills the height: noise must not look like a swing. */
  minSpan?: number | undefined;
}

/** Nulls break the line; a flat line lies in the middle. `line` and `area` are empty when there is nothing. */
export function sparkPath(
  values: readonly (number | null)[],
  size: SparkSize,
): { line: string; area: string } {
  let min = size.floor ?? Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  if (max === -Infinity) return { line: '', area: '' };
  if (size.floor === undefined && size.minSpan !== undefined && max - min < size.minSpan) {
    const middle = (min + max) / 2;
    min = middle - size.minSpan / 2;
    max = middle + size.minSpan / 2;
  }
  const span = max - min;
  const pad = 1.5;
  const step = size.slots > 1 ? size.width / (size.slots - 1) : size.width;
  const first = size.slots - values.length;
  const x = (index: number) => round((first + index) * step);
  const y = (value: number) =>
    span === 0
      ? round(size.floor === undefined ? size.height / 2 : size.height - pad)
      : round(size.height - pad - ((value - min) / span) * (size.height - 2 * pad));
  let line = '';
  let area = '';
  let runStart = -1;
  for (let index = 0; index <= values.length; index++) {
    const value = values[index] ?? null;
    if (value !== null) {
      line += `${runStart < 0 ? 'M' : 'L'}${x(index)} ${y(value)}`;
      area +=
        runStart < 0 ? `M${x(index)} ${size.height}L${x(index)} ${y(value)}` : `L${x(index)} ${y(value)}`;
      if (runStart < 0) runStart = index;
    } else if (runStart >= 0) {
      // One value between two gaps would leave no ink without a little width.
      if (runStart === index - 1) line += `h0.01`;
      area += `L${x(index - 1)} ${size.height}Z`;
      runStart = -1;
    }
  }
  return { line, area };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
