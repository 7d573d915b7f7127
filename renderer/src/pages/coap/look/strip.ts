/** The whole exchange on one line: a tick for each message, a bar for each wait before a repeat. Pure. */
import type { LadderMessage } from './messages.ts';

export interface StripTick {
  /** px. */
  x: number;
  direction: 'out' | 'in';
  mark: 'plain' | 'repeat' | 'unanswered' | 'odd';
  /** The message, the most telling one of those that share the pixel. */
  index: number;
}

export interface StripWait {
  from: number;
  to: number;
  ms: number;
  /** Whether its length can be written into it. */
  wide: boolean;
}

export interface StripPlan {
  ticks: StripTick[];
  waits: StripWait[];
  axis: { x: number; ms: number }[];
  spanMs: number;
}

const WEIGHT: Record<StripTick['mark'], number> = { plain: 0, repeat: 1, unanswered: 2, odd: 3 };
const WIDE_PX = 38;
const LEAST_AXIS_PX = 90;
/** Past ten seconds, times are round on a clock. */
const CLOCK_STEPS_MS = [15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400].map(
  (s) => s * 1000,
);

export function planStrip(messages: readonly LadderMessage[], width: number): StripPlan {
  const startMs = messages[0]?.step.sinceMs ?? 0;
  const spanMs = Math.max(1, (messages.at(-1)?.step.sinceMs ?? 0) - startMs);
  const place = (sinceMs: number): number => Math.round(((sinceMs - startMs) / spanMs) * width);
  const ticks = new Map<string, StripTick>();
  const waits: StripWait[] = [];
  for (const message of messages) {
    const { step, index } = message;
    const x = place(step.sinceMs);
    const mark = markOf(message);
    const key = `${step.direction} ${x}`;
    const known = ticks.get(key);
    if (known === undefined || WEIGHT[mark] > WEIGHT[known.mark]) {
      ticks.set(key, { x, direction: step.direction, mark, index });
    }
    if (message.waitMs === null) continue;
    const from = place(step.sinceMs - message.waitMs);
    if (x - from >= 2) waits.push({ from, to: x, ms: message.waitMs, wide: x - from >= WIDE_PX });
  }
  return { ticks: [...ticks.values()], waits, axis: axisOf(spanMs, width), spanMs };
}

function markOf({ step, unanswered }: LadderMessage): StripTick['mark'] {
  if (step.verdict !== 'ok' || step.type === 'RST') return 'odd';
  if (unanswered) return 'unanswered';
  return step.repeat > 0 ? 'repeat' : 'plain';
}

/** Round times at a readable distance, from 0. */
function axisOf(spanMs: number, width: number): { x: number; ms: number }[] {
  const least = (spanMs * LEAST_AXIS_PX) / Math.max(1, width);
  const power = 10 ** Math.floor(Math.log10(least));
  const decimal = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least) ?? 10 * power;
  const stepMs = least <= 10_000 ? decimal : (CLOCK_STEPS_MS.find((one) => one >= least) ?? decimal);
  const axis: { x: number; ms: number }[] = [];
  for (let ms = 0; ms <= spanMs; ms += stepMs) axis.push({ x: Math.round((ms / spanMs) * width), ms });
  return axis;
}
