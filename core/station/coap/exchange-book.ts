import type { Clock } from '../../base/clock.ts';
import { CodedError, codeOf, messageOf } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import type { WireEvent } from '../../coap/carrier.ts';
import type { CoapMethod } from '../../contract/coap.ts';
import type { CoapExchange, CoapExchangeDelta, CoapStep } from '../../contract/coap-browser.ts';
import type { Feed } from '../../rpc/types.ts';
import { stepOf } from './steps.ts';

/** Steps kept of one exchange: a transfer of 2 MB in blocks of 1024 bytes. */
const MAX_STEPS = 4_000;
/** Of an observation the newest are kept. */
const MAX_OBSERVED_STEPS = 500;
/** Exchanges that nobody looks at are forgotten, the oldest first, past either of these. */
const MAX_EXCHANGES = 200;
const MAX_STEPS_IN_ALL = 40_000;

/** Steps keep their number for good: step n is `kept[n - leftBefore]`. */
interface Entry {
  readonly exchange: string;
  uri: string | null;
  method: CoapMethod | null;
  state: CoapExchange['state'];
  problem: CoapExchange['problem'];
  kept: CoapStep[];
  /** Older ones of an observation, no longer kept. */
  leftBefore: number;
  /** Later ones of a request, never kept. */
  leftAfter: number;
  firstMs: number;
  /** Which `begin` it belongs to now: an earlier one has no say any more. */
  run: number;
  readonly onChange: Set<() => void>;
}

/** One exchange while it goes on. */
export interface OpenExchange {
  wire(event: WireEvent): void;
  /** The next message must wait so long for its number (RFC 7252 §4.4). */
  waiting(waitMs: number): void;
  answered(): void;
  failed(error: unknown): void;
}

/** The messages of requests and observations that screens look at, step by step. Bounded; nothing is recorded. */
export class ExchangeBook {
  /** Somebody begins to look at an exchange, or nobody does any more. */
  readonly looked = new Signal<{ exchange: string }>();
  readonly #clock: Clock;
  // In order of last use: the oldest is the first.
  readonly #entries = new Map<string, Entry>();
  #steps = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * An exchange begins. `rolling`: an observation, which may begin again under its name and keeps its newest steps.
   * @throws CodedError `coap.bad_request` for a name that was used already, `coap.busy`
   */
  begin(exchange: string, uri: string, method: CoapMethod, rolling = false): OpenExchange {
    const entry = this.#entry(exchange);
    if (!rolling && entry.state !== 'waiting') {
      throw new CodedError('coap.bad_request', 'This exchange id was used already. Choose a new one.');
    }
    const run = entry.run + 1;
    Object.assign(entry, { uri, method, state: 'running', problem: null, run });
    this.#changed(entry);
    const live = () =>
      this.#entries.get(exchange) === entry && entry.state === 'running' && entry.run === run;
    return {
      wire: (event) => {
        if (live()) this.#add(entry, event, rolling);
      },
      waiting: (waitMs) => {
        if (!live()) return;
        entry.problem = { code: 'coap.busy', message: waitingText(waitMs) };
        this.#changed(entry);
      },
      answered: () => {
        if (!live()) return;
        entry.state = 'answered';
        entry.problem = null;
        this.#changed(entry);
      },
      failed: (error) => {
        if (!live()) return;
        entry.state = codeOf(error) === 'coap.cancelled' ? 'cancelled' : 'failed';
        entry.problem = { code: codeOf(error), message: messageOf(error) };
        this.#changed(entry);
      },
    };
  }

  isLookedAt(exchange: string): boolean {
    return (this.#entries.get(exchange)?.onChange.size ?? 0) > 0;
  }

  /** It was begun, has not ended, and its steps are kept. */
  isRunning(exchange: string): boolean {
    return this.#entries.get(exchange)?.state === 'running';
  }

  /** Also before it was asked: it is `waiting` then. */
  openFeed(exchange: string, dirty: () => void): Feed<CoapExchange, CoapExchangeDelta> {
    const entry = this.#entry(exchange);
    let next = 0;
    let changed = false;
    const onChange = (): void => {
      changed = true;
      dirty();
    };
    entry.onChange.add(onChange);
    if (entry.onChange.size === 1) this.looked.emit({ exchange });
    const take = (): CoapExchange => {
      changed = false;
      const steps = entry.kept.slice(Math.max(0, next - entry.leftBefore));
      next = entry.leftBefore + entry.kept.length;
      const { uri, method, state, problem, leftBefore, leftAfter } = entry;
      return { exchange, uri, method, state, problem, steps, leftOut: leftBefore + leftAfter };
    };
    return {
      snapshot: () => {
        next = 0;
        return take();
      },
      drain: () => (changed ? take() : null),
      close: () => {
        entry.onChange.delete(onChange);
        if (entry.onChange.size === 0) this.looked.emit({ exchange });
        this.#evict();
      },
    };
  }

  #entry(exchange: string): Entry {
    let entry = this.#entries.get(exchange);
    if (entry !== undefined) this.#entries.delete(exchange);
    else {
      entry = {
        exchange,
        uri: null,
        method: null,
        state: 'waiting',
        problem: null,
        kept: [],
        leftBefore: 0,
        leftAfter: 0,
        firstMs: NaN,
        run: 0,
        onChange: new Set(),
      };
    }
    this.#entries.set(exchange, entry);
    this.#evict();
    if (!this.#entries.has(exchange)) {
      throw new CodedError('coap.busy', 'Too many exchanges are being looked at. Close some of them.');
    }
    return entry;
  }

  #add(entry: Entry, event: WireEvent, rolling: boolean): void {
    if (Number.isNaN(entry.firstMs)) entry.firstMs = event.atMs;
    // What it waited for is there.
    if (event.direction === 'out') entry.problem = null;
    if (!rolling && entry.kept.length >= MAX_STEPS) entry.leftAfter++;
    else {
      entry.kept.push(stepOf(event, this.#clock, entry.firstMs));
      this.#steps++;
      if (rolling && entry.kept.length > MAX_OBSERVED_STEPS * 1.2) {
        const old = entry.kept.length - MAX_OBSERVED_STEPS;
        entry.kept.splice(0, old);
        entry.leftBefore += old;
        this.#steps -= old;
      }
      if (this.#steps > MAX_STEPS_IN_ALL) this.#evict();
    }
    this.#changed(entry);
  }

  #changed(entry: Entry): void {
    for (const listener of entry.onChange) listener();
  }

  #forgetSteps(entry: Entry): void {
    this.#steps -= entry.kept.length;
    entry.kept = [];
    entry.leftBefore = 0;
    entry.leftAfter = 0;
    entry.firstMs = NaN;
  }

  #evict(): void {
    for (const [exchange, entry] of this.#entries) {
      if (this.#entries.size <= MAX_EXCHANGES && this.#steps <= MAX_STEPS_IN_ALL) return;
      if (entry.onChange.size > 0) continue;
      this.#forgetSteps(entry);
      this.#entries.delete(exchange);
    }
  }
}

function waitingText(waitMs: number): string {
  const seconds = Math.ceil(waitMs / 1_000);
  return (
    `It waits up to ${seconds} s for a message number: 65,536 messages went to this server within the last ` +
    'minutes, and none of their numbers may be used again so soon (RFC 7252 §4.4). It is sent then by itself.'
  );
}
