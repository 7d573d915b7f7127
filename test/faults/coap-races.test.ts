/** Everything CoAP is ended at any moment of what is under way: all of it settles by a code, and nothing stays behind. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { codeOf } from '../../core/base/errors.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CONTENT } from '../../core/coap/codec/codes.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { secureRandom } from '../../core/coap/random.ts';
import { CoapServer } from '../../core/coap/server/coap-server.ts';
import { Rig } from '../support/coap-fuzz/rig.ts';
import { seededRandom } from '../support/seeded-random.ts';

const rejections: unknown[] = [];
const heard = (error: unknown): void => void rejections.push(error);

beforeEach(() => {
  rejections.length = 0;
  process.on('unhandledRejection', heard);
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  process.off('unhandledRejection', heard);
  expect(rejections).toEqual([]);
});

/** A server whose resources answer at once, late, never, in blocks, and change all the time. */
async function startServer(): Promise<{
  endpoint: CoapEndpoint;
  port: number;
  tcp: number;
  stop(): Promise<void>;
}> {
  const common = { clock: systemClock, log: silentLog };
  const endpoint = new CoapEndpoint({ ...common, serve: (request) => server.sink(request), tickMs: 10 });
  const server = new CoapServer({ ...common, wheel: endpoint.wheel, random: secureRandom() });
  const methods = ['GET', 'PUT'] as const;
  const add = (path: string, payload: Uint8Array, afterMs?: number): void =>
    void server.add(path, {
      methods,
      observable: true,
      handle: () => {
        const answer = { code: CONTENT, payload };
        if (afterMs === undefined) return answer;
        return new Promise((resolve) => setTimeout(() => resolve(answer), afterMs).unref());
      },
    });
  add('now', Buffer.from('1'));
  add('late', Buffer.from('2'), 30);
  add('never', Buffer.from('3'), 60_000);
  add('long', Buffer.alloc(20_000));
  const timer = setInterval(() => ['now', 'late', 'long'].forEach((path) => server.changed(path)), 3);
  const { port } = await endpoint.start({ host: '127.0.0.1', port: 0 });
  const listener = await endpoint.listenReliable({ transport: 'tcp', host: '127.0.0.1', port: 0 });
  return {
    ...{ endpoint, port, tcp: listener.address.port },
    stop: async () => {
      clearInterval(timer);
      server.stop();
      await endpoint.stop();
    },
  };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Requests, pings, observations and cancellations of every kind, begun side by side; how each of them ended. */
function everything(rig: Rig, authorities: string[], signal: AbortSignal): Promise<string>[] {
  const { desk } = rig;
  const ended = async (run: () => unknown): Promise<string> => {
    try {
      await run();
      return 'ok';
    } catch (error) {
      return codeOf(error);
    }
  };
  return authorities.flatMap((authority) => [
    ...['now', 'late', 'never', 'long', 'none'].flatMap((path) => {
      const uri = `${authority}/${path}`;
      const ask = (method: 'GET' | 'PUT') => () =>
        desk.request(
          { uri, method, confirmable: true, ...(method === 'PUT' ? { payload: new Uint8Array(5_000) } : {}) },
          signal,
        );
      const watch = async (): Promise<void> => {
        const { close } = desk.watch(uri, undefined, { changed() {}, notified() {} });
        await Promise.resolve();
        close();
        close();
      };
      const observe = async (): Promise<void> => {
        desk.observe(uri, undefined);
        // While the registration is on its way.
        if (path !== 'now') await desk.cancelObserve(uri);
      };
      return [ask('GET'), ask('PUT'), watch, observe].map(ended);
    }),
    ended(() => desk.ping(authority, signal)),
    ended(() => desk.discover(authority, signal)),
  ]);
}

it(
  'an endpoint stops in the middle of everything: all is settled by a code, and nothing is left',
  { timeout: 60_000 },
  async () => {
    const random = seededRandom(7);
    for (let round = 0; round < 25; round++) {
      const server = await startServer();
      const rig = new Rig();
      await rig.start();
      const authorities = [`coap://127.0.0.1:${server.port}`, `coap+tcp://127.0.0.1:${server.tcp}`];
      const abort = new AbortController();
      const all = everything(rig, authorities, abort.signal);
      await wait(random(50));
      if (round % 3 === 0) abort.abort();
      // Ours first, theirs first, or both at once.
      const stops = [() => rig.stop(), () => server.stop()];
      if (round % 2 === 0) stops.reverse();
      const first = stops[0]!();
      if (round % 4 < 2) await first;
      await Promise.all([first, stops[1]!()]);
      for (const end of await Promise.all(all)) {
        expect(end).toMatch(
          /^ok$|^coap\.(cancelled|closed|not_running|reset|unreachable|handshake|timeout|not_observed|refused|busy|blocks_broken)$/,
        );
      }
      const { exchanges, observations, responding } = rig.endpoint.counters;
      expect({ exchanges, observations, responding, ...rig.endpoint.holdings }).toEqual({
        ...{ exchanges: 0, observations: 0, responding: 0, peers: 0, rememberedIds: 0, serving: 0 },
      });
      expect(Object.values(rig.server.holdings).every((count) => count === 0)).toBe(true);
      expect(rig.faults).toEqual([]);
      expect(rig.endpoint.wheel.size).toBe(0);
      await expect(rig.desk.ping(authorities[0]!, new AbortController().signal)).rejects.toMatchObject({
        code: 'coap.not_running',
      });
    }
  },
);

it('a listener closes with requests, observations and bodies under way; the UDP port serves on', async () => {
  const rig = new Rig();
  await rig.start();
  const common = { clock: systemClock, log: silentLog };
  for (let round = 0; round < 5; round++) {
    const listener = await rig.endpoint.listenReliable({ transport: 'tcp', host: '127.0.0.1', port: 0 });
    const client = new CoapEndpoint({ ...common, tickMs: 10 });
    await client.start({ host: '127.0.0.1', port: 0 });
    const uri = `coap+tcp://127.0.0.1:${listener.address.port}`;
    const states: string[] = [];
    const asked = Array.from({ length: 30 }, (_, index) =>
      client
        .request(`${uri}/topics/t${index}`, { method: 'PUT', payload: Buffer.alloc(10_000) })
        .then(({ code }) => code, codeOf),
    );
    client.observe(
      `${uri}/devices`,
      {},
      { notification() {}, state: ({ state }) => void states.push(state) },
    );
    await wait(round * 4);
    await Promise.all([listener.close(), listener.close()]);
    for (const end of await Promise.all(asked)) {
      expect(end).toMatch(/^2\.04$|^coap\.(closed|handshake|unreachable|cancelled)$/);
    }
    const { code } = await client.request(`coap://127.0.0.1:${rig.ports.udp}/devices`);
    expect(code).toBe('2.05');
    await client.stop();
    expect(states.at(-1)).toBe('ended');
  }
  await rig.stop();
  expect(rig.server.observers).toBe(0);
});

it('an observation that is cancelled at any moment of its registration leaves no observer behind', async () => {
  const server = new Rig();
  await server.start();
  const client = new CoapEndpoint({ clock: systemClock, log: silentLog, tickMs: 10 });
  await client.start({ host: '127.0.0.1', port: 0 });
  const places = [`coap://127.0.0.1:${server.ports.udp}`, `coap+tcp://127.0.0.1:${server.ports.tcp}`];
  for (const place of places) {
    for (let turns = 0; turns < 12; turns++) {
      const observation = client.observe(`${place}/devices`, {}, { notification() {} });
      for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      await Promise.all([observation.cancel(), observation.cancel()]);
      expect(observation.state).toBe('ended');
    }
  }
  // Where the cancellation overtook its registration, the next notification is rejected, which ends it too.
  for (let tries = 0; tries < 100 && server.server.observers > 0; tries++) {
    server.server.changed('devices');
    await wait(30);
  }
  expect([server.server.observers, client.counters.observations]).toEqual([0, 0]);
  await client.stop();
  await server.stop();
});
