/** ETSI's OBS cases with our client and Debian's libcoap server, over UDP, TCP and TLS. */
import { createSocket } from 'node:dgram';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import type { Observation } from '../../core/coap/client/observation.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import type { CoapEndpointOptions } from '../../core/coap/endpoint.ts';
import { ByteServer, hexOf } from '../support/coap-plugtest-bytes.ts';
import { LibcoapServer, WAYS, isSignal, missingLibcoap, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import type { Pdu, Way } from '../support/coap-plugtest-libcoap.ts';
import { expectNotifications, observeOf } from '../support/coap-plugtest-observer.ts';
import { largeBody } from '../support/coap-plugtest-resources.ts';
import { makePlugtestCertificates, serverTlsArgs } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';
import { WireLog, optionValues } from '../support/coap-plugtest-wire.ts';
import { UdpRelay } from '../support/udp-relay.ts';

const missing = missingLibcoap(...WAYS);
const TEXT = 0;

let certificates: PlugtestCertificates;
let endpoint: CoapEndpoint;
let libcoap: LibcoapServer;
/** Everything that was shown to the user of the observation. */
let shown: string[];
let observation: Observation;
let asked = 0;

beforeAll(() => {
  if (missing.length === 0) certificates = makePlugtestCertificates();
});
afterAll(() => certificates?.remove());
beforeEach(async () => {
  shown = [];
  await begin();
});
afterEach(async () => {
  await endpoint.stop();
  await libcoap?.stop();
});

type Patience = Pick<CoapEndpointOptions, 'parameters' | 'observe'>;

/** As patient with a busy machine as RFC 7252 is; what is refused or forgotten is soon asked for again. */
const USUAL: Patience = {
  observe: { staleGraceMinMs: 800, staleGraceMaxMs: 1_200, retryMinMs: 100, retryMaxMs: 300 },
};
/** For a device on the same table: what is lost costs little time. */
const HASTY: Patience = {
  parameters: { ackTimeoutMs: 100, maxRetransmit: 8 },
  observe: { ...USUAL.observe, staleGraceMinMs: 100, staleGraceMaxMs: 200, maxRetransmit: 3 },
};

function newEndpoint(patience = USUAL): CoapEndpoint {
  return new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 5,
    tlsFor: () => ({ ca: [certificates.ca] }),
    ...patience,
  });
}

/** Ours, in place of the one before. */
async function begin(patience?: Patience): Promise<void> {
  await endpoint?.stop();
  endpoint = newEndpoint(patience);
  await endpoint.start({ host: '127.0.0.1', port: 0 });
}

async function start(way: Way, ...args: string[]): Promise<void> {
  libcoap = await LibcoapServer.start(way, '-d', '20', ...serverTlsArgs(way, certificates), ...args);
  // What comes in one piece with the CSM of a new connection is not told by libcoap.
  if (way !== 'udp') await endpoint.ping(libcoap.base);
}

/** Everything that libcoap saw, signals and answers to `put` left out. */
function seen(): Pdu[] {
  return libcoap.pdus.filter((pdu) => !isSignal(pdu));
}

async function put(
  path: string,
  body: string | Uint8Array,
  contentFormat = TEXT,
  how = 'PUT',
): Promise<void> {
  const payload = typeof body === 'string' ? Buffer.from(body) : body;
  const options = { method: how as 'PUT', payload, contentFormat };
  const { code } = await endpoint.request(`${libcoap.base}${path}`, options);
  expect(code).toMatch(/^2\.0[124]$/);
}

async function until(condition: () => boolean, what: string, timeout = 10_000): Promise<void> {
  await expect.poll(condition, { timeout, interval: 5, message: what }).toBe(true);
}

/** libcoap has told all until now: it prints the last message late, and in order. */
async function told(): Promise<void> {
  const path = `nothing-${++asked}`;
  await endpoint.request(`${libcoap.base}/${path}`, { method: 'DELETE' });
  await libcoap.until(
    () => seen().some((pdu) => valuesOf(pdu, 'Uri-Path')[0] === path),
    'libcoap has told it all',
  );
}

/** Begins, and waits for the first answer. */
async function watch(uri: string): Promise<void> {
  observation = endpoint.observe(uri, {}, {
    notification: ({ payload }: CoapResponse) => void shown.push(Buffer.from(payload).toString()),
  }); // prettier-ignore
  await until(() => shown.length > 0, 'the first answer is there');
  await libcoap.until(() => seen().some((pdu) => observeOf(pdu) === 0), 'libcoap tells of it');
}

