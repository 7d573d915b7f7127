import { describe, expect, it } from 'vitest';
import type { CoapResource } from '../../../../core/contract/coap.ts';
import { authorityOf, readAddress } from './coap-address.ts';
import { fittingFormats, formatsOf, readFormat, shortFormat } from './content-formats.ts';
import { numberOf } from './payload-view.ts';
import {
  applyDelta,
  buildTree,
  foreignResources,
  keptStill,
  levelsAbove,
  matching,
  visibleNodes,
} from './resource-tree.ts';

function resource(path: string, attributes: Record<string, string> = {}): CoapResource {
  const authority = 'coap://10.0.0.7:5683';
  const uri = authority + path;
  return {
    authority,
    path,
    uri,
    attributes,
    observable: false,
    observation: null,
    last: null,
    seriesIds: [],
  };
}

const read = (text: string) => {
  const address = readAddress(text);
  return address.ok ? `${address.authority} ${address.path}` : address.problem;
};

describe('the address bar', () => {
  it('completes what is left out', () => {
    expect(read('10.0.0.7')).toBe('coap://10.0.0.7:5683 /');
    expect(read(' coap://Sensor.local/a/b?x=1 ')).toBe('coap://sensor.local:5683 /a/b?x=1');
    expect(read('coap://[fe80::1%eth0]:9999/t')).toBe('coap://[fe80::1%25eth0]:9999 /t');
    expect(read('[FE80::1%25Wlan0]')).toBe('coap://[fe80::1%25Wlan0]:5683 /');
    expect(read('10.0.0.7?a=1')).toBe('coap://10.0.0.7:5683 /?a=1');
  });

  it('knows the port of each scheme', () => {
    expect(read('coap+tcp://h/a')).toBe('coap+tcp://h:5683 /a');
    expect(read('COAPS+TCP://h')).toBe('coaps+tcp://h:5684 /');
    expect(read('coap+ws://h')).toBe('coap+ws://h:80 /');
    expect(read('coaps+ws://h/a')).toBe('coaps+ws://h:443 /a');
  });

  it('encodes a path as the station does, so that it is found in the tree', () => {
    expect(read('h/caf\u00e9/a%2fb/%7Eu?q=a"b&c%26')).toBe('coap://h:5683 /caf%C3%A9/a%2Fb/~u?q=a%22b&c%26');
    expect(read('h/100%')).toMatch(/%25/);
  });

  it('tells a server from its root', () => {
    const bare = (text: string) => {
      const address = readAddress(text);
      return address.ok && address.bare;
    };
    expect([bare('coap://h'), bare('coap://h:5683'), bare('coap://h/'), bare('h/a')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(authorityOf('coap+tcp://[::1]:5683/a/b?c')).toBe('coap+tcp://[::1]:5683');
  });

  it('says what is wrong with it', () => {
    expect(read('')).toMatch(/^Enter/);
    expect(read('http://10.0.0.7')).toMatch(/not CoAP/);
    expect(read('coaps://10.0.0.7')).toMatch(/DTLS/);
    expect(read('coap://:5683/a')).toMatch(/missing/);
    expect(read('coap://me@host/a')).toMatch(/user name/);
    expect(read(`h/${'a'.repeat(3_000)}`)).toMatch(/2048/);
    expect(read('10.0.0.7:99999')).toMatch(/1 to 65535/);
    expect(read('10.0.0.7:coap')).toMatch(/1 to 65535/);
    expect(read('fe80::1')).toMatch(/brackets/);
    expect(read('10.0.0.7/a b')).toMatch(/spaces/);
    expect(read('10.0.0.7/a#b')).toMatch(/#/);
  });
});

describe('the resource tree', () => {
  const tree = buildTree([
    resource('/s/10'),
    resource('/s/2'),
    resource('/s'),
    resource('/'),
    resource('/a/b/c'),
  ]);

  it('groups by path levels and counts as people do', () => {
    expect(visibleNodes(tree, () => false).map((node) => `${node.depth} ${node.path}`)).toEqual([
      '0 /',
      '0 /a',
      '1 /a/b',
      '2 /a/b/c',
      '0 /s',
      '1 /s/2',
      '1 /s/10',
    ]);
  });

  it('knows levels with and without a resource', () => {
    const has = visibleNodes(tree, () => false).map((node) => node.resource !== null);
    expect(has).toEqual([true, false, false, true, true, true, true]);
  });

  it('keeps resources apart that differ in the query alone', () => {
    const twice = buildTree([resource('/t'), { ...resource('/t'), uri: 'coap://10.0.0.7:5683/t?unit=F' }]);
    expect(twice.map((node) => node.level)).toEqual(['t', 't?unit=F']);
  });

  it('hides what is below a closed level', () => {
    expect(visibleNodes(tree, ({ path }) => ['/a', '/s'].includes(path)).map((node) => node.path)).toEqual([
      '/',
      '/a',
      '/s',
    ]);
  });

  it('finds by path, title, type and interface', () => {
    const all = [
      resource('/x', { rt: 'temperature' }),
      resource('/y', { title: 'Outer TEMP' }),
      resource('/z'),
    ];
    expect(matching(all, 'temp').map((one) => one.path)).toEqual(['/x', '/y']);
    expect(matching(all, ' ')).toHaveLength(3);
  });

  it('puts links of other servers below their server, last', () => {
    const [foreign] = foreignResources('coap://10.0.0.7:5683', [
      { uri: 'coap://10.0.0.7:5683/own', path: '/own', attributes: {}, observable: false },
      { uri: 'coap://10.0.0.9:5683/far/out', path: '/far/out', attributes: {}, observable: false },
    ]);
    const nodes = visibleNodes(buildTree([foreign!, resource('/z')]), () => false);
    expect(nodes.map(({ path, foreign: other, count }) => `${path} ${other} ${count}`)).toEqual([
      '/z false 1',
      'coap://10.0.0.9:5683 true 1',
      'coap://10.0.0.9:5683/far true 1',
      'coap://10.0.0.9:5683/far/out true 1',
    ]);
    expect(levelsAbove(foreign!)).toEqual(['coap://10.0.0.9:5683', 'coap://10.0.0.9:5683/far']);
    expect(levelsAbove(resource('/a/b/c'))).toEqual(['/a', '/a/b']);
  });

  it('holds its lines still under the pointer, with what is new in them', () => {
    const still = keptStill([resource('/a'), resource('/b')], [resource('/b', { rt: 'x' }), resource('/c')]);
    expect(still.map((one) => `${one.path}${one.attributes['rt'] ?? ''}`)).toEqual(['/a', '/bx']);
  });

  it('takes deltas in', () => {
    const next = applyDelta([resource('/a'), resource('/b')], {
      upsert: [resource('/b', { rt: 'x' }), resource('/c')],
      removed: ['coap://10.0.0.7:5683/a'],
    });
    expect(next.map((one) => `${one.path}${one.attributes['rt'] ?? ''}`)).toEqual(['/bx', '/c']);
  });
});

describe('formats and payloads', () => {
  it('names content formats, several too', () => {
    expect(shortFormat(50)).toBe('JSON');
    expect(shortFormat(4711)).toBe('4711');
    expect(formatsOf('0 50 4711')).toBe('text, JSON, 4711');
    expect(formatsOf(undefined)).toBe('');
  });

  it('reads a format by number, name or media type', () => {
    expect(['', '50', ' json ', 'JSON (50)', 'application/cbor', '65535'].map(readFormat)).toEqual([
      null,
      50,
      50,
      50,
      60,
      65_535,
    ]);
    expect(['65536', 'yaml', '-1', '5.5'].map(readFormat)).toEqual(Array(4).fill(undefined));
  });

  it('offers what the resource has before the others', () => {
    expect(fittingFormats('senml', [112]).map(({ number }) => number)).toEqual([
      112, 110, 114, 310, 320, 322,
    ]);
  });

  it('finds a number only where there is one', () => {
    expect(['21.5', ' -3 ', '', 'on', null, '1e400'].map(numberOf)).toEqual([
      21.5,
      -3,
      null,
      null,
      null,
      null,
    ]);
  });
});
