import { expect, it } from 'vitest';
import type { AclRule } from '../../../../core/contract/security.ts';
import { covers, deadRules, filterProblem, moveRule, ruleText } from './role-rules.ts';

const rule = (text: string): AclRule => {
  const [effect, action, filter] = text.split(' ') as [AclRule['effect'], AclRule['action'], string];
  return { effect, action, filter };
};

it('moves a rule up and down and leaves the rest in order', () => {
  expect(moveRule(['a', 'b', 'c', 'd'], 3, 1)).toEqual(['a', 'd', 'b', 'c']);
  expect(moveRule(['a', 'b', 'c', 'd'], 0, 2)).toEqual(['b', 'c', 'a', 'd']);
});

it('leaves the list as it is where there is nowhere to move', () => {
  for (const [from, to] of [
    [0, -1],
    [2, 3],
    [1, 1],
    [9, 0],
  ] as const) {
    expect(moveRule(['a', 'b', 'c'], from, to)).toEqual(['a', 'b', 'c']);
  }
});

it('says a rule as a sentence', () => {
  expect(ruleText(rule('deny both plant/%c/#'))).toBe('deny publish and subscribe to plant/%c/#');
});

it('knows what is no topic filter [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2]', () => {
  for (const good of ['#', '+', 'a/+/b/#', '/', 'a//b', '%u/%c', 'ä/#'])
    expect(filterProblem(good)).toBeNull();
  for (const bad of ['', 'a#', 'a/#/b', '#/a', 'a+', 'a/b+/c', 'a\u0000'])
    expect(filterProblem(bad)).not.toBeNull();
});

it('knows which filter is as wide as another', () => {
  const wide = (a: string, b: string) => covers(a.split('/'), b.split('/'));
  expect(wide('#', 'plant/room1')).toBe(true);
  expect(wide('plant/#', 'plant')).toBe(true);
  expect(wide('plant/+', 'plant/room1')).toBe(true);
  expect(wide('plant/+', 'plant/#')).toBe(false);
  expect(wide('plant/room1', 'plant/+')).toBe(false);
  expect(wide('plant/+', 'plant/room1/x')).toBe(false);
  expect(wide('#', '$SYS/broker')).toBe(false);
  expect(wide('$SYS/#', '$SYS/broker')).toBe(true);
});

it('tells of rules that an earlier one leaves nothing for', () => {
  const dead = deadRules([
    rule('allow publish plant/#'),
    rule('deny both plant/secret'),
    rule('deny publish plant/secret'),
    rule('allow both #'),
    rule('deny subscribe test/#'),
    rule('allow both '),
  ]);
  expect([...dead]).toEqual([
    [2, 0],
    [4, 3],
  ]);
});
