/**
 * What moves on the made-up station's CoAP page: exchanges step by step and watched resources. Exchange ids that
 * begin with `scene:` are there for pictures: simple, lossy, unanswered, separate, odd, tcp, blocks, huge, running.
 */
import type { CoapResource } from '../../core/contract/coap.ts';
import type {
  CoapExchange,
  CoapNotification,
  CoapStep,
  CoapWatch,
} from '../../core/contract/coap-browser.ts';
import type { Feed, Handlers } from '../../core/rpc/types.ts';
import * as made from './console-coap-steps.ts';
import { timed } from './console-coap-steps.ts';

type Part = Pick<CoapExchange, 'uri' | 'method' | 'state' | 'problem'>;
const SCENE_URI = 'coap://10.20.1.40:5683/sensors/temp';

/** One exchange whose steps come by themselves. */
class Growing {
  readonly steps: CoapStep[] = [];
  readonly dirty = new Set<() => void>();
  leftOut = 0;
  part: Part = { uri: null, method: null, state: 'waiting', problem: null };

  add(steps: readonly CoapStep[], part: Partial<Part> = {}): void {
    this.steps.push(...steps);
    this.part = { ...this.part, ...part };
    for (const dirty of this.dirty) dirty();
  }

  open(exchange: string, dirty: () => void): Feed<CoapExchange, CoapExchange> {
    let next = 0;
    let changed = false;
    const mark = (): void => ((changed = true), dirty());
    this.dirty.add(mark);
    const take = (): CoapExchange => {
      changed = false;
      const steps = this.steps.slice(next);
      next = this.steps.length;
      return { exchange, ...this.part, steps, leftOut: this.leftOut };
    };
    return {
      snapshot: () => ((next = 0), take()),
      drain: () => (changed ? take() : null),
      close: () => void this.dirty.delete(mark),
    };
  }
}

function scene(name: string): Growing {
  const one = new Growing();
  const startMs = Date.now() - 60_000;
  const get: Partial<Part> = { uri: SCENE_URI, method: 'GET', state: 'answered' };
  const problem = { code: 'coap.timeout', message: 'No answer after 4 retransmissions in 36 s.' };
  if (name === 'simple') one.add(timed(made.simple(), startMs), get);
  if (name === 'lossy') one.add(timed(made.lossy(), startMs), get);
  if (name === 'unanswered') one.add(timed(made.unanswered(), startMs), { ...get, state: 'failed', problem });
  if (name === 'running') one.add(timed(made.lossy().slice(0, 3), startMs), { ...get, state: 'running' });
  if (name === 'separate') one.add(timed(made.separate(), startMs), get);
  if (name === 'odd') one.add(timed(made.odd(), startMs), { ...get, state: 'failed', problem });
  if (name === 'tcp') one.add(timed(made.tcp(), startMs, 0, 'tcp'), { ...get, method: 'PUT' });
  if (name === 'blocks') one.add(timed(made.blocks(64), startMs), { ...get, method: 'PUT' });
  if (name === 'huge') {
    one.leftOut = 312;
    one.add(timed(made.blocks(1_024), startMs), { ...get, method: 'PUT' });
  }
  return one;
}

function notification(n: number, receivedMs: number): CoapNotification {
  const temp = 21.5 + Math.sin(receivedMs / 40_000) * 1.4 + Math.sin(receivedMs / 7_000) * 0.2;
  const rh = 48 + Math.cos(receivedMs / 55_000) * 3;
  const text = JSON.stringify([
    { bn: 'urn:dev:mac:0024befffe804ff1:', n: 'temp', u: 'Cel', v: Number(temp.toFixed(2)) },
    { n: 'rh', u: '%RH', v: Number(rh.toFixed(1)) },
  ]);
  const payload = new TextEncoder().encode(text);
  return {
    receivedMs,
    code: '2.05',
    codeName: 'Content',
    observe: 40 + n,
    contentFormat: 110,
    maxAgeSeconds: 30,
    payload,
    bytes: payload.length,
    values: [
      { name: 'temp', unit: 'Cel', value: temp },
      { name: 'rh', unit: '%RH', value: rh },
    ],
  };
}

