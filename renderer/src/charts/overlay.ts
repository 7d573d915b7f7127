import type uPlot from 'uplot';
import type { ChartColors } from './chart-colors.ts';
import type { TimeRange } from './range.ts';

/** The stretch up to now in which nothing live has come, and why. */
export interface SilentStretch {
  from: number;
  kind: 'stale' | 'lost';
  /** `No reading since 14:03:22`. */
  text: string;
}

export interface PanelMarks {
  /** Stretches without a reading of any series of the panel. */
  gaps: readonly TimeRange[];
  silent: SilentStretch | null;
}

// Wider than on a value: a large area hatched as densely would shout.
const HATCH_STEP_PX = 11;
const HATCH_LINE_PX = 2;

/** Draws, over the grid and under the lines: gaps as a quiet ground, the silent stretch hatched as every stale value is. */
export function drawMarks(u: uPlot, marks: PanelMarks, colors: ChartColors): void {
  const { ctx } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  for (const gap of marks.gaps) {
    const box = stretch(u, gap.from, gap.to);
    if (box === null) continue;
    ctx.fillStyle = colors.gap;
    ctx.fillRect(box.left, u.bbox.top, box.width, u.bbox.height);
    label(u, 'no readings', box.left, box.width, colors.axis, colors);
  }
  if (marks.silent !== null) drawSilent(u, marks.silent, colors);
  ctx.restore();
}

function drawSilent(u: uPlot, silent: SilentStretch, colors: ChartColors): void {
  const end = u.scales['x']?.max ?? silent.from;
  const box = stretch(u, silent.from, end);
  if (box === null) return;
  const { ctx } = u;
  const color = silent.kind === 'lost' ? colors.fault : colors.stale;
  ctx.save();
  ctx.beginPath();
  ctx.rect(box.left, u.bbox.top, box.width, u.bbox.height);
  ctx.clip();
  ctx.strokeStyle = colors.hatch;
  ctx.lineWidth = HATCH_LINE_PX * pxRatio(u);
  const step = HATCH_STEP_PX * pxRatio(u) * Math.SQRT2;
  const height = u.bbox.height;
  ctx.beginPath();
  // Anchored to the plot and not to the stretch, so that the hatching stands still while the stretch grows.
  const first = u.bbox.left + Math.floor((box.left - height - u.bbox.left) / step) * step;
  for (let x = first; x < box.left + box.width; x += step) {
    ctx.moveTo(x, u.bbox.top + height);
    ctx.lineTo(x + height, u.bbox.top);
  }
  ctx.stroke();
  ctx.restore();
  ctx.strokeStyle = color;
  ctx.lineWidth = pxRatio(u);
  ctx.setLineDash([3 * pxRatio(u), 3 * pxRatio(u)]);
  ctx.beginPath();
  ctx.moveTo(box.left, u.bbox.top);
  ctx.lineTo(box.left, u.bbox.top + height);
  ctx.stroke();
  ctx.setLineDash([]);
  label(u, silent.text, box.left, box.width, color, colors);
}

/** The text at the top of the stretch, on a ground of its own; left out where it does not fit: the chip says it too. */
function label(
  u: uPlot,
  text: string,
  left: number,
  width: number,
  color: string,
  colors: ChartColors,
): void {
  const { ctx } = u;
  const ratio = pxRatio(u);
  ctx.font = colors.font.replace(/^11px/, `${11 * ratio}px`);
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'center';
  const wide = ctx.measureText(text).width;
  if (wide + 12 * ratio > width) return;
  const middle = left + width / 2;
  const top = u.bbox.top + 12 * ratio;
  ctx.fillStyle = colors.ground;
  ctx.fillRect(middle - wide / 2 - 5 * ratio, top - 8 * ratio, wide + 10 * ratio, 16 * ratio);
  ctx.fillStyle = color;
  ctx.fillText(text, middle, top);
}

/** The visible part of a stretch in canvas px, null when it is narrower than one of them. */
function stretch(u: uPlot, from: number, to: number): { left: number; width: number } | null {
  const a = Math.max(u.bbox.left, u.valToPos(from, 'x', true));
  const b = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, 'x', true));
  return b - a >= 1 ? { left: a, width: b - a } : null;
}

function pxRatio(u: uPlot): number {
  return u.ctx.canvas.width / u.width;
}
