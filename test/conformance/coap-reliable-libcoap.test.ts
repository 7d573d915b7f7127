/** RFC 8323 with Debian's libcoap, both roles, over TCP and over TLS with both of its libraries. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { codeOf } from '../../core/base/errors.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { onePair, pduAt } from '../support/coap-plugtest-checks.ts';
import {
  LibcoapServer,
  missingLibcoap,
  parsePdus,
  runCoapClient,
  valuesOf,
} from '../support/coap-plugtest-libcoap.ts';
import type { ClientRun, Pdu } from '../support/coap-plugtest-libcoap.ts';
import { largeBody } from '../support/coap-plugtest-resources.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { makePlugtestCertificates, serverTlsArgs } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';

const RELIABLE_WAYS = ['tcp', 'openssl', 'gnutls'] as const;
const missing = missingLibcoap(...RELIABLE_WAYS);

/** What comes after the token, on both sides of each step in the form of the length (RFC 8323 §3.2). */
const BODY_BYTES = [12, 13, 268, 269, 65_804, 65_805];

function frameBytes(tokenBytes: number, bodyBytes: number): number {
  const extended = bodyBytes < 13 ? 0 : bodyBytes < 269 ? 1 : bodyBytes < 65_805 ? 2 : 4;
  return 1 + extended + 1 + tokenBytes + bodyBytes;
}

/** libcoap says how much it took in at once: of a long message only the last piece. */
function expectBytes(pdu: Pdu, bodyBytes: number): void {
  if (bodyBytes < 1_000) expect(pdu.bytes).toBe(frameBytes(pdu.token.length / 2, bodyBytes));
}

/** libcoap 4.3.1 with GnuTLS sends no more than the first 16 KiB of a message, not even to itself. */
const GNUTLS_BYTES = 16_000;

