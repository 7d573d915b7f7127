/** Topic filters of rules: `%c` and `%u`, and how filters relate to filters. Levels are what lies between slashes. */
import { CodedError } from '../base/errors.ts';

/** As many as the broker takes (core/mqtt/topic.ts). */
const MAX_LEVELS = 200;
const MAX_BYTES = 65_535;

/** Who a rule is asked for. */
export interface Subject {
  clientId: string;
  /** null: anonymous. */
  username: string | null;
}

export function hasPlaceholder(text: string): boolean {
  return text.includes('%c') || text.includes('%u');
}

export function isTopicFilter(filter: string): boolean {
  const levels = filter.split('/');
  if (!isTopicText(filter) || levels.length > MAX_LEVELS) return false;
  return levels.every(
    (level, index) =>
      (!level.includes('#') || (level === '#' && index === levels.length - 1)) &&
      (!level.includes('+') || level === '+'),
  );
}

export function isTopicName(topic: string): boolean {
  return isTopicText(topic) && !/[+#]/.test(topic) && topic.split('/').length <= MAX_LEVELS;
}

/** @throws CodedError `security.bad_filter` */
export function checkRuleFilter(filter: string): void {
  if (isTopicFilter(filter)) return;
  throw new CodedError(
    'security.bad_filter',
    `"${filter.slice(0, 200)}" is no topic filter: + and # fill a whole level, # is the last one, ` +
      `and there are at most ${MAX_LEVELS} levels.`,
  );
}

function isTopicText(text: string): boolean {
  return (
    text.length > 0 && !text.includes('\0') && text.isWellFormed() && Buffer.byteLength(text) <= MAX_BYTES
  );
}

/**
 * `level` with its placeholders filled, or null where a value is missing or could change what the filter means: one
 * that is empty, has a wildcard or a slash in it, or would turn the first level into a reserved one (`$SYS`).
 */
export function substituted(level: string, subject: Subject, first: boolean): string | null {
  let possible = true;
  const text = level.replace(/%[cu]/g, (placeholder) => {
    const value = placeholder === '%c' ? subject.clientId : subject.username;
    if (value === null || value === '' || /[+#/\0]/.test(value)) possible = false;
    return value ?? '';
  });
  if (first && text.startsWith('$') && !level.startsWith('$')) possible = false;
  return possible ? text : null;
}

/** Whether every topic that `wanted` can match is matched by `rule`. Both are levels of valid filters. */
export function covers(rule: readonly string[], wanted: readonly string[]): boolean {
  if (reservedApart(rule, wanted)) return false;
  // There is no topic without a level: at the root these two say the same.
  if (rule.length === 2 && rule[0] === '+' && rule[1] === '#') return true;
  for (let index = 0; index < rule.length; index++) {
    const level = rule[index]!;
    // Also of the parent level (v5 §4.7.1.2).
    if (level === '#') return true;
    const other = wanted[index];
    if (other === undefined || other === '#') return false;
    if (level !== '+' && level !== other) return false;
  }
  return wanted.length === rule.length;
}

/** Whether some topic is matched by both. */
export function overlaps(one: readonly string[], other: readonly string[]): boolean {
  if (reservedApart(one, other) || reservedApart(other, one)) return false;
  for (let index = 0; ; index++) {
    const left = one[index];
    const right = other[index];
    if (left === '#' || right === '#') return true;
    if (left === undefined || right === undefined) return left === right;
    if (left !== '+' && right !== '+' && left !== right) return false;
  }
}

/** A wildcard on the first level does not reach topics that begin with a dollar (v5 §4.7.2). */
function reservedApart(wild: readonly string[], named: readonly string[]): boolean {
  return (wild[0] === '+' || wild[0] === '#') && named[0]!.startsWith('$');
}
