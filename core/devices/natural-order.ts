/**
 * A text whose plain order is the order people expect: case aside, numbers by their size, so that `room2` stands
 * before `room10`. Made once per level; comparing two is then one comparison of strings.
 */
export function naturalKey(level: string): string {
  const lower = level.toLowerCase();
  if (!/\d/.test(lower)) return lower;
  return lower.replace(/\d+/g, (run) => {
    const digits = run.replace(/^0+(?=\d)/, '');
    // A longer number is a greater one: its length goes in front, as one character.
    return `0${String.fromCharCode(0x30 + Math.min(digits.length, 0xfff))}${digits}`;
  });
}