let certificates: PlugtestCertificates;
let strangers: PlugtestCertificates;
let server: PlugtestServer;
let endpoint: CoapEndpoint;
let trusted: string;
let folder: string;
beforeAll(async () => {
  if (missing.length > 0) return;
  folder = mkdtempSync(join(tmpdir(), 'plugtest-'));
  certificates = makePlugtestCertificates();
  strangers = makePlugtestCertificates();
  server = await PlugtestServer.start({ reliable: true, certificates });
  trusted = certificates.ca;
  endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 10,
    tlsFor: () => ({ ca: [trusted] }),
  });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
});
afterAll(async () => {
  await endpoint?.stop();
  await server?.stop();
  certificates?.remove();
  strangers?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function startLibcoap(way: (typeof RELIABLE_WAYS)[number], ...args: string[]): Promise<LibcoapServer> {
  return LibcoapServer.start(way, '-d', '20', ...serverTlsArgs(way, certificates), ...args);
}

function ask(
  way: (typeof RELIABLE_WAYS)[number],
  path: string,
  args: string[],
  ca = certificates.files.ca,
): Promise<ClientRun> {
  const { clientCert, clientKey } = certificates.files;
  const tls = way === 'tcp' ? [] : ['-R', ca, '-c', clientCert, '-j', clientKey];
  return runCoapClient(way, [...tls, ...args, `${server.base(way)}${path}`]);
}

/** The first message that came from the other end is its CSM. */
function expectFirstIsCsm(pdus: Pdu[], way: Pdu['way'], size: string): void {
  const [first] = pdus.filter((pdu) => pdu.way === way);
  expect([first?.code, first?.options]).toEqual([
    'CSM',
    [['Max-Message-Size', size], ['Block-Wise-Transfer', '']],
  ]); // prettier-ignore
}

describe.skipIf(missing.length > 0).each(RELIABLE_WAYS)('our client and libcoap over %s', (way) => {
  const small = way === 'gnutls' ? { blockBytes: 1_024 } : {};

  test('RFC 8323 §3.2, RFC 8323 §5.3: our CSM comes first, and lengths in every form', async () => {
    const libcoap = await startLibcoap(way);
    try {
      // So that our CSM and the first request do not come together.
      await endpoint.ping(libcoap.base);
      for (const bodyBytes of BODY_BYTES) {
        // Uri-Path of one letter, Content-Format 42, payload marker: 2 + 2 + 1 bytes.
        const payload = largeBody(bodyBytes - 5);
        const put = { method: 'PUT', payload, contentFormat: 42 } as const;
        expect((await endpoint.request(`${libcoap.base}/x`, put)).code).toMatch(/^2\.0[14]$/);
        const [request] = onePair(await libcoap.take(2));
        expectBytes(request, bodyBytes);
        const back = await endpoint.request(`${libcoap.base}/x`, small);
        expect(Buffer.compare(back.payload, payload)).toBe(0);
        await libcoap.take(2 * back.blocks);
      }
      expectFirstIsCsm(libcoap.pdus, 'received', '263296');
    } finally {
      await libcoap.stop();
    }
  });

  test('RFC 8323 §5.3.1, RFC 8323 §6: no message is larger than the server takes, bodies go in blocks', async () => {
    const libcoap = await startLibcoap(way, '-X', '4096');
    try {
      const payload = largeBody(20_000);
      const put = { method: 'PUT', payload, contentFormat: 42 } as const;
      expect((await endpoint.request(`${libcoap.base}/x`, put)).code).toMatch(/^2\.0[14]$/);
      // BERT: three of 1,024 bytes at a time.
      const blocks = libcoap.pdus.flatMap((one) => (one.code === 'PUT' ? valuesOf(one, 'Block1') : []));
      expect(blocks).toEqual([
        ...[0, 3, 6, 9, 12, 15].map((number) => `${number}/M/BERT(3072)`),
        '18/_/BERT(1568)',
      ]);
      const back = await endpoint.request(`${libcoap.base}/x`, small);
      expect(Buffer.compare(back.payload, payload)).toBe(0);
    } finally {
      await libcoap.stop();
    }
  });
});

describe.skipIf(missing.length > 0).each(RELIABLE_WAYS)('our server and libcoap over %s', (way) => {
  test('RFC 8323 §3.2, RFC 8323 §5.3: our CSM comes first, and lengths in every form', async () => {
    for (const bodyBytes of BODY_BYTES) {
      // ETag of two bytes, Content-Format 0, payload marker: 3 + 1 + 1 bytes.
      const payload = largeBody(bodyBytes - 5);
      server.resources.stored.set('test', { payload, contentFormat: 0 });
      const { pdus, printed, shownBytes } = await ask(way, '/test', []);
      const [, answer] = onePair(pdus);
      expectBytes(answer, bodyBytes);
      expect(Buffer.compare(shownBytes, payload)).toBe(0);
      expectFirstIsCsm(parsePdus(printed), 'received', '263296');
    }
  });

  test('RFC 8323 §5.3.1, RFC 8323 §6: no message is larger than the client takes, bodies come in blocks', async () => {
    const payload = largeBody(20_000);
    server.resources.stored.set('test', { payload, contentFormat: 0 });
    const { pdus, shownBytes } = await ask(way, '/test', ['-X', '4096']);
    const answers = pdus.filter((pdu) => pdu.way === 'received');
    expect(answers.flatMap((one) => valuesOf(one, 'Block2'))).toEqual([
      ...[0, 3, 6, 9, 12, 15].map((number) => `${number}/M/BERT(3072)`),
      '18/_/BERT(1568)',
    ]);
    expect([pduAt(answers, 0).code, Buffer.compare(shownBytes, payload)]).toEqual(['2.05', 0]);
  });

  test('RFC 8323 §3.2: a large body comes in as it was', async () => {
    const file = join(folder, 'body');
    const payload = largeBody(way === 'gnutls' ? GNUTLS_BYTES : 70_000);
    writeFileSync(file, payload);
    const { complaint } = await ask(way, '/test', ['-m', 'put', '-t', '0', '-f', file]);
    expect(complaint).toBe('');
    expect(Buffer.compare(server.resources.stored.get('test')!.payload, payload)).toBe(0);
  });
});

describe.skipIf(missing.length > 0).each(['openssl', 'gnutls'] as const)(
  'certificates and libcoap over %s',
  (way) => {
    test('RFC 8323 §9.1: a server whose certificate is not known is asked nothing by us', async () => {
      const libcoap = await startLibcoap(way);
      trusted = strangers.ca;
      try {
        expect(await endpoint.request(`${libcoap.base}/time`).catch(codeOf)).toBe('coap.tls');
        expect(libcoap.pdus.filter(({ code }) => code === 'GET')).toEqual([]);
      } finally {
        trusted = certificates.ca;
        await libcoap.stop();
      }
    });

    test('RFC 8323 §9.1: nor are we by libcoap', async () => {
      server.resources.reset();
      const { pdus } = await ask(way, '/test', ['-B', '3'], strangers.files.ca);
      expect([pdus.filter((pdu) => pdu.way === 'received'), server.resources.asked]).toEqual([[], []]);
    });
  },
);
