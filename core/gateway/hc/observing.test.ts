import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HcBench, asText, coapAnswer } from '../../../test/support/hc-bench.ts';
import type { RawClient } from '../../../test/support/hc-bench.ts';
import { coapError } from '../../coap/errors.ts';
import { OBSERVE, uintOption } from '../../coap/codec/options.ts';
import { MAX_STREAMS } from './observing.ts';

let bench: HcBench;
const URL = '/hc/coap://10.0.0.7/time';

beforeEach(async () => {
  bench = new HcBench();
  await bench.start();
});
afterEach(() => bench.stop());

function watch(): RawClient {
  return bench.raw(
    `GET ${URL} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n` +
      `Authorization: ${bench.bearer('view').authorization}\r\n\r\n`,
  );
}

/** The nth observation of the proxy, once there is one. */
async function observation(at = 0) {
  await bench.proxy.until(() => bench.proxy.observations.length > at);
  return bench.proxy.observations[at]!;
}

const value = (n: number, text: string) => coapAnswer('2.05', text, uintOption(OBSERVE, n), asText);

describe('a stream', () => {
  it('tells every notification', async () => {
    const client = watch();
    const { handlers } = await observation();
    handlers.notification(value(2, '12:00'));
    handlers.notification(value(3, '12:01'));
    const text = await client.until(/12:01/);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(text).toMatch(/Content-Type: text\/event-stream; charset=utf-8\r\n/);
    expect(text).toMatch(/Cache-Control: no-store\r\n/);
    expect(text).toContain(
      'event: notification\nid: 2\ndata: {"code":"2.05","contentFormat":0,' +
        '"contentType":"text/plain;charset=utf-8","maxAge":60,"text":"12:00"}\n\n',
    );
    expect(bench.proxy.streams).toBe(1);
    client.socket.destroy();
    await bench.proxy.until(() => bench.proxy.streams === 0);
    expect(bench.proxy.observations[0]!.cancelled).toBe(1);
  });

  it('tells trouble and its end, and how late to come again', async () => {
    const client = watch();
    const one = await observation();
    one.become('active');
    one.handlers.notification(value(1, 'x'));
    one.become('stale', 'No notification came.', 'coap.timeout');
    one.become('active');
    one.become('ended', 'The server ended it: 4.04.', 'coap.refused');
    await client.until(/\r\n0\r\n\r\n$/);
    const events = [...client.text.matchAll(/event: state\ndata: (.*)\n/g)].map(
      ([, data]) => (JSON.parse(data!) as { state: string }).state,
    );
    expect(events).toEqual(['stale', 'active', 'ended']);
    expect(client.text).toContain('retry: 60000\n\n');
    expect(client.text).toContain('"code":"coap.refused","problem":"The server ended it: 4.04."');
    expect(bench.proxy.streams).toBe(0);
    client.socket.destroy();
  });

  it('opens with trouble, or after a while, and keeps the line busy', async () => {
    const client = watch();
    await observation();
    bench.clock.advance(3_000);
    await client.until(/text\/event-stream/);
    bench.clock.advance(15_000);
    await client.until(/\n:\n\n/);
    const other = watch();
    (await observation(1)).become('retrying', 'No answer.', 'coap.timeout');
    await other.until(/"state":"retrying"/);
    client.socket.destroy();
    other.socket.destroy();
    await bench.proxy.until(() => bench.proxy.streams === 0);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  it.each([
    ['4.04', 404],
    ['4.06', 406],
    ['5.03', 503],
  ])('that is refused with %s at once is a %i', async (code, status) => {
    bench.proxy.respond = () => coapAnswer(code);
    const client = watch();
    (await observation()).become('ended', `refused with ${code}`, 'coap.refused');
    expect(await client.until(/\r\n\r\n/)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect([bench.proxy.streams, bench.proxy.asked.length]).toEqual([0, 1]);
    client.socket.destroy();
  });

  it('that ends although the resource can be read is a 502 with the reason', async () => {
    const client = watch();
    (await observation()).become('ended', 'No place for one more observer.', 'coap.refused');
    expect(await client.until(/observer/)).toMatch(/^HTTP\/1\.1 502 /);
    client.socket.destroy();
  });

  it('to what is not on the list is a 403', async () => {
    bench.proxy.refusal = coapError('coap.forbidden', 'Not on the list.');
    const client = watch();
    expect(await client.until(/list/)).toMatch(/^HTTP\/1\.1 403 /);
    expect([bench.proxy.streams, bench.proxy.counts.refused]).toEqual([0, 1]);
    client.socket.destroy();
  });

  it('that nobody reads is cut', async () => {
    const client = watch();
    const one = await observation();
    client.socket.pause();
    const big = 'x'.repeat(100_000);
    let sent = 0;
    // The system takes some of it; what waits here is bounded.
    while (bench.gateway.counters.proxySlow === 0 && sent < 2_000) {
      one.handlers.notification(value(++sent, big));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bench.gateway.counters.proxySlow).toBe(1);
    await bench.proxy.until(() => bench.proxy.streams === 0);
    expect(one.cancelled).toBe(1);
    one.handlers.notification(value(sent + 1, big));
    client.socket.resume();
    await client.closed;
  });

  it('whose client reads nothing for four heartbeats is cut', async () => {
    const client = watch();
    const one = await observation();
    client.socket.pause();
    const big = 'x'.repeat(8 * 1024 * 1024);
    one.handlers.notification(value(1, big));
    await new Promise((resolve) => setTimeout(resolve, 50));
    bench.clock.advance(60_000);
    await bench.proxy.until(() => bench.proxy.streams === 0);
    expect(bench.gateway.counters.proxySlow).toBe(1);
    client.socket.destroy();
  });

  it('is cancelled when the gateway closes', async () => {
    watch();
    const one = await observation();
    await bench.gateway.close();
    await bench.proxy.until(() => bench.proxy.streams === 0);
    expect(one.cancelled).toBe(1);
  });
});

it('past the bound of streams is a 503, and requests go on', async () => {
  const clients = Array.from({ length: MAX_STREAMS }, watch);
  await bench.proxy.until(() => bench.proxy.observations.length === MAX_STREAMS);
  const one = watch();
  expect(await one.until(/\r\n\r\n/)).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 5/);
  expect(bench.gateway.counters.proxyBusy).toBe(1);
  expect((await bench.ask(URL, bench.bearer('view'))).status).toBe(200);
  for (const client of [...clients, one]) client.socket.destroy();
  await bench.proxy.until(() => bench.proxy.streams === 0);
});
