import { expect, it } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { WireTap } from '../../coap/carrier.ts';
import { CON, METHOD_CODES } from '../../coap/codec/codes.ts';
import { encodeMessage } from '../../coap/codec/codec.ts';
import type { Observation, ObserveHandlers } from '../../coap/client/observation.ts';
import type { CoapResponse } from '../../coap/client/response.ts';
import { coapError } from '../../coap/errors.ts';
import type { HostResolver } from '../../coap/resolve.ts';
import { observedExchange } from '../../contract/coap-browser.ts';
import type { CoapResourceRecord } from '../../store/types.ts';
import { DeviceRegistry } from '../../devices/registry.ts';
import { OwnListeners } from '../coap-server/own-listeners.ts';
import type { OwnListener } from '../coap-server/own-listeners.ts';
import { CoapDesk } from './desk.ts';
import { ExchangeBook } from './exchange-book.ts';
import { NumberPreview } from './number-preview.ts';
import { watchFeed } from './watch-feed.ts';

const URI = 'coap://10.0.0.7:5683/t';
const AUTHORITY = 'coap://10.0.0.7:5683';

class Played {
  state: Observation['state'] = 'starting';
  problem: string | null = null;
  problemCode: string | null = null;
  notifications = 0;
  cancelled = 0;
  readonly sinceMs = 0;
  onWire: WireTap | undefined;
  resolver: HostResolver | undefined;
  readonly accept: number | undefined;
  readonly #handlers: ObserveHandlers;

  constructor(handlers: ObserveHandlers, accept: number | undefined, onWire: WireTap | undefined) {
    this.#handlers = handlers;
    this.accept = accept;
    this.onWire = onWire;
  }

  become(state: Observation['state'], problem: string | null = null, code: string | null = null): void {
    Object.assign(this, { state, problem, problemCode: code });
    this.#handlers.state?.(this as unknown as Observation);
  }

  tell(text: string): void {
    this.notifications++;
    this.state = 'active';
    this.#handlers.notification({
      ...{ uri: URI, code: '2.05', codeNumber: 69, codeName: 'Content', options: [], contentFormat: 0 },
      ...{ observe: this.notifications, payload: Buffer.from(text), etag: null, maxAgeSeconds: 60, rttMs: 1 },
      ...{ retransmissions: 0, blocks: 1, transport: 'udp' },
      peer: { address: '10.0.0.7', port: 5683, family: 4 },
    } as CoapResponse);
  }

  send(): void {
    const token = Uint8Array.of(1);
    const message = { type: CON, code: METHOD_CODES.GET, messageId: 1, token, options: [] } as const;
    this.onWire?.({
      ...{ direction: 'out', transport: 'udp', atMs: 0, repeat: 0, verdict: 'ok' },
      peer: { address: '10.0.0.7', port: 5683, family: 4 },
      bytes: encodeMessage({ ...message, options: [], payload: new Uint8Array(0) }),
    });
  }

  cancel(): Promise<void> {
    this.cancelled++;
    this.send();
    return Promise.resolve();
  }

  stop(): void {
    this.cancelled++;
  }
}

