import { describe, expect, it } from 'vitest';
import { ACCEPT, uintOption } from '../codec/options.ts';
import { ServerBench, textResource } from './incoming-for-tests.ts';

describe('/.well-known/core', () => {
  const bench = new ServerBench();
  bench.server.add('t', {
    ...textResource('21'),
    links: () => [
      {
        target: '/t',
        attributes: [
          ['rt', 'temperature'],
          ['obs', ''],
        ],
      },
    ],
  });
  bench.server.add('h', {
    ...textResource('40'),
    links: () => [{ target: '/h', attributes: [['rt', 'humidity']] }],
  });
  bench.server.add('hidden', textResource(''));
  const ask = (asking = {}) => bench.say('GET', { path: '.well-known/core', ...asking });

  it('lists what has links, filtered by the query', () => {
    const { answers } = bench.ask('GET', { path: '.well-known/core' });
    const all = new TextDecoder().decode(answers[0]!.payload);
    expect(all).toBe('</t>;rt="temperature";obs,</h>;rt="humidity"');
    expect(ask({ query: ['rt=hum*'] })).toBe(
      '2.05 Content-Format=40 (application/link-format) "</h>;rt=\\"humidity\\""',
    );
    expect(ask({ query: ['rt=none'] })).toBe('2.05 Content-Format=40 (application/link-format)');
  });

  it('answers a group only when something matches (RFC 6690 §4.1)', () => {
    const group = { multicast: true, confirmable: false };
    expect(ask({ query: ['rt=none'], ...group })).toBe('silence');
    expect(ask({ query: ['rt=humidity'], ...group })).toMatch(/^2\.05/);
  });

  it('is a link list and can only be read', () => {
    expect(ask({ more: [uintOption(ACCEPT, 40)] })).toMatch(/^2\.05/);
    expect(ask({ more: [uintOption(ACCEPT, 50)] })).toBe('4.06');
    expect(bench.say('PUT', { path: '.well-known/core' })).toBe('4.05');
  });

  it('lists no more than the limit', () => {
    const small = new ServerBench({ limits: { links: 2 } });
    const links = () => Array.from({ length: 5 }, (_, i) => ({ target: `/${i}`, attributes: [] }));
    small.server.add('many', { ...textResource(''), links });
    expect(small.say('GET', { path: '.well-known/core' })).toMatch(/ "<\/0>,<\/1>"$/);
  });
});
