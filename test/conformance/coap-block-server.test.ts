/** ETSI's BLOCK cases with our server and Debian's libcoap client, over UDP, TCP and TLS. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { blocksOf, expectEachAnswered, pairsOf } from '../support/coap-plugtest-blocks.ts';
import { WAYS, missingLibcoap, runCoapClient, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import type { ClientRun } from '../support/coap-plugtest-libcoap.ts';
import { LARGE_BYTES, largeBody } from '../support/coap-plugtest-resources.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { clientTlsArgs, makePlugtestCertificates } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';

const missing = missingLibcoap(...WAYS);
const body = largeBody(LARGE_BYTES);

let server: PlugtestServer;
let certificates: PlugtestCertificates;
let folder: string;
let file: string;
beforeAll(async () => {
  if (missing.length > 0) return;
  certificates = makePlugtestCertificates();
  server = await PlugtestServer.start({ reliable: true, certificates });
  folder = mkdtempSync(join(tmpdir(), 'coap-block-'));
  file = join(folder, 'body');
  writeFileSync(file, body);
});
afterAll(async () => {
  await server?.stop();
  certificates?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});
beforeEach(() => server?.resources.reset());

/** Requests with blocks of that size: how many, and what each and its answer say. */
function blocks(size: number): { count: number; down: string[][]; up: string[][] } {
  const count = Math.ceil(LARGE_BYTES / size);
  const mark = (nth: number) => (nth < count - 1 ? 'M' : '_');
  const numbers = Array.from({ length: count }, (_, nth) => nth);
  return {
    count,
    down: numbers.map((nth) => [`${nth}/_/${size}`, `${nth}/${mark(nth)}/${size}`]),
    up: numbers.map((nth) => [`${nth}/${mark(nth)}/${size}`, `${nth}/${mark(nth)}/${size}`]),
  };
}

describe.skipIf(missing.length > 0).each(WAYS)('our server and libcoap over %s', (way) => {
  const isUdp = way === 'udp';
  function ask(path: string, ...args: string[]): Promise<ClientRun> {
    const tls = clientTlsArgs(way, certificates);
    return runCoapClient(way, [...tls, ...args, `${server.base(way)}${path}`]);
  }

  test.each([
    ['TD_COAP_BLOCK_01: GET by blocks, asked for from the start', 256],
    ['TD_COAP_BLOCK_06: GET by blocks of 16 bytes, asked for from the start', 16],
  ])('%s', async (_, size) => {
    const { pdus, shownBytes, complaint } = await ask('/large', '-b', String(size));
    const { count, down } = blocks(size);
    expect([complaint, Buffer.compare(shownBytes, body)]).toEqual(['', 0]);
    expectEachAnswered(pdus, 'GET', '2.05');
    expect(blocksOf(pdus, 'Block2')).toEqual(down);
    const etags = pdus.filter((pdu) => pdu.way === 'received').flatMap((pdu) => valuesOf(pdu, 'ETag'));
    expect([etags.length, new Set(etags).size]).toEqual([count, 1]);
    // The resource was asked once: all blocks are of one representation.
    expect(server.resources.asked).toHaveLength(1);
  });

  test('TD_COAP_BLOCK_02: GET by blocks, as we want it', async () => {
    const { pdus, shownBytes } = await ask('/large');
    expect(Buffer.compare(shownBytes, body)).toBe(0);
    expectEachAnswered(pdus, 'GET', '2.05');
    const asked = [['', '0/M/1024'], ...blocks(1_024).down.slice(1)];
    // Over TCP and TLS nothing has to be split (RFC 8323 §6).
    expect(blocksOf(pdus, 'Block2')).toEqual(isUdp ? asked : [['', '']]);
  });

  test('TD_COAP_BLOCK_03: PUT by blocks', async () => {
    const { pdus, complaint } = await ask('/large-update', '-m', 'put', '-t', '0', '-b', '256', '-f', file);
    expect(complaint).toBe('');
    const { count, up } = blocks(256);
    expect(blocksOf(pdus, 'Block1')).toEqual(up);
    expect(pairsOf(pdus).map(([, answer]) => answer.code)).toEqual([
      ...Array<string>(count - 1).fill('2.31'),
      '2.04',
    ]);
    expect(Buffer.compare(server.resources.stored.get('large-update')!.payload, body)).toBe(0);
    expect(server.resources.asked.map(({ method }) => method)).toEqual(['PUT']);
  });

  test('TD_COAP_BLOCK_04: POST by blocks makes a resource', async () => {
    const { pdus } = await ask('/large-create', '-m', 'post', '-t', '0', '-b', '256', '-f', file);
    const { count, up } = blocks(256);
    expect(blocksOf(pdus, 'Block1')).toEqual(up);
    expect(pairsOf(pdus).map(([, answer]) => answer.code)).toEqual([
      ...Array<string>(count - 1).fill('2.31'),
      '2.01',
    ]);
    expect(valuesOf(pdus.at(-1)!, 'Location-Path')).toEqual(['large-create', '1']);
    expect(Buffer.compare((await ask('/large-create/1')).shownBytes, body)).toBe(0);
  });

  test('TD_COAP_BLOCK_05: POST by blocks, answered by blocks', async () => {
    const { pdus, shown } = await ask('/large-post', '-m', 'post', '-t', '0', '-b', '512', '-f', file);
    expect(shown).toBe(body.toString().toUpperCase());
    const up512 = blocks(512).up;
    const down = blocks(1_024).down.slice(1);
    expect(blocksOf(pdus, 'Block1')).toEqual(isUdp ? [...up512, ...down.map(() => ['', ''])] : up512);
    const answered = [...Array<string>(4).fill('2.31'), ...Array<string>(isUdp ? 3 : 1).fill('2.04')];
    expect(pairsOf(pdus).map(([, answer]) => answer.code)).toEqual(answered);
    // Over TCP and TLS the answer comes whole.
    expect(blocksOf(pdus, 'Block2').slice(4)).toEqual(isUdp ? [['', '0/M/1024'], ...down] : [['', '']]);
    // The resource was asked once, for the whole body.
    expect(server.resources.asked).toHaveLength(1);
  });
});

describe.skipIf(missing.length > 0)('our server takes and gives 64 bytes at most', () => {
  let small: PlugtestServer;
  beforeAll(async () => {
    small = await PlugtestServer.start({ limits: { blockBytes: 64 } });
  });
  afterAll(() => small?.stop());

  test('TD_COAP_BLOCK_01: GET, when larger blocks are asked for', async () => {
    const run = await runCoapClient('udp', ['-b', '256', `${small.base('udp')}/large`]);
    const [first, ...rest] = blocks(64).down;
    expect(Buffer.compare(run.shownBytes, body)).toBe(0);
    expect(blocksOf(run.pdus, 'Block2')).toEqual([['0/_/256', first![1]], ...rest]);
  });

  test('TD_COAP_BLOCK_03: PUT, when larger blocks come', async () => {
    const target = `${small.base('udp')}/large-update`;
    const run = await runCoapClient('udp', ['-m', 'put', '-t', '0', '-b', '256', '-f', file, target]);
    expect(run.complaint).toBe('');
    // The first 256 bytes are four blocks of 64: libcoap goes on with the fifth.
    const rest = blocks(64).up.slice(4);
    expect(blocksOf(run.pdus, 'Block1')).toEqual([['0/M/256', '0/M/64'], ...rest]);
    expect(Buffer.compare(small.resources.stored.get('large-update')!.payload, body)).toBe(0);
  });
});
