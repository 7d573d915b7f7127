/** ETSI's OBS cases with our server and Debian's libcoap client, over UDP, TCP and TLS. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { blocksOf } from '../support/coap-plugtest-blocks.ts';
import { WAYS, missingLibcoap, runCoapClient, valuesOf } from '../support/coap-plugtest-libcoap.ts';
import { LibcoapObserver, expectNotifications, observeOf } from '../support/coap-plugtest-observer.ts';
import { PlugtestServer } from '../support/coap-plugtest-server.ts';
import { clientTlsArgs, makePlugtestCertificates } from '../support/coap-plugtest-tls.ts';
import type { PlugtestCertificates } from '../support/coap-plugtest-tls.ts';
import { optionValues } from '../support/coap-plugtest-wire.ts';
import type { WireMessage } from '../support/coap-plugtest-wire.ts';
import { freePort } from '../support/peers.ts';
import { UdpRelay } from '../support/udp-relay.ts';

const missing = missingLibcoap(...WAYS);

let certificates: PlugtestCertificates;
let server: PlugtestServer;
let observers: LibcoapObserver[];
beforeAll(() => {
  if (missing.length === 0) certificates = makePlugtestCertificates();
});
afterAll(() => certificates?.remove());
beforeEach(async () => {
  observers = [];
  server = await PlugtestServer.start({ reliable: true, certificates });
});
afterEach(async () => {
  await Promise.all(observers.map((each) => each.kill()));
  await server.stop();
});

function observe(...args: ConstructorParameters<typeof LibcoapObserver>): LibcoapObserver {
  const observer = new LibcoapObserver(...args);
  observers.push(observer);
  return observer;
}

/** What is sent for a change before another one is answered, to whom it must come after whatever was to be told. */
async function quiet(path: string): Promise<number> {
  const { wire } = server;
  const before = wire.messages.length;
  server.resources.change(path);
  const answered = await runCoapClient('udp', [`${server.base('udp')}/test`]);
  expect(answered.shown).not.toBe('');
  const since = wire.messages.slice(before);
  // libcoap's clients all have the same token: what tells them apart is the order.
  const asked = since.findIndex(({ direction, code }) => direction === 'in' && code === '0.01');
  expect(asked).toBeGreaterThanOrEqual(0);
  return since.slice(0, asked).filter(({ direction }) => direction === 'out').length;
}