function bench() {
  const clock = new ManualClock();
  const played: Played[] = [];
  const kept = new Map<string, CoapResourceRecord>();
  const recorded: string[] = [];
  let failure: Error | undefined;
  const listening: OwnListener[] = [{ transport: 'udp', host: '127.0.0.1', port: 5683 }];
  const unused = () => Promise.reject(new Error('not here'));
  const exchanges = new ExchangeBook(clock);
  const desk = new CoapDesk({
    endpoint: {
      ...{ discover: unused, request: unused, ping: unused },
      observe: (_uri, { accept, onWire, resolver }, handlers) => {
        if (failure !== undefined) throw failure;
        const one = new Played(handlers, accept, onWire);
        one.resolver = resolver;
        played.push(one);
        return one as unknown as Observation;
      },
      traceObservation: (observation, onWire) => {
        (observation as unknown as Played).onWire = onWire;
      },
    },
    registry: new DeviceRegistry({ clock, sink: { putDevice() {}, putSeries() {} } }),
    intake: {
      takeRepresentation: ({ payload }: { payload: Uint8Array }) => {
        recorded.push(Buffer.from(payload).toString());
        return { deviceId: 1, seriesIds: [1] };
      },
    } as never,
    ...{ exchanges, clock, log: silentLog },
    own: new OwnListeners({
      listening: () => listening,
      resolver: () => Promise.resolve(['127.0.0.1']),
    }),
    store: { putResource: (record) => void kept.set(record.uri, record) },
  });
  const watch = (uri = URI) => {
    let dirty = 0;
    const feed = watchFeed({ desk, preview: new NumberPreview() }, { uri }, () => dirty++);
    feed.snapshot();
    return { ...feed, dirty: () => dirty };
  };
  const fail = (error: Error | undefined): void => {
    failure = error;
  };
  return { desk, exchanges, played, kept, recorded, watch, fail, listening };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('a forgotten server is over for who looks on, too', () => {
  const { desk, played, watch } = bench();
  const screen = watch();
  played[0]!.tell('20');
  expect(screen.drain()?.resource.observation?.state).toBe('active');
  expect(desk.forget(AUTHORITY)).toBe(1);
  expect(screen.drain()?.resource.observation).toBeNull();
  expect(played[0]!.cancelled).toBe(1);
  screen.close();
  expect([desk.observations, desk.resources()]).toEqual([0, []]);
  // Looking on anew begins anew.
  watch();
  expect(played).toHaveLength(2);
});

it('what cannot be observed leaves nothing behind, and what is running stays', async () => {
  const { desk, played, kept, watch, fail } = bench();
  fail(coapError('coap.busy', 'The station observes 10000 resources already.'));
  expect(() => watch()).toThrow(/already/);
  await expect(desk.observe(URI, undefined)).rejects.toThrow(/already/);
  expect([desk.resources(), desk.observations]).toEqual([[], 0]);
  expect([...kept.values()].every(({ removed }) => removed)).toBe(true);
  fail(undefined);
  await desk.observe(URI, undefined);
  expect(await desk.observe(URI, 50)).toMatchObject({ observation: { policy: 'always' } });
  expect(played.map(({ accept }) => accept)).toEqual([undefined]);
});

it('a refusal ends what is watched and says why; looking on again asks again', async () => {
  const { desk, exchanges, played, watch } = bench();
  const screen = watch();
  const messages = exchanges.openFeed(observedExchange(URI), () => undefined);
  played[0]!.become('ended', 'The server ended the observation: 4.04 Not Found.', 'coap.refused');
  expect(screen.drain()?.resource.observation).toMatchObject({ state: 'ended', policy: 'open' });
  expect(messages.snapshot()).toMatchObject({ state: 'failed', problem: { code: 'coap.refused' } });
  expect(desk.observations).toBe(0);
  const again = watch();
  expect(played).toHaveLength(2);
  again.close();
  screen.close();
  await settled();
  expect([played[1]!.cancelled, desk.resources()]).toEqual([1, []]);
  expect(messages.snapshot().state).toBe('cancelled');
});

it('only what is always observed is recorded; a watched one is decoded all the same', async () => {
  const { desk, played, recorded, watch } = bench();
  const screen = watch();
  played[0]!.tell('20.5');
  await desk.observe(URI, undefined);
  played[0]!.tell('21.5');
  void desk.cancelObserve(URI);
  played[0]!.tell('22.5');
  expect(recorded).toEqual(['21.5']);
  const told = screen.drain()!.notifications.map(({ values }) => values[0]!.value);
  expect([told, played.length]).toEqual([[20.5, 21.5, 22.5], 1]);
});

it('a screen that takes them slowly gets the newest 200 and the number of the others', () => {
  const { played, watch } = bench();
  const screen = watch();
  for (let n = 1; n <= 250; n++) played[0]!.tell(String(n));
  const first = screen.drain()!;
  expect([first.notifications.length, first.leftOut]).toEqual([200, 50]);
  expect(first.notifications[0]!.values[0]!.value).toBe(51);
  played[0]!.tell('251');
  expect(screen.drain()!.notifications).toHaveLength(1);
  expect(screen.drain()).toBeNull();
});

it("the station's own resources are watched, but not recorded", async () => {
  const { desk, played, kept, watch } = bench();
  for (const uri of ['coap://127.0.0.1/devices/1', 'coap://named:5683/devices/1']) {
    await expect(desk.observe(uri, undefined)).rejects.toMatchObject({ code: 'coap.own_resource' });
  }
  expect([played.length, desk.resources(), kept.size]).toEqual([0, [], 0]);
  const screen = watch('coap://127.0.0.1:5683/devices/1');
  expect(played.length).toBe(1);
  await expect(desk.observe('coap://127.0.0.1/devices/1', undefined)).rejects.toMatchObject({
    code: 'coap.own_resource',
  });
  expect(desk.resource('coap://127.0.0.1:5683/devices/1')?.observation?.policy).toBe('open');
  screen.close();
});

it('a name that leads to the station later ends what is recorded, and not what is watched', async () => {
  const { desk, played, watch, listening } = bench();
  const [own] = listening.splice(0);
  const uri = 'coap://named:5683/t';
  const screen = watch(uri);
  listening.push(own!);
  expect(await played[0]!.resolver!('named')).toEqual(['127.0.0.1']);
  listening.length = 0;
  await desk.observe(uri, undefined);
  listening.push(own!);
  await expect(played[0]!.resolver!('named')).rejects.toMatchObject({ code: 'coap.own_resource' });
  screen.close();
});

it('what an earlier version recorded of the station itself is not taken up again, and says why', () => {
  const { desk, played } = bench();
  const record = (uri: string) => ({
    ...{ uri, authority: uri.slice(0, uri.lastIndexOf('/')), path: '/x', attributes: {} },
    ...{ observed: true, accept: null, removed: false },
  });
  desk.load([record('coap://127.0.0.1:5683/d'), record(URI)]);
  desk.resume();
  expect(played.length).toBe(1);
  expect(desk.resource('coap://127.0.0.1:5683/d')?.observation).toMatchObject({
    state: 'ended',
    problem: expect.stringContaining('of this station itself') as string,
  });
  desk.stop();
});

it('messages are told while somebody looks, also when their exchange was forgotten meanwhile', async () => {
  const { desk, exchanges, played } = bench();
  await desk.observe(URI, undefined);
  const [one] = played;
  expect(one!.onWire).toBeUndefined();
  const name = observedExchange(URI);
  const early = exchanges.openFeed(name, () => undefined);
  one!.send();
  expect(early.snapshot()).toMatchObject({ state: 'running', uri: URI, steps: [{ codeName: 'GET' }] });
  early.close();
  expect(one!.onWire).toBeUndefined();
  for (let n = 0; n < 250; n++) exchanges.begin(`other ${n}`, URI, 'GET').answered();
  const late = exchanges.openFeed(name, () => undefined);
  one!.send();
  expect(late.snapshot()).toMatchObject({ state: 'running', steps: [{ codeName: 'GET' }] });
  await desk.cancelObserve(URI);
  // Its farewell is a message, too.
  expect(late.snapshot()).toMatchObject({ state: 'cancelled', steps: [{}, {}] });
});
