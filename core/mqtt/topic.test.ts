import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedPacket } from './codec/malformed.ts';
import { checkTopicFilter, checkTopicName, parseShared } from './topic.ts';

function codeOf(check: () => void): number | undefined {
  try {
    check();
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedPacket);
    return (error as MalformedPacket).reasonCode;
  }
  return undefined;
}

describe('shared subscriptions', () => {
  it.each([
    ['$share/g/a', 'g', 'a'],
    ['$share/g//a', 'g', '/a'],
    ['$share/g/+/#', 'g', '+/#'],
    ['$share/g h/$SYS/#', 'g h', '$SYS/#'],
  ])('%s is the share %s of %s [MQTT-4.8.2-1]', (filter, share, inner) => {
    expect(parseShared(filter)).toEqual({ share, filter: inner });
    expect(codeOf(() => checkTopicFilter(filter))).toBeUndefined();
  });

  it.each([
    '$share/',
    '$share/g',
    '$share/g/',
    '$share//a',
    '$share/+/a',
    '$share/g+/a',
    '$share/#',
    '$share/g#/a',
  ])('%s is refused [MQTT-4.8.2-1, MQTT-4.8.2-2]', (filter) => {
    expect(parseShared(filter)).toBeNull();
    expect(codeOf(() => checkTopicFilter(filter))).toBe(0x8f);
  });

  it.each(['$share', '$shared/g/a', '/$share/g/a', '$SHARE/g/a', 'a'])('%s is not shared', (filter) => {
    expect(parseShared(filter)).toBeNull();
    expect(codeOf(() => checkTopicFilter(filter))).toBeUndefined();
  });

  it('has the same filters as subscriptions that are not shared', () => {
    const level = fc.constantFrom('', 'a', '+', '#', 'a+', '$SYS');
    const filter = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
    fc.assert(
      fc.property(filter, (inner) => {
        const shared = codeOf(() => checkTopicFilter(`$share/g/${inner}`));
        expect(shared).toBe(codeOf(() => checkTopicFilter(inner)));
      }),
    );
    expect(codeOf(() => checkTopicFilter(`$share/g/${'/'.repeat(199)}`))).toBeUndefined();
    expect(codeOf(() => checkTopicFilter(`$share/g/${'/'.repeat(200)}`))).toBe(0x8f);
  });
});

describe('topic names', () => {
  it('are of 200 levels at most, without wildcards, and not empty [MQTT-4.7.0-1, MQTT-4.7.3-1]', () => {
    for (const bad of ['', '#', 'a/+', '/'.repeat(200)]) expect(codeOf(() => checkTopicName(bad))).toBe(0x90);
    for (const good of ['/', ' ', '/'.repeat(199), '$share/g/a']) {
      expect(codeOf(() => checkTopicName(good))).toBeUndefined();
    }
  });
});
