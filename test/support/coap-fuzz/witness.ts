import { systemClock } from '../../../core/base/clock.ts';
import { messageOf } from '../../../core/base/errors.ts';
import { silentLog } from '../../../core/base/log.ts';
import { CONTENT } from '../../../core/coap/codec/codes.ts';
import { CoapEndpoint } from '../../../core/coap/endpoint.ts';
import { secureRandom } from '../../../core/coap/random.ts';
import { decodeFramed } from '../../../core/coap/reliable/codec.ts';
import { ABORT, RELEASE } from '../../../core/coap/reliable/signals.ts';
import { CoapServer } from '../../../core/coap/server/coap-server.ts';
import type { Rig } from './rig.ts';

const TOPIC = 'witness/of/the/fuzzing';
/** No notification may stay away for so long while the resource changes. */
const SILENCE_MS = 15_000;
const PAUSE_MS = 100;
const SLOW_MS = 2_000;

/**
 * A peer that behaves: it asks the station over UDP, TCP and WebSockets, observes what it writes there itself, and is
 * asked and observed by the station. Nothing of that may fail or stand still, whatever others do.
 */
export class Witness {
  exchanges = 0;
  notifications = 0;
  /** Round trips of all that was asked, ms. */
  readonly times: number[] = [];
  /** How many of each kind took more than 2 s: what got lost was sent again. */
  readonly slow = new Map<string, number>();
  readonly complaints: string[] = [];
  readonly #rig: Rig;
  readonly #endpoint: CoapEndpoint;
  readonly #server: CoapServer;
  #authority = '';
  #underWay = '';
  #written = 0;
  #ticks = 0;
  #heardMs = performance.now();
  #ownHeardMs = performance.now();
  #running = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(rig: Rig) {
    this.#rig = rig;
    const clock = systemClock;
    const common = { clock, log: silentLog };
    this.#endpoint = new CoapEndpoint({
      ...common,
      parameters: { ackTimeoutMs: 500, piggybackMs: 150, maxLatencyMs: 2_000 },
      serve: (request) => this.#server.sink(request),
      tickMs: 20,
    });
    this.#server = new CoapServer({ ...common, wheel: this.#endpoint.wheel, random: secureRandom() });
    this.#server.add('tick', {
      methods: ['GET'],
      observable: true,
      handle: () => ({ code: CONTENT, contentFormat: 0, payload: Buffer.from(String(this.#ticks)) }),
    });
  }

  async start(): Promise<void> {
    const { port } = await this.#endpoint.start({ host: '127.0.0.1', port: 0 });
    this.#authority = `coap://127.0.0.1:${port}`;
    await this.#write();
    this.#endpoint.observe(
      `${this.#at('udp')}/topics/${TOPIC}`,
      {},
      {
        notification: ({ payload }) => {
          this.notifications++;
          if (Number(Buffer.from(payload).toString()) > this.#written)
            this.#complain('a value that was never written');
          this.#heardMs = performance.now();
        },
        state: ({ state, problem }) => {
          if (state !== 'active' && this.#running) this.#complain(`its observation is ${state}: ${problem}`);
        },
      },
    );
    void this.#rig.desk.observe(`${this.#authority}/tick`, undefined);
    this.#rig.desk.changed.on((uri) => {
      if (uri === `${this.#authority}/tick`) this.#ownHeardMs = performance.now();
    });
    this.#endpoint.tap(({ direction, transport, bytes }) => {
      if (direction === 'out' || (transport !== 'tcp' && transport !== 'ws')) return;
      const message = decodeFramed(bytes, 0, bytes.length, transport === 'tcp' ? 'stream' : 'websocket');
      if (typeof message === 'string' || (message.code !== RELEASE && message.code !== ABORT)) return;
      const why = Buffer.from(message.payload).toString();
      this.#complain(`its connection over ${transport} is ended by ${message.code & 31}: ${why}`);
    });
    this.#running = true;
    this.#loop = this.#run();
  }

  /** Looks whether anything stands still. */
  check(): void {
    const nowMs = performance.now();
    if (nowMs - this.#heardMs > SILENCE_MS) this.#complain('it hears no notifications of the station');
    if (nowMs - this.#ownHeardMs > SILENCE_MS) {
      const observation = this.#rig.desk.resource(`${this.#authority}/tick`)?.observation;
      const how = JSON.stringify({ observation, underWay: this.#underWay, slow: [...this.slow] });
      this.#complain(`the station hears no notifications of it: ${how}`);
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#loop;
    this.#server.stop();
    await this.#endpoint.stop();
  }

  async #run(): Promise<void> {
    while (this.#running) {
      await this.#write();
      for (const transport of ['udp', 'tcp', 'ws'] as const) {
        await this.#timed(`GET over ${transport}`, async () => {
          const { payload } = await this.#endpoint.request(`${this.#at(transport)}/topics/${TOPIC}`);
          const text = Buffer.from(payload).toString();
          if (text !== String(this.#written)) throw new Error(`it got ${text} instead of ${this.#written}`);
        });
      }
      this.#ticks++;
      this.#server.changed('tick');
      await this.#timed('a request of the station', async () => {
        const input = { uri: `${this.#authority}/tick`, method: 'GET', confirmable: true } as const;
        const { code } = await this.#rig.desk.request(input, AbortSignal.timeout(20_000));
        if (code !== '2.05') throw new Error(`it was answered ${code}`);
      });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #write(): Promise<void> {
    return this.#timed('PUT', async () => {
      const payload = Buffer.from(String(this.#written + 1));
      this.#written++;
      const { code, payload: why } = await this.#endpoint.request(`${this.#at('udp')}/topics/${TOPIC}`, {
        method: 'PUT',
        payload,
      });
      if (code !== '2.04') throw new Error(`it was answered ${code} ${Buffer.from(why).toString()}`);
    });
  }

  #at(transport: 'udp' | 'tcp' | 'ws'): string {
    const scheme = { udp: 'coap', tcp: 'coap+tcp', ws: 'coap+ws' }[transport];
    return `${scheme}://127.0.0.1:${this.#rig.ports[transport]}`;
  }

  async #timed(what: string, run: () => Promise<void>): Promise<void> {
    const fromMs = performance.now();
    this.#underWay = what;
    try {
      await run();
      this.exchanges++;
      const tookMs = performance.now() - fromMs;
      this.times.push(tookMs);
      if (tookMs > SLOW_MS) this.slow.set(what, (this.slow.get(what) ?? 0) + 1);
    } catch (error) {
      this.#complain(`${what}: ${messageOf(error)}`);
    }
  }

  #complain(complaint: string): void {
    if (this.complaints.length < 20) this.complaints.push(complaint);
  }
}
