/** ETSI's LINK cases with our client: Debian's libcoap server, and octets for the links that it does not have. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import type { Link } from '../../core/coap/links/link-format.ts';
import { ByteServer, hexOf } from '../support/coap-plugtest-bytes.ts';
import { expectAnswerOf, onePair } from '../support/coap-plugtest-checks.ts';
import { LibcoapServer, WAYS, missingLibcoap, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import { makePlugtestCertificates, serverTlsArgs } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';

const missing = missingLibcoap(...WAYS);

let certificates: PlugtestCertificates;
let endpoint: CoapEndpoint;
beforeAll(async () => {
  if (missing.length === 0) certificates = makePlugtestCertificates();
  endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 10,
    tlsFor: () => ({ ca: [certificates.ca] }),
  });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await endpoint.stop();
  certificates?.remove();
});

const paths = (links: Link[]): string[] => links.map(({ path }) => path);

describe.skipIf(missing.length > 0).each(WAYS)('our client and libcoap over %s', (way) => {
  let libcoap: LibcoapServer;
  beforeAll(async () => {
    libcoap = await LibcoapServer.start(way, ...serverTlsArgs(way, certificates));
  });
  afterAll(() => libcoap?.stop());

  /** What we find, after libcoap has confirmed that it was asked with that query and answered as it should. */
  async function found(query = ''): Promise<Link[]> {
    const uri = query === '' ? libcoap.base : `${libcoap.base}/.well-known/core?${query}`;
    const links = await endpoint.discover(uri);
    const [request, answer] = onePair(await libcoap.take(2));
    expect([request.code, valuesOf(request, 'Uri-Path')]).toEqual(['GET', ['.well-known', 'core']]);
    expect(valuesOf(request, 'Uri-Query')).toEqual(query === '' ? [] : [query]);
    expectAnswerOf(request, answer);
    // libcoap gives an empty list no format.
    const format = links.length === 0 ? [] : ['application/link-format'];
    expect([answer.code, valuesOf(answer, 'Content-Format')]).toEqual(['2.05', format]);
    return links;
  }

  test('TD_COAP_LINK_01: all links', async () => {
    const links = await found();
    expect(paths(links)).toEqual(['/', '/time', '/async', '/example_data']);
    expect(links[1]).toMatchObject({
      uri: `${libcoap.base}/time`,
      observable: true,
      attributes: { if: 'clock', rt: 'ticks', title: 'Internal Clock', ct: '0' },
    });
  });

  test('TD_COAP_LINK_02: those of one type', async () => {
    expect(paths(await found('rt=ticks'))).toEqual(['/time']);
    expect(await found('rt=nothing')).toEqual([]);
  });

  test('TD_COAP_LINK_03: those that have a type, by an empty prefix', async () => {
    expect(paths(await found('rt=*'))).toEqual(['/time']);
  });

  test('TD_COAP_LINK_05: interfaces by their beginning', async () => {
    expect(paths(await found('if=clo*'))).toEqual(['/time']);
  });

  test('TD_COAP_LINK_07: one target', async () => {
    expect(paths(await found('href=/async'))).toEqual(['/async']);
  });

  test('TD_COAP_LINK_08: targets by their beginning', async () => {
    expect(paths(await found('href=/ti*'))).toEqual(['/time']);
  });
});

describe.each(['udp', 'tcp'] as const)('our client and octets over %s', (transport) => {
  let server: ByteServer;
  afterEach(() => server.stop());

  /** Content-Format 40, or 0, and that text. */
  const list = (links: string) => ({ code: '45', rest: `c128ff${hexOf(links)}` });
  const plain = (text: string) => ({ code: '45', rest: `c0ff${hexOf(text)}` });
  /** Uri-Path `.well-known` and `core`, Uri-Query where there is one, Accept 40. */
  const asks = (query: string): string =>
    `bb${hexOf('.well-known')}04${hexOf('core')}` +
    (query === '' ? '6128' : `4${query.length.toString(16)}${hexOf(query)}2128`);

  test.each([
    ['TD_COAP_LINK_04: one of several types', 'rt=Type2', '</a>;rt="Type1 Type2",</b>;rt="Type2 Type3"'],
    ['TD_COAP_LINK_06: those that say their size', 'sz=*', '</a>;sz=2500,</b>;sz=100000'],
  ])('%s', async (_, query, links) => {
    server = await ByteServer.start(transport, () => list(links));
    const found = await endpoint.discover(`${server.base}/.well-known/core?${query}`);
    expect(server.requests.map(({ code, rest }) => [code, rest])).toEqual([['01', asks(query)]]);
    expect(found.map(({ uri }) => uri)).toEqual([`${server.base}/a`, `${server.base}/b`]);
    expect(found.map(({ attributes }) => attributes)).toEqual(
      query.startsWith('rt')
        ? [{ rt: 'Type1 Type2' }, { rt: 'Type2 Type3' }]
        : [{ sz: '2500' }, { sz: '100000' }],
    );
  });

  test('TD_COAP_LINK_09: a list that leads to a list', async () => {
    server = await ByteServer.start(transport, (_, nth) =>
      [list('</path>;ct=40'), list('</path/sub1>,</path/sub2>'), plain('/path/sub1')].at(nth),
    );
    const [path] = await endpoint.discover(server.base);
    expect([path?.uri, path?.attributes]).toEqual([`${server.base}/path`, { ct: '40' }]);
    const subs = await endpoint.discover(path!.uri);
    expect(paths(subs)).toEqual(['/path/sub1', '/path/sub2']);
    const sub = await endpoint.request(subs[0]!.uri);
    expect(Buffer.from(sub.payload).toString()).toBe('/path/sub1');
    expect(server.requests.map(({ rest }) => rest)).toEqual([
      asks(''),
      `b4${hexOf('path')}6128`,
      `b4${hexOf('path')}04${hexOf('sub1')}`,
    ]);
  });
});