/** The registration and everything that libcoap sent with its token. */
function relation(): { request: Pdu; answers: Pdu[] } {
  const request = seen().find((pdu) => pdu.code === 'GET' && observeOf(pdu) === 0)!;
  const answers = seen().filter(
    ({ way, token, code }) => way === 'sent' && token === request.token && code !== '0.00',
  );
  return { request, answers };
}

describe.skipIf(missing.length > 0).each(WAYS)('our client and libcoap over %s', (way) => {
  const uri = (path = '/obs') => `${libcoap.base}${path}`;
  /** Of /obs, with two changes heard. */
  async function watching(): Promise<void> {
    await start(way);
    await put('/obs', 'one');
    await watch(uri());
    await put('/obs', 'two');
    await until(() => shown.length === 2, 'the change is shown');
  }

  test('TD_COAP_OBS_01: notifications as CON', async () => {
    await watching();
    await put('/obs', 'three');
    await until(() => shown.length === 3, 'the second change is shown');
    expect(shown).toEqual(['one', 'two', 'three']);
    await libcoap.until(() => relation().answers.length === 3, 'libcoap has told it all');
    await told();
    const { request, answers } = relation();
    expect(request.type).toBe(way === 'udp' ? 'CON' : null);
    expectNotifications(request, answers, 'CON');
    if (way === 'udp') await acknowledged(answers.slice(1));
  });

  test('TD_COAP_OBS_04: the server forgot us', async () => {
    await start(way);
    const { port } = libcoap;
    await watch(uri('/time'));
    await until(() => shown.length >= 2, 'it goes on');
    const before = relation();
    await libcoap.kill();
    const wire = new WireLog(endpoint);
    libcoap = await LibcoapServer.startAt(port, way, ...serverTlsArgs(way, certificates));
    const had = shown.length;
    await until(() => shown.length >= had + 2, 'it goes on with the new server');
    expect(observation.state).toBe('active');
    if (way !== 'udp') {
      // The end of the connection told us. The first request of a new one is not always told by libcoap: the wire has it.
      const requests = wire.exchange.filter(({ direction }) => direction === 'out');
      expect(requests.length).toBeGreaterThan(0);
      for (const request of requests) {
        expect([request.code, optionValues(request, 'Observe')]).toEqual(['0.01', [Buffer.alloc(0)]]);
      }
      for (const answer of wire.exchange.filter(({ direction }) => direction === 'in')) {
        expect([answer.code, optionValues(answer, 'Observe').length]).toEqual(['2.05', 1]);
        expect(requests.map(({ token }) => token)).toContain(answer.token);
      }
      return;
    }
    await libcoap.until(() => seen().some((pdu) => observeOf(pdu) === 0), 'libcoap tells of it');
    await told();
    const after = relation();
    // With the token of the lost one (RFC 7641 §3.3.1).
    expect(after.request.token).toBe(before.request.token);
    expectNotifications(after.request, after.answers, 'CON');
  });

  test('TD_COAP_OBS_07: the resource is deleted', async () => {
    await watching();
    await put('/obs', '', TEXT, 'DELETE');
    await until(() => observation.state === 'retrying', 'we know');
    expect(observation.problem).toContain('4.04');
    await libcoap.until(() => relation().answers.some(({ code }) => code === '4.04'), 'libcoap said so');
    await told();
    const last = relation().answers.find(({ code }) => code === '4.04')!;
    // libcoap says it in a NON.
    expect([last.type, observeOf(last)]).toEqual([way === 'udp' ? 'NON' : null, undefined]);
    expect(shown).toEqual(['one', 'two']);
    // It is asked for now and then, and observed once it is there again.
    await put('/obs', 'back');
    await until(() => shown.at(-1) === 'back', 'it is back');
  });

  test('TD_COAP_OBS_09: somebody else changes the resource', async () => {
    await watching();
    const other = newEndpoint();
    await other.start({ host: '127.0.0.1', port: 0 });
    try {
      const change = { method: 'PUT', payload: Buffer.from('by another'), contentFormat: TEXT } as const;
      expect((await other.request(uri(), change)).code).toBe('2.04');
    } finally {
      await other.stop();
    }
    await until(() => shown.at(-1) === 'by another', 'it is shown');
    await told();
    expectNotifications(relation().request, relation().answers, 'CON');
  });

  test('TD_COAP_OBS_10: a GET without Observe ends nothing', async () => {
    await watching();
    const got = await endpoint.request(uri());
    expect([got.code, got.observe, Buffer.from(got.payload).toString()]).toEqual(['2.05', null, 'two']);
    const last = () => seen().findLast(({ code }) => code === 'GET')!;
    await libcoap.until(() => observeOf(last()) === undefined, 'libcoap tells of it');
    const plain = last();
    expect(plain.token).not.toBe(relation().request.token);
    await put('/obs', 'three');
    await until(() => shown.at(-1) === 'three', 'it goes on');
    await told();
    expectNotifications(relation().request, relation().answers, 'CON');
  });

  test('TD_COAP_OBS_12: a GET with Observe 1 ends it', async () => {
    await watching();
    await observation.cancel();
    await libcoap.until(() => relation().answers.length === 3, 'libcoap answered');
    await told();
    const { request, answers } = relation();
    const last = seen().findLast(({ code }) => code === 'GET')!;
    expect([last.token, observeOf(last), last.type]).toEqual([
      request.token,
      1,
      way === 'udp' ? 'CON' : null,
    ]);
    expect([answers[2]!.code, observeOf(answers[2]!)]).toEqual(['2.05', undefined]);
    await put('/obs', 'three');
    expect(Buffer.from((await endpoint.request(uri())).payload).toString()).toBe('three');
    expect([relation().answers.length, shown, endpoint.counters.unmatched]).toEqual([3, ['one', 'two'], 0]);
  });

  test('TD_COAP_OBS_13: a large resource', async () => {
    await start(way);
    const bodies = ['a', 'b', 'c'].map((letter) => letter + largeBody(2_500).toString());
    await put('/obs-large', Buffer.from(bodies[0]!));
    await watch(uri('/obs-large'));
    for (const [nth, body] of bodies.entries()) {
      if (nth > 0) await put('/obs-large', Buffer.from(body));
      await until(() => shown.length === nth + 1, `body ${nth} is shown`);
    }
    expect(shown).toEqual(bodies);
    await told();
    const { request, answers } = relation();
    expectNotifications(request, answers, 'CON');
    // Over TCP and TLS nothing has to be split (RFC 8323 §6).
    if (way !== 'udp') return expect(answers.flatMap((pdu) => valuesOf(pdu, 'Block2'))).toEqual([]);
    expect(answers.map((pdu) => valuesOf(pdu, 'Block2'))).toEqual([['0/M/1024'], ['0/M/1024'], ['0/M/1024']]);
    const rest = seen().filter(({ code, token }) => code === 'GET' && token !== request.token);
    expect(rest.map((pdu) => [observeOf(pdu), valuesOf(pdu, 'Block2')])).toEqual(
      [1, 2, 3].flatMap(() => [
        [undefined, ['1/_/1024']],
        [undefined, ['2/_/1024']],
      ]),
    );
  });

  test('TD_COAP_OBS_14: a resource that is now large, now small', async () => {
    await start(way);
    const bodies = ['small', largeBody(2_500).toString(), 'small again', largeBody(3_000).toString()];
    await put('/obs-pumping', bodies[0]!);
    await watch(uri('/obs-pumping'));
    for (const [nth, body] of bodies.entries()) {
      if (nth > 0) await put('/obs-pumping', body);
      await until(() => shown.length === nth + 1, `body ${nth} is shown`);
    }
    expect(shown).toEqual(bodies);
    await told();
    const { request, answers } = relation();
    expectNotifications(request, answers, 'CON');
    if (way !== 'udp') return expect(answers.flatMap((pdu) => valuesOf(pdu, 'Block2'))).toEqual([]);
    expect(answers.map((pdu) => valuesOf(pdu, 'Block2'))).toEqual([[], ['0/M/1024'], [], ['0/M/1024']]);
  });
});

