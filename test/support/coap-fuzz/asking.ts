import { CodedError, codeOf } from '../../../core/base/errors.ts';
import type { Random } from '../mqtt-fuzz/random.ts';
import { options } from './traffic.ts';
import type { Rig } from './rig.ts';

const MOST = 24;
const PATIENCE_MS = 20_000;
const END_MS = 5_000;
const CODE = /^coap\.[a-z_]+$/;

/** The station asks and observes servers that mean ill: whatever they do, each request ends, with one coded error or none. */
export class Asking {
  /** How requests ended. */
  readonly ends = new Map<string, number>();
  /** Errors without a code, and requests that never end. */
  readonly complaints: string[] = [];
  readonly #random: Random;
  readonly #rig: Rig;
  readonly #authorities: readonly string[];
  readonly #underWay = new Map<Promise<void>, { what: string; sinceMs: number; abort: AbortController }>();
  readonly #watching: (() => void)[] = [];
  #exchange = 0;

  constructor(random: Random, rig: Rig, authorities: readonly string[]) {
    this.#random = random;
    this.#rig = rig;
    this.#authorities = authorities;
  }

  act(): void {
    for (const { what, sinceMs, abort } of this.#underWay.values()) {
      const ageMs = performance.now() - sinceMs;
      // A body in many small blocks, each in line behind other requests, may take long: whoever asked gives it up.
      if (ageMs > PATIENCE_MS) abort.abort();
      if (ageMs > PATIENCE_MS + END_MS) this.#complain(`${what} has not ended, although it was given up`);
    }
    const random = this.#random;
    if (this.#underWay.size >= MOST) {
      if (random.chance(0.1)) random.pick([...this.#underWay.values()]).abort.abort();
      return;
    }
    const { desk } = this.#rig;
    const authority = random.pick(this.#authorities);
    const uri = `${authority}/r${random.below(30)}`;
    const abort = new AbortController();
    const { signal } = abort;
    if (random.chance(0.1)) setTimeout(() => abort.abort(), random.below(2_000)).unref();
    switch (random.below(10)) {
      case 0:
        return this.#run('discover', abort, () => desk.discover(authority, signal));
      case 1:
        return this.#run(`ping ${authority}`, abort, () => desk.ping(authority, signal));
      case 2:
        return this.#run('observe', abort, () => Promise.resolve(desk.observe(uri, undefined)));
      case 3:
        return this.#run('cancel', abort, () => desk.cancelObserve(uri));
      case 4:
        return this.#run('watch', abort, () => this.#watch(uri));
      case 5:
        if (random.chance(0.1))
          return this.#run('forget', abort, () => Promise.resolve(desk.forget(authority)));
        return this.#watching.splice(0, 1)[0]?.();
      default: {
        const method = random.pick(['GET', 'GET', 'GET', 'PUT', 'POST', 'FETCH', 'DELETE'] as const);
        const bytes = random.pick([0, 10, 2_000, 20_000, 70_000]);
        const payload = method === 'GET' || method === 'DELETE' ? undefined : random.bytes(bytes);
        return this.#run('request', abort, () =>
          desk.request(
            {
              ...{
                uri,
                method,
                confirmable: random.chance(0.8),
                options: random.chance(0.2) ? anyOptions(random) : [],
              },
              ...(payload === undefined ? {} : { payload: new Uint8Array(payload) }),
              ...(random.chance(0.3) ? { blockBytes: random.pick([16, 64, 1_024] as const) } : {}),
              ...(random.chance(0.3) ? { exchange: `e${this.#exchange++}` } : {}),
            },
            signal,
          ),
        );
      }
    }
  }

  /** Gives up what is under way; everything has to end then. */
  async stop(): Promise<void> {
    for (const close of this.#watching.splice(0)) close();
    for (const { abort } of this.#underWay.values()) abort.abort();
    await Promise.all(this.#underWay.keys());
  }

  #watch(uri: string): Promise<void> {
    const { close } = this.#rig.desk.watch(uri, undefined, { changed() {}, notified() {} });
    this.#watching.push(close);
    if (this.#watching.length > 20) this.#watching.shift()!();
    return Promise.resolve();
  }

  #run(what: string, abort: AbortController, ask: () => Promise<unknown>): void {
    const run = async (): Promise<void> => {
      try {
        await ask();
        this.#count(`${what.split(' ', 1)[0]} ok`);
      } catch (error) {
        this.#count(`${what.split(' ', 1)[0]} ${codeOf(error)}`);
        if (!(error instanceof CodedError) || !CODE.test(error.code)) {
          this.#complain(`${what} failed with ${error instanceof Error ? error.stack : String(error)}`);
        }
      } finally {
        this.#underWay.delete(running);
      }
    };
    const running: Promise<void> = Promise.resolve().then(run);
    this.#underWay.set(running, { what, sinceMs: performance.now(), abort });
  }

  #count(end: string): void {
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1);
  }

  #complain(complaint: string): void {
    if (this.complaints.length < 20 && !this.complaints.includes(complaint)) this.complaints.push(complaint);
  }
}

function anyOptions(random: Random): { number: number; value: Uint8Array<ArrayBuffer> }[] {
  return options(random).map(({ number, value }) => ({ number, value: new Uint8Array(value) }));
}
