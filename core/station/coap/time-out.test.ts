/** A real endpoint with short times and a device that does not answer. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLog } from '../../base/log.ts';
import { CoapEndpoint } from '../../coap/endpoint.ts';
import type { CoapStep } from '../../contract/coap-browser.ts';
import { DeviceRegistry } from '../../devices/registry.ts';
import { OwnListeners } from '../coap-server/own-listeners.ts';
import { CoapDesk } from './desk.ts';
import { ExchangeBook } from './exchange-book.ts';

let silent: Socket;
let endpoint: CoapEndpoint;
let desk: CoapDesk;
let exchanges: ExchangeBook;
let heard: Buffer[];
let uri: string;

beforeEach(async () => {
  heard = [];
  silent = createSocket('udp4');
  silent.on('message', (bytes) => void heard.push(bytes));
  silent.bind(0, '127.0.0.1');
  await once(silent, 'listening');
  uri = `coap://127.0.0.1:${silent.address().port}/t`;
  const parameters = { ackTimeoutMs: 20, ackRandomFactor: 1, maxRetransmit: 4, responseTimeoutMs: 100 };
  endpoint = new CoapEndpoint({ clock: systemClock, log: silentLog, tickMs: 5, parameters });
  await endpoint.start({ host: '127.0.0.1', port: 0 });
  exchanges = new ExchangeBook(systemClock);
  const registry = new DeviceRegistry({ clock: systemClock, sink: { putDevice() {}, putSeries() {} } });
  desk = new CoapDesk({
    ...{ endpoint, registry, exchanges, clock: systemClock, log: silentLog },
    own: new OwnListeners({ listening: () => [] }),
    store: { putResource() {} },
    intake: {} as never,
  });
});
afterEach(async () => {
  desk.stop();
  await endpoint.stop();
  silent.close();
});

/** Steps as they are told, and the end of the exchange. */
function follow(exchange: string, onTold: (count: number) => void = () => undefined) {
  const told: CoapStep[][] = [];
  const feed = exchanges.openFeed(exchange, () => {
    const delta = feed.drain();
    if (delta !== null && delta.steps.length > 0) onTold(told.push(delta.steps));
  });
  return { told, now: () => feed.snapshot() };
}

it('four repeats, each told when it goes out, then coap.timeout for the caller and in the exchange', async () => {
  const exchange = follow('x');
  const input = { uri, method: 'GET' as const, confirmable: true, exchange: 'x' };
  await expect(desk.request(input, new AbortController().signal)).rejects.toMatchObject({
    code: 'coap.timeout',
  });
  // One at a time: nothing was kept back until the end.
  expect(exchange.told.map((steps) => steps.map(({ repeat }) => repeat))).toEqual([[0], [1], [2], [3], [4]]);
  const { state, problem, steps } = exchange.now();
  expect([state, problem?.code]).toEqual(['failed', 'coap.timeout']);
  const waits = steps.slice(1).map(({ sinceMs }, index) => sinceMs - steps[index]!.sinceMs);
  for (const [index, wait] of waits.entries()) {
    // Doubling from 20 ms; a tick of the wheel is 5 ms.
    expect(wait).toBeGreaterThanOrEqual(20 * 2 ** index - 6);
  }
  expect(new Set(steps.map(({ messageId, token }) => `${messageId} ${token}`)).size).toBe(1);
  await expect.poll(() => heard.length).toBe(5);
  expect(new Set(heard.map((bytes) => bytes.toString('hex'))).size).toBe(1);
  // A device that never said a word is none.
  expect(desk.resources()).toEqual([]);
});

it('NON is sent once, and its silence ends too', async () => {
  const exchange = follow('non');
  const input = { uri, method: 'GET' as const, confirmable: false, exchange: 'non' };
  await expect(desk.request(input, new AbortController().signal)).rejects.toMatchObject({
    code: 'coap.timeout',
  });
  expect(exchange.now()).toMatchObject({ state: 'failed', steps: [{ type: 'NON', repeat: 0 }] });
});

it('who gives up between two repeats has coap.cancelled, and nothing more goes out', async () => {
  const wish = new AbortController();
  const exchange = follow('given up', (count) => count === 2 && wish.abort());
  const input = { uri, method: 'GET' as const, confirmable: true, exchange: 'given up' };
  await expect(desk.request(input, wish.signal)).rejects.toMatchObject({ code: 'coap.cancelled' });
  expect(exchange.now()).toMatchObject({ state: 'cancelled', problem: { code: 'coap.cancelled' } });
  expect(endpoint.counters.exchanges).toBe(0);
  // Another request goes its whole way: in that time the one given up would have been sent again.
  const other = { ...input, exchange: 'other' };
  await expect(desk.request(other, new AbortController().signal)).rejects.toMatchObject({
    code: 'coap.timeout',
  });
  expect(exchange.now().steps).toHaveLength(2);
  await expect.poll(() => heard.length).toBe(2 + 5);
});
