/** Rules of a role as a list that a person orders: the first one that fits decides. Pure. */
import type { AclRule } from '../../../../core/contract/security.ts';

/** The rule `from` at the place `to`; the same list where that is no move. */
export function moveRule<R>(rules: readonly R[], from: number, to: number): R[] {
  const list = [...rules];
  if (from === to || from < 0 || to < 0 || from >= list.length || to >= list.length) return list;
  const [rule] = list.splice(from, 1);
  list.splice(to, 0, rule!);
  return list;
}

const ACTION_WORDS: Record<AclRule['action'], string> = {
  publish: 'publish to',
  subscribe: 'subscribe to',
  both: 'publish and subscribe to',
};

/** `allow publish to plant/%u/#`. */
export function ruleText(rule: AclRule): string {
  return `${rule.effect} ${ACTION_WORDS[rule.action]} ${rule.filter}`;
}

/** Why it is no topic filter (MQTT-4.7.1-1, MQTT-4.7.1-2), or null. */
export function filterProblem(filter: string): string | null {
  if (filter === '') return 'A topic filter, such as plant/# or devices/%c/+.';
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index !== levels.length - 1)) {
      return '# must be a level of its own, and the last one.';
    }
    if (level.includes('+') && level !== '+') return '+ must be a level of its own.';
  }
  return filter.includes('\u0000') ? 'The null character is not allowed.' : null;
}

/** Rules that never decide anything, because an earlier one for the same is at least as wide: `[index, by]`. */
export function deadRules(rules: readonly AclRule[]): Map<number, number> {
  const dead = new Map<number, number>();
  // Split once: a thousand rules are half a million pairs, looked through at each key stroke.
  const levels = rules.map(({ filter }) => filter.split('/'));
  for (const [index, rule] of rules.entries()) {
    if (rule.filter === '') continue;
    for (let before = 0; before < index; before++) {
      const { action } = rules[before]!;
      if ((action === 'both' || action === rule.action) && covers(levels[before]!, levels[index]!)) {
        dead.set(index, before);
        break;
      }
    }
  }
  return dead;
}

/** True when every topic of the filter `narrow` is one of `wide`, both as levels. `%c` and `%u` stand for themselves. */
export function covers(wide: readonly string[], narrow: readonly string[]): boolean {
  // A wildcard at the beginning does not reach $SYS and its like (MQTT-4.7.2-1).
  if (narrow[0]!.startsWith('$') && (wide[0] === '#' || wide[0] === '+')) return false;
  for (const [index, level] of wide.entries()) {
    if (level === '#') return true;
    const other = narrow[index];
    if (other === undefined || other === '#') return false;
    if (level !== '+' && level !== other) return false;
  }
  return wide.length === narrow.length;
}