/** libcoap received an ACK for each. */
async function acknowledged(notifications: Pdu[]): Promise<void> {
  const acks = () =>
    seen().filter(({ type, way, code }) => type === 'ACK' && way === 'received' && code === '0.00');
  // It prints the last of what it received late: a request more, and all is there.
  await endpoint.request(`${libcoap.base}/`);
  await libcoap.until(
    () => notifications.every(({ messageId }) => acks().some((ack) => ack.messageId === messageId)),
    'all is acknowledged',
  );
}

describe.skipIf(missing.length > 0)('our client and libcoap over UDP alone', () => {
  test('TD_COAP_OBS_02: notifications as NON', async () => {
    await start('udp', '-N');
    await put('/obs-non', '0');
    await watch(`${libcoap.base}/obs-non`);
    for (let nth = 1; nth <= 4; nth++) {
      await put('/obs-non', String(nth));
      await until(() => shown.length === nth + 1, 'the change is shown');
    }
    expect(shown).toEqual(['0', '1', '2', '3', '4']);
    await told();
    const { request, answers } = relation();
    expectNotifications(request, [answers[0]!, ...answers.filter(({ type }) => type === 'NON')], 'NON');
    expect(answers.filter(({ type }) => type === 'NON').length).toBeGreaterThanOrEqual(3);
  });

  test('TD_COAP_OBS_06: started anew, we know nothing', async () => {
    await start('udp');
    await put('/obs', 'one');
    // What we were before: a registration by hand, from the port that we will have.
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const { port } = socket.address();
    const answered = new Promise((resolve) => socket.once('message', resolve));
    socket.send(
      Buffer.from(`44010001cafe0001${'60'}${'53'}${hexOf('obs')}`, 'hex'),
      libcoap.port,
      '127.0.0.1',
    );
    await answered;
    await new Promise<void>((resolve) => socket.close(resolve));
    const again = newEndpoint();
    await again.start({ host: '127.0.0.1', port });
    try {
      await put('/obs', 'two');
      await until(() => again.counters.resetsSent === 1, 'we refuse it');
      await libcoap.until(() => seen().some(({ type }) => type === 'RST'), 'libcoap heard it');
      const told = seen().findLast(({ token, way }) => token === 'cafe0001' && way === 'sent')!;
      const reset = seen().find(({ type }) => type === 'RST')!;
      expect([told.type, told.code, reset.messageId]).toEqual(['CON', '2.05', told.messageId]);
      await put('/obs', 'three');
      await endpoint.request(`${libcoap.base}/obs`);
      expect(seen().findLast(({ token, way }) => token === 'cafe0001' && way === 'sent')).toEqual(told);
      expect(again.counters).toMatchObject({ notifications: 0, unmatched: 1, malformed: 0 });
    } finally {
      await again.stop();
    }
  });

  test('TD_COAP_OBS_11: a bad network', { timeout: 40_000 }, async () => {
    await begin(HASTY);
    await start('udp');
    const relay = new UdpRelay({ host: '127.0.0.1', port: libcoap.port }, { loss: 0.3, seed: 25 });
    await relay.start();
    try {
      // It changes every second and is fresh for one: what is lost is asked for anew.
      await watch(`coap://127.0.0.1:${relay.port}/time`);
      await until(() => new Set(shown).size === 4, 'four states are shown', 30_000);
      expect(relay.counts.lost).toBeGreaterThan(2);
      // Only ever newer ones.
      expect(shown).toEqual([...shown].sort());
    } finally {
      await relay.stop();
    }
  });
});

