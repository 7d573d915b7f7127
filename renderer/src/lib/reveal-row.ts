/** Brings a row into sight in a list whose rows all have one height and whose head stays on top of the same scroller. */

/** `scrollTop` that shows row `index` with the least movement; the present one where it is in sight already. */
export function scrollTopFor(
  index: number,
  view: { scrollTop: number; heightPx: number; headPx: number; rowPx: number },
): number {
  const { scrollTop, heightPx, headPx, rowPx } = view;
  const topPx = index * rowPx;
  // The head covers the beginning of what is in view, so that much less is seen.
  const leastPx = topPx + rowPx - (heightPx - headPx);
  if (topPx < scrollTop) return topPx;
  return Math.max(scrollTop, leastPx);
}

export function revealRow(
  scroller: HTMLElement | null | undefined,
  index: number,
  headPx: number,
  rowPx: number,
): void {
  if (!scroller || index < 0) return;
  const { scrollTop, clientHeight: heightPx } = scroller;
  scroller.scrollTop = scrollTopFor(index, { scrollTop, heightPx, headPx, rowPx });
}
