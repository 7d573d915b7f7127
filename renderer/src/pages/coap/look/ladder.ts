/** Where each row of the ladder stands. Time runs down: to scale while it is short, with a mark where it is long. Pure. */
import type { Fold } from './folds.ts';
import type { LadderMessage } from './messages.ts';

export const MESSAGE_PX = 30;
export const GAP_PX = 26;
export const FOLD_PX = 34;
export const NOTE_PX = 28;
/** Longer than this is not drawn to scale but said. */
export const GAP_MS = 150;
const PX_PER_MS = 0.08;
/** Room over the first row. */
const TOP_PX = 4;

/** `repeat`: we waited and sent again. `device`: it took its time. `quiet`: nothing was asked. */
export type GapReason = 'repeat' | 'device' | 'quiet';

interface Placed {
  key: string;
  y: number;
  height: number;
}

export type LadderRow = Placed &
  (
    | { kind: 'message'; message: LadderMessage }
    | { kind: 'gap'; ms: number; reason: GapReason; repeat: number }
    | { kind: 'fold'; fold: Fold; open: boolean }
    | { kind: 'leftOut'; count: number; older: boolean }
    /** Something is out and nothing has come since `atMs`. */
    | { kind: 'waiting'; atMs: number }
  );
type Loose = LadderRow extends infer Row ? (Row extends Placed ? Omit<Row, 'y' | 'height'> : never) : never;

export interface LadderPlan {
  rows: LadderRow[];
  height: number;
}

export interface LadderOptions {
  /** Keys of folds that are open. */
  opened: ReadonlySet<string>;
  leftOut: number;
  /** The left out ones are older than those shown, not newer. */
  older: boolean;
  /** More may come. */
  running: boolean;
}

const HEIGHTS: Record<LadderRow['kind'], number> = {
  message: MESSAGE_PX,
  gap: GAP_PX,
  fold: FOLD_PX,
  leftOut: NOTE_PX,
  waiting: GAP_PX,
};

export function planLadder(
  messages: readonly LadderMessage[],
  folds: readonly Fold[],
  { opened, leftOut, older, running }: LadderOptions,
): LadderPlan {
  const rows: LadderRow[] = [];
  let y = TOP_PX;
  const put = (row: Loose): void => {
    const height = HEIGHTS[row.kind];
    rows.push({ ...row, y, height } as LadderRow);
    y += height;
  };
  if (leftOut > 0 && older) put({ kind: 'leftOut', key: 'left-out', count: leftOut, older });
  let before: LadderMessage | null = null;
  let nextFold = 0;
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    const gap = before === null ? null : gapBetween(before, message);
    if (gap !== null && gap.shown) {
      put({ kind: 'gap', key: `gap-${i}`, ms: gap.ms, reason: gap.reason, repeat: message.step.repeat });
    } else if (gap !== null) y += Math.round(gap.ms * PX_PER_MS);
    const fold = folds[nextFold];
    if (fold !== undefined && fold.from === i) {
      nextFold++;
      const open = opened.has(fold.key);
      put({ kind: 'fold', key: `fold-${fold.key}`, fold, open });
      if (!open) {
        i = fold.to;
        before = messages[i]!;
        continue;
      }
    }
    put({ kind: 'message', key: `message-${i}`, message });
    before = message;
  }
  if (running && before !== null && asksDevice(before)) {
    put({ kind: 'waiting', key: 'waiting', atMs: before.step.atMs });
  }
  if (leftOut > 0 && !older) put({ kind: 'leftOut', key: 'left-out', count: leftOut, older });
  return { rows, height: y };
}

function gapBetween(
  before: LadderMessage,
  next: LadderMessage,
): { ms: number; shown: boolean; reason: GapReason } {
  const ms = Math.max(0, next.step.sinceMs - before.step.sinceMs);
  const repeat = next.step.direction === 'out' && next.step.repeat > 0;
  const device = next.step.direction === 'in' && asksDevice(before);
  return {
    ms,
    shown: ms >= GAP_MS || repeat,
    reason: repeat ? 'repeat' : device ? 'device' : 'quiet',
  };
}

/** True where it is the device's turn: it was asked, or has said that its answer comes later. */
function asksDevice({ step }: LadderMessage): boolean {
  return step.direction === 'out' ? step.code !== '0.00' : step.code === '0.00' && step.type === 'ACK';
}

/** Rows that reach into a window, as a range of indexes [from, to). */
export function rowsWithin(rows: readonly LadderRow[], top: number, bottom: number): [number, number] {
  const from = firstAfter(rows, top);
  let to = from;
  while (to < rows.length && rows[to]!.y < bottom) to++;
  return [from, to];
}

function firstAfter(rows: readonly LadderRow[], top: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.y + rows[middle]!.height <= top) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The next row that can be chosen, counted from `from` by `by`; the last one of that side at the end. */
export function stepRow(rows: readonly LadderRow[], from: number, by: number): number {
  const choosable = (row: LadderRow | undefined): boolean => row?.kind === 'message' || row?.kind === 'fold';
  const direction = by < 0 ? -1 : 1;
  let left = Math.abs(by);
  let at = from;
  let found = choosable(rows[from]) ? from : -1;
  while (left > 0) {
    at += direction;
    if (at < 0 || at >= rows.length) break;
    if (!choosable(rows[at])) continue;
    found = at;
    left--;
  }
  return found;
}
