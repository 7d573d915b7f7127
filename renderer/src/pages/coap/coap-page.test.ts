import { describe, expect, it } from 'vitest';
import type { CoapResource } from '../../../../core/contract/coap.ts';
import { readAddress, withNewest } from './coap-address.ts';
import { formatsOf, shortFormat } from './content-formats.ts';
import { bytesFromHex, numberOf } from './payload-view.ts';
import { applyDelta, buildTree, matching, visibleNodes } from './resource-tree.ts';

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
  });

  it('says what is wrong with it', () => {
    expect(read('')).toMatch(/^Enter/);
    expect(read('http://10.0.0.7')).toMatch(/not CoAP/);
    expect(read('coaps://10.0.0.7')).toMatch(/DTLS/);
    expect(read('coap://:5683/a')).toMatch(/missing/);
    expect(read('10.0.0.7:99999')).toMatch(/1 to 65535/);
    expect(read('10.0.0.7:coap')).toMatch(/1 to 65535/);
    expect(read('fe80::1')).toMatch(/brackets/);
    expect(read('10.0.0.7/a b')).toMatch(/spaces/);
    expect(read('10.0.0.7/a#b')).toMatch(/#/);
  });

  it('keeps each address once, the newest first', () => {
    expect(withNewest(['a', 'b', 'c'], 'b')).toEqual(['b', 'a', 'c']);
    expect(
      withNewest(
        Array.from({ length: 40 }, (_, i) => `a${i}`),
        'new',
      ),
    ).toHaveLength(12);
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
    expect(visibleNodes(tree, new Set()).map((node) => `${node.depth} ${node.path}`)).toEqual([
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
    const has = visibleNodes(tree, new Set()).map((node) => node.resource !== null);
    expect(has).toEqual([true, false, false, true, true, true, true]);
  });

  it('keeps resources apart that differ in the query alone', () => {
    const twice = buildTree([resource('/t'), { ...resource('/t'), uri: 'coap://10.0.0.7:5683/t?unit=F' }]);
    expect(twice.map((node) => node.level)).toEqual(['t', 't?unit=F']);
  });

  it('hides what is below a closed level', () => {
    expect(visibleNodes(tree, new Set(['/a', '/s'])).map((node) => node.path)).toEqual(['/', '/a', '/s']);
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

  it('reads hex with any spacing and refuses half a byte', () => {
    expect(bytesFromHex('de AD\nbe ef')).toEqual(Uint8Array.of(0xde, 0xad, 0xbe, 0xef));
    expect(bytesFromHex('')).toEqual(new Uint8Array(0));
    expect(bytesFromHex('abc')).toBeNull();
    expect(bytesFromHex('zz')).toBeNull();
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
