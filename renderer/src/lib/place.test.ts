import { expect, it } from 'vitest';
import { href, parsePlace } from './place.ts';

it('carries any topic through the address and back', () => {
  for (const topic of ['plant/room1', '', '/', 'a//b', '100%', 'ä?#&=/+', '%2F']) {
    expect(parsePlace(href('topics', topic))).toEqual({ page: 'topics', item: topic, query: {} });
  }
});

it('keeps the query apart from the path', () => {
  const address = href('coap', null, { uri: 'coap://[::1]:5683/a?b=c' });
  expect(parsePlace(address)).toEqual({
    page: 'coap',
    item: null,
    query: { uri: 'coap://[::1]:5683/a?b=c' },
  });
});

it('takes an unknown or empty address as the overview, and a lone % as it stands', () => {
  expect(parsePlace('').page).toBe('overview');
  expect(parsePlace('#/nonsense/12').page).toBe('overview');
  expect(parsePlace('#/topics/50%').item).toBe('50%');
});
