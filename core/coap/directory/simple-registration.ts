import type { Clock } from '../../base/clock.ts';
import { codeOf, messageOf } from '../../base/errors.ts';
import type { PeerAddress } from '../address.ts';
import { CHANGED, code } from '../codec/codes.ts';
import { HostShares, hostOf } from '../host-shares.ts';
import type { ServedAnswer, ServedRequest } from '../server/resource.ts';
import { badRequest, parametersOf, refused } from './answers.ts';
import type { Directory } from './directory.ts';
import { baseOf } from './registration.ts';

/** Reads `uri`, a `/.well-known/core`. Fails with a CodedError whose message may be shown. */
export type LinkFetcher = (
  uri: string,
  signal: AbortSignal,
) => Promise<{ text: string; maxAgeSeconds: number }>;

const SERVICE_UNAVAILABLE = code(5, 3);
const GATEWAY_TIMEOUT = code(5, 4);
/** Devices that are asked at a time; more are told to come again. */
const MAX_UNDER_WAY = 32;
const RETRY_S = 5;
const MAX_KEPT = 64;

interface Kept {
  text: string;
  /** Monotonic ms. */
  untilMs: number;
}

/**
 * Simple registration (RFC 9176 §5.1): a device only says that it is there, and its links are read from it. It is
 * answered after that, as the RFC has it, so that 2.04 means registered. What was read stays good for its Max-Age:
 * a device that has no memory for both at once asks again and is answered at once.
 */
export class SimpleRegistration {
  readonly #directory: Directory;
  readonly #clock: Clock;
  readonly #fetchLinks: LinkFetcher;
  readonly #stopped = new AbortController();
  /** By base. A second request of one device waits for the same answer. */
  readonly #underWay = new Map<string, Promise<string>>();
  readonly #hosts = new HostShares(MAX_UNDER_WAY);
  readonly #kept = new Map<string, Kept>();

  constructor(directory: Directory, parts: { clock: Clock; fetchLinks: LinkFetcher }) {
    this.#directory = directory;
    this.#clock = parts.clock;
    this.#fetchLinks = parts.fetchLinks;
  }

  async handle(request: ServedRequest): Promise<ServedAnswer> {
    const read = parametersOf(request);
    if ('answer' in read) return read.answer;
    const { parameters } = read;
    if (parameters.base !== undefined) return badRequest('base cannot be given here; register at /rd');
    // Over a connection the device's address is not where it serves, and base is not there to say it (§5.1).
    if (request.transport !== 'udp' && request.transport !== 'dtls') {
      return badRequest('only over UDP and DTLS; register at /rd with base');
    }
    const refusal = this.#directory.refusal(parameters, request);
    if (refusal !== undefined) return refused(refusal);

    const base = baseOf(request);
    let text: string;
    try {
      const asked = this.#links(base, request.from);
      if (asked === undefined) return { code: SERVICE_UNAVAILABLE, maxAgeSeconds: RETRY_S };
      text = await asked;
    } catch (error) {
      // Nobody there: whoever may have forged this address gets no long answer sent to it, five times over.
      if (codeOf(error) === 'coap.timeout') return { code: GATEWAY_TIMEOUT };
      return { code: GATEWAY_TIMEOUT, diagnostic: `your /.well-known/core: ${messageOf(error)}` };
    }
    const outcome = this.#directory.register(parameters, text, request);
    return outcome.ok ? { code: CHANGED } : refused(outcome);
  }

  /** Gives up what is under way. May be called again. */
  stop(): void {
    this.#stopped.abort();
    this.#kept.clear();
  }

  /** Undefined when too many are asked already, or too many of that host. */
  #links(base: string, from: PeerAddress): Promise<string> | undefined {
    const kept = this.#kept.get(base);
    if (kept !== undefined && kept.untilMs > this.#clock.monotonic()) return Promise.resolve(kept.text);
    this.#kept.delete(base);
    const asked = this.#underWay.get(base);
    if (asked !== undefined) return asked;
    if (this.#underWay.size >= MAX_UNDER_WAY) return undefined;
    if (this.#hosts.isFull(from, this.#underWay.size)) {
      this.#directory.counters.hostShareReached++;
      return undefined;
    }
    const host = hostOf(from);
    this.#hosts.take(host);
    const asking = this.#ask(base).finally(() => {
      this.#hosts.give(host);
      this.#underWay.delete(base);
    });
    this.#underWay.set(base, asking);
    return asking;
  }

  async #ask(base: string): Promise<string> {
    const { text, maxAgeSeconds } = await this.#fetchLinks(`${base}/.well-known/core`, this.#stopped.signal);
    this.#kept.set(base, { text, untilMs: this.#clock.monotonic() + maxAgeSeconds * 1_000 });
    if (this.#kept.size > MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return text;
  }
}
