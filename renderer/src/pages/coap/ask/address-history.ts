/** Where the browser has been: what was asked (kept on this machine), and the way back and forward. Pure. */

export const MOST_KEPT = 200;

/** The history with `uri` as its newest entry, each once. */
export function withNewest(history: readonly string[], uri: string): string[] {
  return [uri, ...history.filter((other) => other !== uri)].slice(0, MOST_KEPT);
}

/** What a browser kept of it; nothing where it is not to be read. */
export function readHistory(kept: string | null): string[] {
  try {
    const list: unknown = JSON.parse(kept ?? '[]');
    if (!Array.isArray(list)) return [];
    return [...new Set(list.filter((one) => typeof one === 'string'))].slice(0, MOST_KEPT);
  } catch {
    return [];
  }
}

/** Steps that Back and Forward walk. */
export interface Trail {
  uris: readonly string[];
  /** Where it stands; -1 before the first step. */
  at: number;
}

export const NO_TRAIL: Trail = { uris: [], at: -1 };
const MOST_STEPS = 100;

/** One step on: what lay ahead is gone, as in any browser. The same place again is no step. */
export function visit(trail: Trail, uri: string): Trail {
  if (trail.uris[trail.at] === uri) return trail;
  const uris = [...trail.uris.slice(0, trail.at + 1), uri].slice(-MOST_STEPS);
  return { uris, at: uris.length - 1 };
}

/** -1 is back, 1 is forward; the same trail where there is no such step. */
export function step(trail: Trail, by: -1 | 1): Trail {
  const at = trail.at + by;
  return at < 0 || at >= trail.uris.length ? trail : { ...trail, at };
}

export interface Suggestion {
  value: string;
  /** Where it comes from: a title, or `asked before`. */
  note: string;
}

/** What an address may go on to: what was asked before, then resources that are known. */
export function suggestions(
  text: string,
  history: readonly string[],
  known: readonly Suggestion[],
  most = 14,
): Suggestion[] {
  const wanted = text.trim().toLowerCase();
  const fits = (uri: string): boolean => uri.toLowerCase().includes(wanted) && uri.toLowerCase() !== wanted;
  const found: Suggestion[] = [];
  const add = (one: Suggestion): void => {
    if (fits(one.value) && !found.some(({ value }) => value === one.value)) found.push(one);
  };
  // Half of the room is kept for resources once something is written.
  const mostAsked = wanted === '' ? most : Math.ceil(most / 2);
  for (const uri of history) if (found.length < mostAsked) add({ value: uri, note: 'asked before' });
  for (const one of known) {
    if (found.length >= most) break;
    add(one);
  }
  return found;
}
