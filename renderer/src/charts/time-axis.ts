/** Texts of the time axis: 24 hours, local time, the date where it changes. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** Distances between two marks, in ms, that people count in. */
export const TIME_STEPS: number[] = [
  ...[100, 200, 500, 1, 2, 5, 10, 15, 30].map((n) => (n >= 100 ? n : n * SECOND_MS)),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE_MS),
  ...[1, 2, 3, 4, 6, 8, 12].map((n) => n * 60 * MINUTE_MS),
  ...[1, 2, 3, 4, 7, 14].map((n) => n * DAY_MS),
  ...[30, 61, 91, 182, 365, 730, 1_826].map((n) => n * DAY_MS),
];

/**
 * One text per mark at a distance of `stepMs`. The second line carries the date: at the first mark and wherever
 * the day (or the year) is another than at the mark before.
 */
export function timeLabels(marks: readonly number[], stepMs: number): string[] {
  let previous: Date | null = null;
  return marks.map((mark) => {
    const at = new Date(mark);
    const label = stepMs < DAY_MS ? clock(at, stepMs, previous) : calendar(at, stepMs, previous);
    previous = at;
    return label;
  });
}

function clock(at: Date, stepMs: number, previous: Date | null): string {
  let text = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (stepMs < MINUTE_MS) text += `:${two(at.getSeconds())}`;
  if (stepMs < SECOND_MS) text += `.${Math.floor(at.getMilliseconds() / 100)}`;
  if (previous !== null && previous.toDateString() === at.toDateString()) return text;
  return `${text}\n${DAYS[at.getDay()]} ${at.getDate()} ${MONTHS[at.getMonth()]}`;
}

function calendar(at: Date, stepMs: number, previous: Date | null): string {
  const newYear = previous === null || previous.getFullYear() !== at.getFullYear();
  if (stepMs >= 365 * DAY_MS) return String(at.getFullYear());
  const day = stepMs >= 28 * DAY_MS ? MONTHS[at.getMonth()]! : `${at.getDate()} ${MONTHS[at.getMonth()]}`;
  return newYear ? `${day}\n${at.getFullYear()}` : day;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
