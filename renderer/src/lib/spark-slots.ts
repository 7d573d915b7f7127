/** Columns of readings as evenly spaced values for a small trend line. Pure. */

/** Means per slot of the range; empty slots are gaps. */
export function toSlots(
  t: Float64Array,
  v: Float64Array,
  from: number,
  to: number,
  slots: number,
): (number | null)[] {
  const sums = new Float64Array(slots);
  const counts = new Uint32Array(slots);
  for (let i = 0; i < t.length; i++) {
    const slot = Math.min(slots - 1, Math.floor(((t[i]! - from) / (to - from)) * slots));
    if (slot < 0) continue;
    sums[slot]! += v[i]!;
    counts[slot]!++;
  }
  return Array.from(counts, (count, slot) => (count === 0 ? null : sums[slot]! / count));
}

/** A slot without a reading between two with one is the device's own pace, not a gap. */
export function bridge(line: (number | null)[], most: number): (number | null)[] {
  let lastIndex = -1;
  for (let index = 0; index < line.length; index++) {
    const value = line[index];
    if (value === null || value === undefined) continue;
    const missing = index - lastIndex - 1;
    if (lastIndex >= 0 && missing > 0 && missing <= most) {
      const start = line[lastIndex]!;
      for (let step = 1; step <= missing; step++) {
        line[lastIndex + step] = start + ((value - start) * step) / (missing + 1);
      }
    }
    lastIndex = index;
  }
  return line;
}
