/** Which series share a panel, and how each is drawn. */

export interface ChartSeries {
  id: number;
  label: string;
  /** As in the SenML registry. */
  unit: string;
  quantity: string | null;
  /** Usual distance of readings as the station measures it, null when it does not know. */
  intervalMs?: number | null;
  /** Age past which the series is no longer drawn as live. */
  staleAfterMs?: number;
  /** Place in the palette, kept when other series come and go. Without it the place in the list counts. */
  pen?: number;
}

/** How a series is drawn: its colour token and, so that colour alone never tells, its dashes. */
export interface Pen {
  /** `--series-1` to `--series-8`. */
  token: string;
  /** Lengths in CSS px; empty for a solid line. */
  dash: number[];
}

export interface PanelSeries extends ChartSeries {
  drawn: Pen;
}

export interface ChartPanelPlan {
  /** Same key, same panel: unit, or the series itself where no unit is known. */
  key: string;
  unit: string;
  series: PanelSeries[];
}

const PALETTE_SIZE = 8;
const DASHES: number[][] = [[], [7, 4], [2, 3], [9, 3, 2, 3]];

/**
 * One panel per unit, in the order the units first appear: temperature above humidity, each with its own axis,
 * never two axes to be mixed up in one panel. Lines of one panel differ by dash and colour.
 */
export function planPanels(series: readonly ChartSeries[]): ChartPanelPlan[] {
  const panels = new Map<string, ChartPanelPlan>();
  series.forEach((one, index) => {
    const key = one.unit === '' ? `${one.quantity ?? `series ${one.id}`}` : one.unit;
    const panel = panels.get(key) ?? { key, unit: one.unit, series: [] };
    panels.set(key, panel);
    const token = `--series-${((one.pen ?? index) % PALETTE_SIZE) + 1}`;
    const dash = DASHES[panel.series.length % DASHES.length]!;
    panel.series.push({ ...one, drawn: { token, dash } });
  });
  return [...panels.values()];
}

/** What of the series decides about panels and pens: while it is the same, a plot is not made anew. */
export function planKey(series: readonly ChartSeries[]): string {
  return JSON.stringify(series.map(({ id, label, unit, quantity, pen }) => [id, label, unit, quantity, pen]));
}

/** Height of each panel in px: they share what there is, and none is flatter than a trend needs. */
export function panelHeight(available: number, count: number, least = 96): number {
  return Math.max(least, Math.floor(available / Math.max(1, count)));
}
