import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AclRule } from '../contract/security.ts';
import { CompiledAcl } from './acl.ts';
import { covers, overlaps, substituted } from './acl-filter.ts';

/** `+p a/b`: allow publish; `-s`: deny subscribe; `+b`: allow both. */
function rules(...lines: string[]): AclRule[] {
  return lines.map((line) => ({
    effect: line[0] === '+' ? 'allow' : 'deny',
    action: ({ p: 'publish', s: 'subscribe', b: 'both' } as const)[line[1] as 'p' | 's' | 'b'],
    filter: line.slice(3),
  }));
}

const acl = (...lines: string[]): CompiledAcl =>
  new CompiledAcl(rules(...lines).map((rule) => ({ role: 'role', rule })));
const ann = { clientId: 'pump-7', username: 'ann' };

describe('rules for PUBLISH', () => {
  it('say no where none fits', () => {
    expect(acl().allows('publish', 'a', ann)).toBe(false);
    expect(acl('+p a').allows('publish', 'b', ann)).toBe(false);
    expect(acl('+s a').allows('publish', 'a', ann)).toBe(false);
  });

  it('let the first that fits decide', () => {
    const one = acl('-p plant/secret/#', '+p plant/#', '-p plant/hall/1');
    expect(one.allows('publish', 'plant/hall/1', ann)).toBe(true);
    expect(one.allows('publish', 'plant', ann)).toBe(true);
    expect(one.allows('publish', 'plant/secret', ann)).toBe(false);
    expect(one.allows('publish', 'plant/secret/a/b', ann)).toBe(false);
    expect(one.deciding('publish', 'plant/secret', ann)?.rule.filter).toBe('plant/secret/#');
  });

  it('know client and user, as a whole level or in one', () => {
    const one = acl('+p dev/%c/up', '+p %u/#', '+p x/dev-%c-of-%u/y');
    for (const topic of ['dev/pump-7/up', 'ann/anything/at/all', 'ann', 'x/dev-pump-7-of-ann/y']) {
      expect([topic, one.allows('publish', topic, ann)]).toEqual([topic, true]);
    }
    for (const topic of ['dev/pump-8/up', 'bob/x', 'x/dev-pump-7-of-bob/y', 'dev/%c/up']) {
      expect([topic, one.allows('publish', topic, ann)]).toEqual([topic, false]);
    }
    expect(one.allows('publish', 'null/x', { clientId: 'c', username: null })).toBe(false);
  });

  it.each(['+', '#', 'a/b', ''])('give a client that calls itself %j nothing of others', (clientId) => {
    const one = acl('+b dev/%c/#', '+b x%c');
    const sly = { clientId, username: 'ann' };
    for (const topic of ['dev/other/x', 'dev/a/b', 'dev/a/b/x', 'dev//x', 'dev/+/x', 'x', 'xa/b']) {
      if (!/[+#]/.test(topic)) expect([topic, one.allows('publish', topic, sly)]).toEqual([topic, false]);
      expect([topic, one.allows('subscribe', topic, sly)]).toEqual([topic, false]);
    }
    for (const filter of ['dev/#', 'dev/+/#', '#', 'dev/+/x', 'x+', 'dev//#']) {
      expect([filter, one.allows('subscribe', filter, sly)]).toEqual([filter, false]);
    }
  });

  it('[MQTT-4.7.2-1] do not reach reserved topics with a wildcard, nor with a client id', () => {
    const one = acl('+b #', '+b +/x', '+b %c/#');
    const sly = { clientId: '$SYS', username: null };
    for (const topic of ['$SYS/broker/uptime', '$SYS/x', '$SYS']) {
      expect([topic, one.allows('publish', topic, sly)]).toEqual([topic, false]);
      expect([topic, one.allows('subscribe', topic, sly)]).toEqual([topic, false]);
    }
    expect(one.allows('subscribe', '$SYS/#', sly)).toBe(false);
    expect(acl('+s $SYS/#').allows('subscribe', '$SYS/broker/#', ann)).toBe(true);
  });
});

describe('rules for SUBSCRIBE', () => {
  it('allow what they cover whole, and nothing beyond', () => {
    const one = acl('+s plant/+/temp', '+s hall/#');
    for (const filter of ['plant/+/temp', 'plant/3/temp', 'hall/#', 'hall/+/x', 'hall']) {
      expect([filter, one.allows('subscribe', filter, ann)]).toEqual([filter, true]);
    }
    for (const filter of ['plant/#', 'plant/+/+', '+/3/temp', '#', 'hal/#']) {
      expect([filter, one.allows('subscribe', filter, ann)]).toEqual([filter, false]);
    }
  });

  it('refuse what shares a topic with a denial before, also in part', () => {
    const one = acl('-s plant/secret', '+s plant/#');
    expect(one.allows('subscribe', 'plant/open', ann)).toBe(true);
    for (const filter of ['plant/secret', 'plant/+', 'plant/#', '#', '+/secret']) {
      expect([filter, one.allows('subscribe', filter, ann)]).toEqual([filter, false]);
    }
    expect(one.deciding('subscribe', 'plant/#', ann)?.rule.effect).toBe('deny');
    expect(acl('+s plant/#', '-s plant/secret').allows('subscribe', 'plant/#', ann)).toBe(true);
  });

  it('do not let one subscribe as a wildcard to what is named by the client', () => {
    const one = acl('+s dev/%c/#');
    expect(one.allows('subscribe', 'dev/pump-7/#', ann)).toBe(true);
    expect(one.allows('subscribe', 'dev/+/#', ann)).toBe(false);
  });
});

describe('the tree of rules', () => {
  const level = fc.constantFrom('a', 'b', '+', '%c', 'x%u', '$x', '');
  const rule = fc.record({
    effect: fc.constantFrom('allow', 'deny'),
    action: fc.constantFrom('publish', 'subscribe', 'both'),
    filter: fc
      .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([levels, hash]) => [...levels, ...(hash ? ['#'] : [])].join('/')),
  });
  const topic = fc
    .array(fc.constantFrom('a', 'b', 'xann', '$x', ''), { minLength: 1, maxLength: 4 })
    .map((levels) => levels.join('/'))
    .filter((text) => text !== '');
  const subject = fc.record({
    clientId: fc.constantFrom('a', '$x', '+', ''),
    username: fc.constantFrom('ann', null),
  });

  it('answers as a walk along the list does', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 12 }), topic, subject, (list, name, who) => {
        const compiled = new CompiledAcl(list.map((one) => ({ role: 'r', rule: one })));
        for (const action of ['publish', 'subscribe'] as const) {
          const first = list.find(({ action: own, effect, filter }) => {
            const levels = filter.split('/').map((text, index) => substituted(text, who, index === 0));
            if (levels.includes(null) || (own !== action && own !== 'both')) return false;
            const fits = action === 'publish' || effect === 'allow' ? covers : overlaps;
            return fits(levels as string[], name.split('/'));
          });
          expect(compiled.deciding(action, name, who)?.rule).toEqual(first);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('tells the role of the rule that decides', () => {
    const [one, other] = rules('-p a', '+p #');
    const compiled = new CompiledAcl([
      { role: 'first', rule: one! },
      { role: 'second', rule: other! },
    ]);
    expect(compiled.deciding('publish', 'a', ann)?.role).toBe('first');
    expect(compiled.deciding('publish', 'b', ann)?.role).toBe('second');
    expect(compiled.deciding('subscribe', 'b', ann)).toBeNull();
  });
});
