/** ETSI's LINK cases with our server and Debian's libcoap client, over UDP, TCP and TLS. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectAnswerOf, onePair } from '../support/coap-plugtest-checks.ts';
import { WAYS, missingLibcoap, runCoapClient, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { clientTlsArgs, makePlugtestCertificates } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';

const missing = missingLibcoap(...WAYS);

let server: PlugtestServer;
let certificates: PlugtestCertificates;
beforeAll(async () => {
  if (missing.length > 0) return;
  certificates = makePlugtestCertificates();
  server = await PlugtestServer.start({ reliable: true, certificates });
});
afterAll(async () => {
  await server?.stop();
  certificates?.remove();
});

describe.skipIf(missing.length > 0).each(WAYS)('our server and libcoap over %s', (way) => {
  /** The links that libcoap shows for `/.well-known/core` with that query. */
  async function links(query = ''): Promise<string[]> {
    const tls = clientTlsArgs(way, certificates);
    const path = `/.well-known/core${query === '' ? '' : `?${query}`}`;
    const { pdus, shown } = await runCoapClient(way, [...tls, `${server.base(way)}${path}`]);
    const [request, answer] = onePair(pdus);
    expect(valuesOf(request, 'Uri-Path')).toEqual(['.well-known', 'core']);
    expect(valuesOf(request, 'Uri-Query')).toEqual(query === '' ? [] : [query]);
    expectAnswerOf(request, answer);
    expect([answer.code, valuesOf(answer, 'Content-Format')]).toEqual(['2.05', ['application/link-format']]);
    return shown === '' ? [] : shown.split(',');
  }

  async function fetched(path: string): Promise<{ format: string[]; shown: string }> {
    const tls = clientTlsArgs(way, certificates);
    const { pdus, shown } = await runCoapClient(way, [...tls, `${server.base(way)}${path}`]);
    return { format: valuesOf(onePair(pdus)[1], 'Content-Format'), shown };
  }

  const LINK1 = '</link1>;rt="Type1 Type2";if="If1"';
  const LINK2 = '</link2>;rt="Type2 Type3";if="If2"';
  const LINK3 = '</link3>;rt="Type1 Type3";if="foo"';
  const LARGE = '</large>;rt="block";sz=2500;ct=0';
  const OBSERVABLE = ['obs', 'obs-non', 'obs-pumping', 'obs-pumping-non', 'obs-large'].map(
    (name) => `</${name}>;rt="observe";obs`,
  );
  const UNTYPED = ['</test>;ct=0', '</untyped>;ct=0', '</path>;ct=40'];

  test('TD_COAP_LINK_01: all links', async () => {
    const all = [LINK1, LINK2, LINK3, LARGE, ...OBSERVABLE, ...UNTYPED];
    expect((await links()).sort()).toEqual(all.sort());
  });

  test('TD_COAP_LINK_02: those of one type', async () => {
    expect(await links('rt=block')).toEqual([LARGE]);
    expect(await links('rt=nothing')).toEqual([]);
  });

  test('TD_COAP_LINK_03: those that have a type, by an empty prefix', async () => {
    expect((await links('rt=*')).sort()).toEqual([LINK1, LINK2, LINK3, LARGE, ...OBSERVABLE].sort());
  });

  test('TD_COAP_LINK_04: one of several types', async () => {
    expect(await links('rt=Type2')).toEqual([LINK1, LINK2]);
    expect(await links('rt=Type')).toEqual([]);
  });

  test('TD_COAP_LINK_05: interfaces by their beginning', async () => {
    expect(await links('if=If*')).toEqual([LINK1, LINK2]);
  });

  test('TD_COAP_LINK_06: those that say their size', async () => {
    expect(await links('sz=*')).toEqual([LARGE]);
  });

  test('TD_COAP_LINK_07: one target', async () => {
    expect(await links('href=/link1')).toEqual([LINK1]);
  });

  test('TD_COAP_LINK_08: targets by their beginning', async () => {
    expect(await links('href=/link*')).toEqual([LINK1, LINK2, LINK3]);
  });

  test('TD_COAP_LINK_09: a list that leads to a list', async () => {
    expect(await links('href=/path*')).toEqual(['</path>;ct=40']);
    const list = await fetched('/path');
    expect(list).toEqual({
      format: ['application/link-format'],
      shown: '</path/sub1>,</path/sub2>,</path/sub3>',
    });
    expect((await fetched('/path/sub1')).shown).toBe('/path/sub1');
  });
});