const EVERY_MS = 1_000;

export function madeUpCoapLive(change: (uri: string, next: Partial<CoapResource>) => CoapResource): {
  methods: Pick<Handlers['methods'], 'coap.observe' | 'coap.cancelObserve'>;
  subscriptions: Pick<Handlers['subscriptions'], 'coapExchange' | 'coapWatch'>;
  /** A request that was made with an exchange id: its steps come to whoever looks. */
  asked(exchange: string, uri: string, method: CoapExchange['method'], blocks: number): void;
  stop(): void;
} {
  const exchanges = new Map<string, Growing>();
  const timers = new Set<NodeJS.Timeout>();
  const exchangeOf = (id: string): Growing => {
    const known = exchanges.get(id);
    if (known !== undefined) return known;
    const one = id.startsWith('scene:') ? scene(id.slice(6)) : new Growing();
    exchanges.set(id, one);
    return one;
  };

  function openWatch(uri: string, dirty: () => void): Feed<CoapWatch, CoapWatch> {
    const always = change(uri, {}).observation?.policy === 'always';
    const sinceMs = Date.now();
    const ladder = exchangeOf(`observe ${uri}`);
    const begin = timed(made.observeBegin(), sinceMs);
    if (ladder.steps.length === 0) ladder.add(begin, { uri, method: 'GET', state: 'running' });
    let waiting: CoapNotification[] = [];
    let n = 0;
    const resource = (): CoapResource =>
      change(uri, {
        observable: true,
        observation: {
          policy: always ? 'always' : 'open',
          state: 'active',
          sinceMs,
          notifications: n,
          problem: null,
        },
      });
    const timer = setInterval(() => {
      n++;
      waiting.push(notification(n, Date.now()));
      const since = ladder.steps.at(-1)?.sinceMs ?? 0;
      const loose = made.notified(n).map((one, i) => (i === 0 ? { ...one, afterMs: EVERY_MS } : one));
      ladder.add(timed(loose, Date.now() - since - EVERY_MS, since));
      dirty();
    }, EVERY_MS);
    timers.add(timer);
    const take = (): CoapWatch => {
      const notifications = waiting;
      waiting = [];
      return { resource: resource(), notifications, leftOut: 0 };
    };
    return {
      snapshot: () => {
        const past = Array.from({ length: 90 }, (_, i) =>
          notification(i - 90, sinceMs - (90 - i) * EVERY_MS),
        );
        return { ...take(), notifications: past };
      },
      drain: () => (waiting.length > 0 ? take() : null),
      close: () => {
        clearInterval(timer);
        timers.delete(timer);
        if (!always && change(uri, {}).observation?.policy === 'open') change(uri, { observation: null });
      },
    };
  }

  return {
    methods: {
      'coap.observe': ({ uri }) =>
        change(uri, {
          observation: {
            policy: 'always',
            state: 'active',
            sinceMs: Date.now(),
            notifications: 1,
            problem: null,
          },
        }),
      'coap.cancelObserve': ({ uri }) => change(uri, { observation: null }),
    },
    subscriptions: {
      coapExchange: ({ exchange }, dirty) => exchangeOf(exchange).open(exchange, dirty),
      coapWatch: ({ uri }, dirty) => openWatch(uri, dirty),
    },
    asked(exchange, uri, method, blocks) {
      const transfer = method === 'GET' ? made.download(blocks) : made.blocks(blocks, 64);
      const steps = blocks > 1 ? transfer : made.simple();
      exchangeOf(exchange).add(timed(steps, Date.now()), { uri, method, state: 'answered' });
    },
    stop: () => timers.forEach((timer) => clearInterval(timer)),
  };
}
