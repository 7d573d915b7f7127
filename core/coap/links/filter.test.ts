import { describe, expect, test } from 'vitest';
import { filterLinks, pageOf, splitPaging } from './filter.ts';
import { parseLinkFormat } from './link-format.ts';

/** RFC 6690 §5 and what ETSI's TD_COAP_LINK cases ask of a server. */
const LINKS = parseLinkFormat(
  '</sensors>;ct=40;title="Sensor Index",' +
    '</sensors/temp>;rt="temperature-c";if="sensor";sz=20;obs,' +
    '</sensors/light>;rt="light-lux core.sen-light";if="sensor urn:x:If1";ct="0 41",' +
    '<http://www.example.com/sensors/t123>;anchor="/sensors/temp";rel="describedby",' +
    '</t>;anchor="/sensors/temp";rel="alternate nofollow",' +
    '</f>;rt="firmware v2.1";title="Über*"',
);

const targets = (...query: string[]) => filterLinks(LINKS, query).map((link) => link.target);

describe('one criterion (RFC 6690 §4.1)', () => {
  test.each<[string, string[]]>([
    // TD_COAP_LINK_02 and 04: rt, one value and one of several
    ['rt=temperature-c', ['/sensors/temp']],
    ['rt=core.sen-light', ['/sensors/light']],
    ['rt=light-lux', ['/sensors/light']],
    ['rt=light-lux core.sen-light', ['/sensors/light']],
    ['rt=light', []],
    ['rt=temp*', ['/sensors/temp']],
    ['rt=core.*', ['/sensors/light']],
    // TD_COAP_LINK_03: the empty prefix
    ['rt=*', ['/sensors/temp', '/sensors/light', '/f']],
    // TD_COAP_LINK_05: if, whole and by prefix
    ['if=sensor', ['/sensors/temp', '/sensors/light']],
    ['if=urn:x:If1', ['/sensors/light']],
    ['if=urn*', ['/sensors/light']],
    // TD_COAP_LINK_06: sz
    ['sz=20', ['/sensors/temp']],
    ['sz=*', ['/sensors/temp']],
    ['sz=2', []],
    // TD_COAP_LINK_07 and 08: href, whole and by prefix
    ['href=/sensors/temp', ['/sensors/temp']],
    ['href=/sensors*', ['/sensors', '/sensors/temp', '/sensors/light']],
    ['href=http*', ['http://www.example.com/sensors/t123']],
    ['href=/nowhere', []],
    // TD_COAP_LINK_09: lists of further links
    ['ct=40', ['/sensors']],
    ['ct=41', ['/sensors/light']],
    ['title=Sensor', []],
    ['title=Sensor Index', ['/sensors']],
    ['title=Über**', ['/f']],
    ['anchor=/sensors/temp', ['http://www.example.com/sensors/t123', '/t']],
    ['rel=describedby', ['http://www.example.com/sensors/t123']],
    ['rel=nofollow', ['/t']],
    ['rel=hosts', ['/sensors', '/sensors/temp', '/sensors/light', '/f']],
    ['obs', ['/sensors/temp']],
    ['obs=', ['/sensors/temp']],
    ['RT=temperature-c', ['/sensors/temp']],
    ['rt=TEMPERATURE-C', []],
    ['unknown=*', []],
    ['unknown', []],
    ['rt=', []],
  ])('?%s', (query, expected) => expect(targets(query)).toEqual(expected));

  test('no criterion means all, an empty one too', () => {
    expect(filterLinks(LINKS, [])).toEqual(LINKS);
    expect(filterLinks(LINKS, ['', '=x'])).toEqual(LINKS);
  });

  test('a second rt in one link counts for nothing (RFC 6690 §3.1)', () => {
    const links = parseLinkFormat('</a>;rt="x";rt="y";ct=0;ct=41');
    expect(filterLinks(links, ['rt=y'])).toEqual([]);
    expect(filterLinks(links, ['ct=41'])).toEqual(links);
  });
});

test('several criteria must all be met (RFC 9176 §6.2)', () => {
  expect(targets('if=sensor', 'rt=temp*')).toEqual(['/sensors/temp']);
  expect(targets('if=sensor', 'ct=40')).toEqual([]);
});

describe('pages of a lookup (RFC 9176 §6.2)', () => {
  const numbers = [0, 1, 2, 3, 4, 5, 6];
  test.each<[string[], number[]]>([
    [[], numbers],
    [['count=3'], [0, 1, 2]],
    [
      ['page=1', 'count=3'],
      [3, 4, 5],
    ],
    [['count=3', 'page=2'], [6]],
    [['page=9', 'count=3'], []],
    [['count=0'], []],
  ])('%j', (query, expected) => {
    expect(pageOf(numbers, splitPaging(query)!)).toEqual(expected);
  });

  test('the search is what is left over', () => {
    expect(splitPaging(['rt=x', 'page=0', 'count=5', 'pages=1'])).toEqual({
      page: 0,
      count: 5,
      search: ['rt=x', 'pages=1'],
    });
  });

  test.each([['page=1'], ['page=x', 'count=1'], ['count=-1'], ['count='], ['count'], ['count=1', 'count=2']])(
    'refused: %j',
    (...query) => expect(splitPaging(query)).toBeUndefined(),
  );
});