describe.skipIf(missing.length > 0).each(WAYS)('our server and libcoap over %s', (way) => {
  const uri = (path: string) => `${server.base(way)}/${path}`;
  const ask = (path: string, ...args: string[]) =>
    runCoapClient(way, [...clientTlsArgs(way, certificates), ...args, uri(path)]);

  const watch = (path: string, seconds?: number) =>
    observe(way, uri(path), { seconds, args: clientTlsArgs(way, certificates) });

  /** Observes `path`, with the first answer and so many changes heard; ends after `seconds`, if it is to. */
  async function watching(path: string, changes = 2, seconds?: number): Promise<LibcoapObserver> {
    const observer = watch(path, seconds);
    await observer.answered(1);
    for (let nth = 1; nth <= changes; nth++) {
      server.resources.change(path);
      await observer.answered(nth + 1);
      if (way === 'udp') await acknowledged();
    }
    return observer;
  }

  /** Every CON of ours has its ACK: libcoap prints its own late. */
  async function acknowledged(): Promise<void> {
    const { wire } = server;
    const has = (ofType: string, to: string, id: number | null) =>
      wire.messages.some(
        ({ type, direction, messageId }) => type === ofType && direction === to && messageId === id,
      );
    await wire.until(
      () =>
        wire.messages.every(
          ({ type, direction, messageId }) =>
            type !== 'CON' || direction === 'in' || has('ACK', 'in', messageId),
        ),
      'all is acknowledged',
    );
  }

  test('TD_COAP_OBS_01: notifications as CON', async () => {
    const observer = await watching('obs', 3);
    expectNotifications(observer.pdus[0]!, observer.answers, 'CON');
    expect(observer.answers.map(({ payload }) => payload)).toEqual(['obs 0', 'obs 1', 'obs 2', 'obs 3']);
    expect(server.server.counters).toMatchObject({ notifications: 3, observersLost: 0 });
  });

  test('TD_COAP_OBS_07: the resource is deleted', async () => {
    const observer = await watching('obs');
    expect((await ask('obs', '-m', 'delete')).pdus.at(-1)!.code).toBe('2.02');
    const last = (await observer.answered(4)).at(-1)!;
    expect([last.code, last.type, observeOf(last), last.token]).toEqual([
      ...['4.04', way === 'udp' ? 'CON' : null, undefined, observer.pdus[0]!.token],
    ]);
    if (way === 'udp') await acknowledged();
    expect([server.server.observers, await quiet('obs')]).toEqual([0, 0]);
  });

  test('TD_COAP_OBS_08: the Content-Format changes', async () => {
    const observer = await watching('obs');
    expect((await ask('obs', '-m', 'put', '-t', '50', '-e', '7')).pdus.at(-1)!.code).toBe('2.04');
    const last = (await observer.answered(4)).at(-1)!;
    expect([last.code, last.type, observeOf(last), last.token]).toEqual([
      ...['4.06', way === 'udp' ? 'CON' : null, undefined, observer.pdus[0]!.token],
    ]);
    if (way === 'udp') await acknowledged();
    expect([server.server.observers, await quiet('obs')]).toEqual([0, 0]);
    expect((await ask('obs')).shown).toBe('obs 8');
  });

  test('TD_COAP_OBS_09: somebody else changes the resource', async () => {
    const observer = await watching('obs', 1);
    for (const value of ['41', '42']) {
      expect((await ask('obs', '-m', 'put', '-t', '0', '-e', value)).pdus.at(-1)!.code).toBe('2.04');
      await observer.until(() => observer.answers.at(-1)!.payload === `obs ${value}`, `${value} is told`);
    }
    expectNotifications(observer.pdus[0]!, observer.answers, 'CON');
    expect(server.server.observers).toBe(1);
  });

  test('TD_COAP_OBS_10: a GET without Observe ends nothing', async () => {
    const observer = await watching('obs', 1);
    const { pdus } = await ask('obs', '-T', 'other');
    expect([pdus[1]!.code, observeOf(pdus[1]!), pdus[1]!.payload]).toEqual(['2.05', undefined, 'obs 1']);
    expect(pdus[0]!.token).not.toBe(observer.pdus[0]!.token);
    server.resources.change('obs');
    expectNotifications(observer.pdus[0]!, await observer.answered(3), 'CON');
  });

  test('TD_COAP_OBS_12: a GET with Observe 1 ends it', async () => {
    const observer = await watching('obs', 2, 1);
    // Looked at with each message that goes out: the end of a connection ends what is left.
    let left: number | undefined;
    server.endpoint.tap(({ direction }) => {
      if (direction === 'out') left = server.server.observers;
    });
    await observer.finished();
    const asked = observer.pdus.filter(({ code }) => code === 'GET');
    expect(asked.map((pdu) => [pdu.token, observeOf(pdu)])).toEqual([
      [asked[0]!.token, 0],
      [asked[0]!.token, 1],
    ]);
    // libcoap does not wait for the answer: the wire has it, soon.
    const { wire } = server;
    const end = () => wire.exchange.findIndex((one) => one.direction === 'in' && isObserve(one, 1));
    await wire.until(() => end() >= 0 && wire.exchange.length > end() + 1, 'the end is answered');
    const last = wire.exchange[end() + 1]!;
    expect([last.direction, last.code, last.token]).toEqual(['out', '2.05', asked[0]!.token]);
    expect(last.options.map(({ number }) => number)).not.toContain(6);
    expect([left, await quiet('obs')]).toEqual([0, 0]);
  });

  test('TD_COAP_OBS_13: a large resource', async () => {
    const observer = watch('obs-large');
    const complete = (nth: number) =>
      observer.until(
        () => (way === 'udp' ? lastBlocks(observer) > nth : observer.answers.length > nth),
        `${nth} changes are there`,
      );
    await complete(0);
    for (const nth of [1, 2]) {
      server.resources.change('obs-large');
      await complete(nth);
    }
    const token = observer.pdus[0]!.token;
    const told = observer.answers.filter((pdu) => observeOf(pdu) !== undefined);
    expectNotifications(observer.pdus[0]!, told, 'CON');
    expect(told.map((pdu) => /\d/.exec(pdu.payload)?.[0])).toEqual(['0', '1', '2']);
    // Over TCP and TLS nothing has to be split (RFC 8323 §6).
    if (way !== 'udp') return expect(told.flatMap((pdu) => valuesOf(pdu, 'Block2'))).toEqual([]);
    // Notifications bring the first block; the others are asked for without Observe and with tokens of their own.
    expect(told.map((pdu) => valuesOf(pdu, 'Block2'))).toEqual([['0/M/1024'], ['0/M/1024'], ['0/M/1024']]);
    const rest = observer.pdus.filter((pdu) => pdu.token !== token && pdu.code !== '0.00');
    expect(blocksOf(rest, 'Block2')).toEqual(
      [1, 2, 3].flatMap(() => [
        ['1/_/1024', '1/M/1024'],
        ['2/_/1024', '2/_/1024'],
      ]),
    );
    for (const pdu of rest) expect(observeOf(pdu)).toBeUndefined();
  });

  test('TD_COAP_OBS_14: a resource that is now large, now small', async () => {
    const observer = watch('obs-pumping');
    const whole = () =>
      way === 'udp' ? lastBlocks(observer) + small(observer).length : observer.answers.length;
    await observer.until(() => whole() === 1, 'the first is there');
    for (const nth of [1, 2, 3]) {
      server.resources.change('obs-pumping');
      await observer.until(() => whole() === nth + 1, `change ${nth} is there`);
    }
    const told = observer.answers.filter((pdu) => observeOf(pdu) !== undefined);
    expectNotifications(observer.pdus[0]!, told, 'CON');
    if (way !== 'udp') return expect(told.flatMap((pdu) => valuesOf(pdu, 'Block2'))).toEqual([]);
    expect(told.map((pdu) => valuesOf(pdu, 'Block2'))).toEqual([[], ['0/M/1024'], [], ['0/M/1024']]);
  });
});