/** libcoap's server sends another Content-Format without a word: what a server should say comes from octets. */
describe.each(['udp', 'tcp'] as const)('our client and octets over %s', (way) => {
  test('TD_COAP_OBS_08: the Content-Format changes', async () => {
    await begin({ observe: { retryMinMs: 60_000, retryMaxMs: 60_000 } });
    const server = await ByteServer.start(way, () => [
      // 2.05 with Observe 5 (nothing over TCP), text/plain; then a notification 4.06 without Observe.
      { code: '45', rest: `${way === 'udp' ? '6105' : '60'} 60 ff ${hexOf('one')}` },
      { code: '86', ...(way === 'udp' ? { type: 0, messageId: '7f01' } : {}) },
    ]);
    try {
      observation = endpoint.observe(`${server.base}/obs`, {}, {
        notification: ({ payload }: CoapResponse) => void shown.push(Buffer.from(payload).toString()),
      }); // prettier-ignore
      // That relation is over; what the person wants is not, and is asked for anew later (ADR 7).
      await until(() => observation.state === 'retrying', 'it has ended');
      expect([observation.problemCode, shown]).toEqual(['coap.refused', ['one']]);
      expect(observation.problem).toContain('4.06');
      expect(server.requests.filter(({ code }) => code === '01')).toHaveLength(1);
      if (way === 'udp') {
        await until(
          () => server.requests.some(({ type, messageId }) => type === 2 && messageId === '7f01'),
          'ACK',
        );
      }
    } finally {
      await server.stop();
    }
  });
});
