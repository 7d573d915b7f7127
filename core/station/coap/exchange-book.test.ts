import { expect, it } from 'vitest';
import { ManualClock } from '../../base/manual-clock.ts';
import type { WireEvent } from '../../coap/carrier.ts';
import { CON, METHOD_CODES } from '../../coap/codec/codes.ts';
import { encodeMessage } from '../../coap/codec/codec.ts';
import { coapError } from '../../coap/errors.ts';
import { ExchangeBook } from './exchange-book.ts';

const URI = 'coap://10.0.0.7:5683/t';
const bytes = encodeMessage({
  type: CON,
  code: METHOD_CODES.GET,
  messageId: 7,
  token: Uint8Array.of(0xab),
  options: [],
  payload: new Uint8Array(0),
});

function out(atMs: number, change: Partial<WireEvent> = {}): WireEvent {
  const peer = { address: '10.0.0.7', port: 5683, family: 4 } as const;
  return { direction: 'out', transport: 'udp', peer, bytes, atMs, repeat: 0, verdict: 'ok', ...change };
}

function book(): { clock: ManualClock; exchanges: ExchangeBook } {
  const clock = new ManualClock();
  return { clock, exchanges: new ExchangeBook(clock) };
}

it('shows an exchange from before it was asked to its answer, each step once', () => {
  const { clock, exchanges } = book();
  let dirty = 0;
  const feed = exchanges.openFeed('one', () => dirty++);
  expect(feed.snapshot()).toMatchObject({ state: 'waiting', uri: null, steps: [] });
  const open = exchanges.begin('one', URI, 'GET');
  open.wire(out(clock.monotonic()));
  expect(feed.drain()).toMatchObject({
    state: 'running',
    uri: URI,
    steps: [{ type: 'CON', code: '0.01', codeName: 'GET', messageId: 7, token: 'ab', sinceMs: 0 }],
  });
  clock.advance(2_345);
  open.wire(out(clock.monotonic(), { repeat: 1 }));
  open.answered();
  expect(feed.drain()).toMatchObject({
    state: 'answered',
    steps: [{ repeat: 1, sinceMs: 2_345, atMs: clock.now() }],
  });
  expect(feed.drain()).toBeNull();
  expect(dirty).toBeGreaterThan(2);
  // What comes after the end belongs to nobody.
  open.wire(out(clock.monotonic()));
  expect(feed.drain()).toBeNull();
});

it('tells apart what failed and what was given up', () => {
  const { exchanges } = book();
  const failed = exchanges.begin('failed', URI, 'GET');
  failed.failed(coapError('coap.timeout', 'No answer.'));
  expect(exchanges.openFeed('failed', () => undefined).snapshot()).toMatchObject({
    state: 'failed',
    problem: { code: 'coap.timeout', message: 'No answer.' },
  });
  exchanges.begin('given up', URI, 'PUT').failed(coapError('coap.cancelled', 'Cancelled.'));
  expect(exchanges.openFeed('given up', () => undefined).snapshot().state).toBe('cancelled');
});

it('says what it waits for as long as it does, and nothing of it once that is there', () => {
  const { clock, exchanges } = book();
  const open = exchanges.begin('one', URI, 'GET');
  const feed = exchanges.openFeed('one', () => undefined);
  feed.snapshot();
  open.waiting(92_400);
  const problem = { code: 'coap.busy', message: expect.stringContaining('up to 93 s') as string };
  expect(feed.drain()).toMatchObject({ state: 'running', problem });
  open.wire(out(clock.monotonic(), { direction: 'in', verdict: 'duplicate' }));
  expect(feed.drain()).toMatchObject({ problem });
  open.wire(out(clock.monotonic()));
  expect(feed.drain()).toMatchObject({ state: 'running', problem: null });
  open.answered();
  open.waiting(1_000);
  expect(feed.drain()).toMatchObject({ state: 'answered', problem: null });
});

it('takes an id once', () => {
  const { exchanges } = book();
  exchanges.begin('one', URI, 'GET').answered();
  expect(() => exchanges.begin('one', URI, 'GET')).toThrow(/used already/);
});

it('keeps the first steps of a long request and the newest of an observation, and counts the others', () => {
  const { exchanges } = book();
  const request = exchanges.begin('long', URI, 'GET');
  for (let step = 0; step < 4_100; step++) request.wire(out(step));
  const long = exchanges.openFeed('long', () => undefined).snapshot();
  expect(long.steps).toHaveLength(4_000);
  expect(long).toMatchObject({ leftOut: 100 });
  const observed = exchanges.begin('observe x', URI, 'GET', true);
  for (let step = 0; step < 1_234; step++) observed.wire(out(step));
  const rolling = exchanges.openFeed('observe x', () => undefined).snapshot();
  expect(rolling.steps.length + rolling.leftOut).toBe(1_234);
  expect(rolling.steps.at(-1)!.sinceMs).toBe(1_233);
});

it('forgets what nobody looks at, the oldest first', () => {
  const { exchanges } = book();
  const feed = exchanges.openFeed('kept', () => undefined);
  exchanges.begin('kept', URI, 'GET').wire(out(0));
  for (let n = 0; n < 300; n++) exchanges.begin(`other ${n}`, URI, 'GET').wire(out(0));
  expect(feed.snapshot().steps).toHaveLength(1);
  expect(exchanges.openFeed('other 0', () => undefined).snapshot().state).toBe('waiting');
  expect(exchanges.openFeed('other 299', () => undefined).snapshot().state).toBe('running');
});

it('shows bytes that are no message as such', () => {
  const { exchanges } = book();
  const open = exchanges.begin('bad', URI, 'GET');
  open.wire(out(0, { direction: 'in', bytes: Uint8Array.of(0xff), verdict: 'malformed' }));
  expect(exchanges.openFeed('bad', () => undefined).snapshot().steps[0]).toMatchObject({
    verdict: 'malformed',
    bytes: 1,
    codeName: expect.stringMatching(/^malformed/) as string,
  });
});