/** How many bodies have come to their last block. */
function lastBlocks(observer: LibcoapObserver): number {
  return observer.answers.filter((pdu) => /^\d+\/_\//.test(valuesOf(pdu, 'Block2')[0] ?? '')).length;
}

function isObserve(message: WireMessage, value: number): boolean {
  return optionValues(message, 'Observe').some((one) => one.length === 1 && one[0] === value);
}

function small(observer: LibcoapObserver) {
  return observer.answers.filter((pdu) => valuesOf(pdu, 'Block2').length === 0);
}

describe.skipIf(missing.length > 0)('our server and libcoap over UDP alone', () => {
  const uri = (path: string) => `${server.base('udp')}/${path}`;

  test('TD_COAP_OBS_02: notifications as NON', async () => {
    const observer = observe('udp', uri('obs-non'), { args: ['-N'] });
    await observer.answered(1);
    for (let nth = 2; nth <= 6; nth++) {
      server.resources.change('obs-non');
      await observer.answered(nth);
    }
    const [request] = observer.pdus;
    expect(request!.type).toBe('NON');
    // The first is a CON, by which the server learns how fast the client is (RFC 7641 §4.5.1).
    expect(observer.answers.map(({ type }) => type)).toEqual(['NON', 'CON', 'NON', 'NON', 'NON', 'NON']);
    expectNotifications(request!, [observer.answers[0]!, ...observer.answers.slice(2)], 'NON');
  });

  test('TD_COAP_OBS_05: the client is switched off', async () => {
    await server.stop();
    // A device on the same table: it is soon given up.
    server = await PlugtestServer.start({ parameters: { ackTimeoutMs: 60, maxRetransmit: 3 } });
    const relay = new UdpRelay({ host: '127.0.0.1', port: server.port('udp') }, {});
    await relay.start();
    try {
      const observer = observe('udp', `coap://127.0.0.1:${relay.port}/obs`);
      await observer.answered(1);
      // Whatever is sent to it now is neither acknowledged nor refused.
      relay.cut();
      const changing = setInterval(() => server.resources.change('obs'), 20);
      try {
        await server.wire.until(() => sent().length === 4, 'it was repeated');
        await expect.poll(() => server.server.observers, { timeout: 5_000 }).toBe(0);
      } finally {
        clearInterval(changing);
      }
      // Each repeat says what is true then, under its own id and number (RFC 7641 §4.5.2).
      expect(sent().map(({ repeat }) => repeat)).toEqual([0, 1, 2, 3]);
      for (const what of [
        sent().map(({ messageId }) => String(messageId)),
        sent().map((one) => optionValues(one, 'Observe')[0]!.toString('hex')),
        sent().map(({ payload }) => payload.toString()),
      ]) {
        expect(new Set(what).size).toBe(4);
      }
      expect(server.server.counters.observersLost).toBe(1);
      expect(await quiet('obs')).toBe(0);
    } finally {
      await relay.stop();
    }
    function sent() {
      return server.wire.messages.filter(({ type, direction }) => type === 'CON' && direction === 'out');
    }
  });

  test('TD_COAP_OBS_06: the client was started anew and knows nothing', async () => {
    const port = String(await freePort());
    const first = observe('udp', uri('obs'), { args: ['-p', port] });
    await first.answered(1);
    await first.kill();
    // At the same port, and busy with something else.
    const second = observe('udp', uri('obs-non'), { args: ['-p', port, '-T', 'new'] });
    await second.answered(1);
    server.resources.change('obs');
    const { wire } = server;
    const reset = () => wire.messages.find(({ type, direction }) => type === 'RST' && direction === 'in');
    await wire.until(() => reset() !== undefined, 'libcoap refuses it');
    const told = wire.messages.find(
      ({ messageId, direction }) => direction === 'out' && messageId === reset()!.messageId,
    )!;
    expect([told.type, told.code, told.token]).toEqual(['CON', '2.05', first.pdus[0]!.token]);
    await expect.poll(() => server.server.observers, { timeout: 5_000 }).toBe(1);
    expect([server.server.counters.observersLost, await quiet('obs')]).toEqual([1, 0]);
  });

  test('TD_COAP_OBS_11: a bad network', async () => {
    await server.stop();
    server = await PlugtestServer.start({ parameters: { ackTimeoutMs: 20, maxRetransmit: 10 } });
    const relay = new UdpRelay({ host: '127.0.0.1', port: server.port('udp') }, { loss: 0.3, seed: 25 });
    await relay.start();
    try {
      const observer = observe('udp', `coap://127.0.0.1:${relay.port}/obs`);
      await observer.answered(1);
      const changing = setInterval(() => server.resources.change('obs'), 50);
      try {
        await observer.answered(12);
      } finally {
        clearInterval(changing);
      }
      expect(relay.counts.lost).toBeGreaterThan(5);
      // libcoap says nothing to a message that it had: what is repeated after a lost ACK has to be another one.
      expect([server.server.observers, server.server.counters.observersLost]).toEqual([1, 0]);
      // Never a new one while one is under way.
      let open: number | null = null;
      for (const { type, code, messageId, direction, repeat } of server.wire.messages) {
        if (direction === 'in' && type === 'ACK' && messageId === open) open = null;
        if (direction !== 'out' || type !== 'CON' || code !== '2.05') continue;
        if (repeat === 0) expect(open).toBeNull();
        open = messageId;
      }
      const told = observer.answers.filter(
        ({ messageId }, nth, all) => all[nth - 1]?.messageId !== messageId,
      );
      expectNotifications(observer.pdus[0]!, told, 'CON');
    } finally {
      await relay.stop();
    }
  });
});
