import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { addressText } from '../address.ts';
import {
  BAD_OPTION,
  BAD_REQUEST,
  METHOD_NOT_ALLOWED,
  NOT_ACCEPTABLE,
  NOT_FOUND,
  UNAUTHORIZED,
  codeClass,
  isSuccess,
} from '../codec/codes.ts';
import { ECHO, NO_RESPONSE, OBSERVE, findOption, findUint } from '../codec/options.ts';
import type { CoapRandom } from '../random.ts';
import { AddressProof } from './address-proof.ts';
import { Blockwise, wayOf } from './blockwise.ts';
import type { Asked } from './blockwise.ts';
import { Handling, INTERNAL_SERVER_ERROR, SERVICE_UNAVAILABLE } from './handling.ts';
import { DEFAULT_SERVER_LIMITS, newServerCounters } from './limits.ts';
import type { ServerCounters, ServerLimits } from './limits.ts';
import type { Notification, Observer } from './observer.ts';
import { Observers } from './observers.ts';
import { hasPrecondition } from './precondition.ts';
import { RequestRate } from './request-rate.ts';
import type { Resource, ServedAnswer, ServedRequest } from './resource.ts';
import { Routes } from './routes.ts';
import { readRequest } from './served.ts';
import { errorAnswer, messageBytes } from './shaping.ts';
import type { IncomingRequest, RequestSink, ServerAnswer } from './types.ts';
import { WELL_KNOWN_CORE, wellKnownCore } from './well-known.ts';

export interface ServerParts {
  clock: Clock;
  wheel: TimerWheel;
  log: Log;
  random: CoapRandom;
  limits?: Partial<ServerLimits>;
  /** A code refuses (4.01, 4.03). Asked for every message, before its path is looked up and its block is kept. */
  allow?: (request: ServedRequest) => ServedAnswer | undefined;
}

/** 4.29 (RFC 8516). */
export const TOO_MANY_REQUESTS = (4 << 5) | 29;

const NO_BYTES = new Uint8Array(0);
const DEFAULT_MAX_AGE_SECONDS = 60;

/** Answers requests of every transport from resources: blocks, observers, limits and errors are its own. */
export class CoapServer {
  readonly sink: RequestSink = (request) => this.#receive(request);
  readonly counters: ServerCounters = newServerCounters();
  readonly limits: ServerLimits;
  readonly #log: Log;
  readonly #allow: ServerParts['allow'];
  readonly #routes = new Routes();
  readonly #blockwise: Blockwise;
  readonly #observers: Observers;
  readonly #handling: Handling;
  readonly #proof: AddressProof;
  readonly #rate: RequestRate;
  #stopped = false;

  constructor({ clock, wheel, log, random, limits, allow }: ServerParts) {
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...limits };
    this.#log = log;
    this.#allow = allow;
    this.#blockwise = new Blockwise(wheel, this.limits, this.counters);
    this.#handling = new Handling(wheel, log, this.limits, this.counters);
    this.#proof = new AddressProof(clock, this.limits, random.bytes(32));
    this.#rate = new RequestRate(clock, {
      perSecond: this.limits.requestsPerSecond,
      burst: this.limits.requestBurst,
      perHost: this.limits.requestsPerHost,
      peers: this.limits.ratedPeers,
    });
    this.#observers = new Observers({
      clock,
      wheel,
      limits: this.limits,
      counters: this.counters,
      produce: (observer, done) => this.#produce(observer, done),
    });
    this.add(
      WELL_KNOWN_CORE,
      wellKnownCore(() => this.#routes.links(this.limits.links)),
    );
  }

  /** Observations now. */
  get observers(): number {
    return this.#observers.size;
  }

  /** What it keeps for peers now, each bounded by `limits`. */
  get holdings(): Record<
    | 'assemblies'
    | 'assemblyBytes'
    | 'keptBodies'
    | 'keptBytes'
    | 'underWay'
    | 'observers'
    | 'ratedPeers'
    | 'verifiedPeers',
    number
  > {
    return {
      assemblies: this.#blockwise.assemblies.size,
      assemblyBytes: this.#blockwise.assemblies.bytes,
      keptBodies: this.#blockwise.kept.size,
      keptBytes: this.#blockwise.kept.bytes,
      underWay: this.#handling.underWay,
      observers: this.#observers.size,
      ratedPeers: this.#rate.size,
      verifiedPeers: this.#proof.size,
    };
  }

  /**
   * `path` like `rd` or `readings/3303`, `` for the root; `subtree` also takes everything below that no longer path
   * takes. A segment with a slash in it is written by `pathKey`. Returns a remover. Throws when the path is taken.
   */
  add(path: string, resource: Resource, options: { subtree?: boolean } = {}): () => void {
    const remove = this.#routes.add(path, resource, options.subtree === true);
    return () => {
      remove();
      // Observers hear 4.04, and that it was the last (RFC 7641 §4.2).
      if (options.subtree === true) this.#observers.changedBelow(path);
      else this.#observers.changed(path);
    };
  }

  /** Whether anybody observes exactly this path. */
  isObserved(path: string): boolean {
    return this.#observers.has(path);
  }

  /** The representation at this path changed, whatever the query: observers get a fresh answer of `handle`. */
  changed(path: string): void {
    this.#observers.changed(path);
  }

  /** All at a prefix and below it. */
  changedBelow(prefix: string): void {
    this.#observers.changedBelow(prefix);
  }

  /** Forgets all observers, bodies and timers; what still comes gets 5.03. May be called again. */
  stop(): void {
    this.#stopped = true;
    this.#handling.stop();
    this.#observers.stop();
    this.#blockwise.clear();
    this.#proof.clear();
    this.#rate.clear();
  }

  #receive(incoming: IncomingRequest): void {
    this.counters.requests++;
    this.#guard(incoming, () => this.#accept(incoming));
  }

  /** A mistake of ours costs one request, never the connection. */
  #guard(incoming: IncomingRequest, run: () => void, failed?: () => void): void {
    try {
      run();
    } catch (error) {
      failed?.();
      this.counters.handlerErrors++;
      const from = addressText(incoming.from);
      this.#log.error('a CoAP request could not be served', { from, error: messageOf(error) });
      incoming.answer(incoming.multicast ? null : errorAnswer({ code: INTERNAL_SERVER_ERROR }));
    }
  }

  #accept(incoming: IncomingRequest): void {
    const { peerKey, token, options } = incoming;
    if (this.#stopped) return this.#refuse(incoming, { code: SERVICE_UNAVAILABLE });
    const tooOften = this.#rate.take(peerKey, incoming.from);
    if (tooOften !== undefined) {
      this.counters.tooManyRequests++;
      if (tooOften === 'host') this.counters.hostShareReached++;
      return this.#refuse(incoming, { code: TOO_MANY_REQUESTS, maxAgeSeconds: this.#rate.retrySeconds });
    }
    const read = readRequest(incoming);
    if (!read.ok) {
      if (read.why === 'option') this.#refuseOption(incoming, read.answer);
      else this.#refuse(incoming, read.answer);
      return;
    }
    const { served } = read;
    const safe = served.method === 'GET' || served.method === 'FETCH';
    if (incoming.multicast && !safe) return incoming.answer(null);
    const echo = incoming.transport === 'udp' ? findOption(options, ECHO) : undefined;
    if (echo !== undefined && this.#proof.prove(incoming.from, echo)) this.counters.addressesVerified++;

    const refused = this.#allow?.(served);
    if (refused !== undefined) {
      this.counters.denied++;
      return this.#refuse(incoming, refused);
    }
    const observe = safe && !incoming.multicast ? findUint(options, OBSERVE) : undefined;
    if (observe === 1) this.#observers.remove(peerKey, token);
    const resource = this.#routes.find(served.path);
    if (resource === undefined) {
      this.counters.unknownPath++;
      return this.#refuse(incoming, { code: NOT_FOUND });
    }
    if (!resource.methods.includes(served.method)) {
      return this.#refuse(incoming, { code: METHOD_NOT_ALLOWED });
    }
    if (!safe && resource.preconditions !== true && hasPrecondition(options)) {
      const diagnostic = 'conditions (If-Match, If-None-Match) cannot be used here';
      return this.#refuseOption(incoming, { code: BAD_OPTION, diagnostic });
    }
    const way = wayOf(incoming.transport, () => incoming.carrier());
    const asked = this.#blockwise.read(served, resource, way);
    if (asked === undefined) return this.#refuse(incoming, { code: BAD_REQUEST });

    // What makes a transfer go on is never left out, whatever No-Response says.
    const early = this.#blockwise.takeBody(asked) ?? this.#blockwise.laterBlock(asked);
    if (early !== undefined && isSuccess(early.code)) this.#rate.wasBlock(peerKey);
    if (early !== undefined) return this.#deliver(incoming, early, { safe: true, always: true });
    this.#ask(incoming, asked, safe, observe === 0 && resource.observable === true);
  }

  #ask(incoming: IncomingRequest, asked: Asked, safe: boolean, wantsToObserve: boolean): void {
    const { served, resource } = asked;
    let observer: Observer | undefined;
    // Later blocks are of one representation and never observed (RFC 7959 §3.4).
    if (wantsToObserve && (asked.block2?.number ?? 0) === 0) {
      // One small request would call forth large answers for hours.
      if (!this.#proof.isProved(incoming.transport, incoming.from)) return this.#challenge(incoming, false);
      observer = this.#observers.begin(served, incoming.token, () => incoming.carrier());
      served.observe = observer !== undefined;
    }
    let late = false;
    this.#handling.run(resource, served, (answer) =>
      this.#guard(
        incoming,
        () => this.#finish(incoming, asked, answer, { safe, late, observer }),
        () => observer?.end(),
      ),
    );
    late = true;
  }

  #finish(
    incoming: IncomingRequest,
    asked: Asked,
    given: ServedAnswer,
    { safe, late, observer }: { safe: boolean; late: boolean; observer: Observer | undefined },
  ): void {
    const answer = this.#blockwise.shape(asked, given);
    if (observer === undefined || observer.over || !isSuccess(answer.code)) {
      observer?.end();
      this.#deliver(incoming, answer, { safe, late });
      return;
    }
    answer.options.push({ number: OBSERVE, value: observer.observeValue() });
    this.#deliver(incoming, answer, { safe, late, always: true });
    observer.keepsFormat(given);
    observer.registered(given.maxAgeSeconds ?? DEFAULT_MAX_AGE_SECONDS);
  }

  #produce(observer: Observer, done: (notification: Notification | undefined) => void): void {
    this.#guardObserver(observer, () => this.#produceAnew(observer, done));
  }

  /** A mistake of ours costs one observation. */
  #guardObserver(observer: Observer, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.counters.handlerErrors++;
      this.#log.error('a CoAP notification could not be made', { error: messageOf(error) });
      observer.end();
    }
  }

  #produceAnew(observer: Observer, done: (notification: Notification | undefined) => void): void {
    const served = observer.served.anew();
    const end = (answer: ServedAnswer): void =>
      done({ answer: errorAnswer(answer), last: true, maxAgeSeconds: 0, confirmable: true });
    const refused = this.#allow?.(served);
    if (refused !== undefined) {
      this.counters.denied++;
      return end(refused);
    }
    const resource = this.#routes.find(served.path);
    if (resource?.observable !== true) return end({ code: NOT_FOUND });
    if (!this.#handling.hasRoom(served)) return done(undefined);
    const asked = this.#blockwise.read(served, resource, observer.carrier);
    if (asked === undefined) return end({ code: BAD_REQUEST });
    // The body came whole long ago.
    asked.block1 = undefined;
    this.#handling.run(resource, served, (given) =>
      this.#guardObserver(observer, () => {
        if (observer.over) return;
        if (!observer.keepsFormat(given)) return end({ code: NOT_ACCEPTABLE });
        const answer = this.#blockwise.shape(asked, given);
        const maxAgeSeconds = given.maxAgeSeconds ?? DEFAULT_MAX_AGE_SECONDS;
        const confirmable = resource.confirmable === true;
        done({ answer, last: !isSuccess(answer.code), maxAgeSeconds, confirmable });
      }),
    );
  }

  #refuse(incoming: IncomingRequest, answer: ServedAnswer): void {
    this.#deliver(incoming, errorAnswer(answer), { safe: true });
  }

  /** RFC 7252 §5.4.1: 4.02 for a CON, rejection for a NON, nothing for a group. */
  #refuseOption(incoming: IncomingRequest, answer: ServedAnswer): void {
    this.counters.badOption++;
    if (incoming.multicast) incoming.answer(null);
    else if (incoming.confirmable) this.#refuse(incoming, answer);
    else incoming.answer(undefined);
  }

  /** The last gate: silence towards groups (RFC 7252 §8.2), amplification (RFC 9175 §2.4), No-Response (RFC 7967). */
  #deliver(
    incoming: IncomingRequest,
    answer: ServerAnswer,
    { safe, late = false, always = false }: { safe: boolean; late?: boolean; always?: boolean },
  ): void {
    const success = isSuccess(answer.code);
    if (incoming.multicast && (!success || answer.payload.length === 0)) return incoming.answer(null);
    if (!always && isUnwanted(incoming, answer.code)) return incoming.answer(null);
    let sent = answer;
    if (!this.#proof.isProved(incoming.transport, incoming.from)) {
      const allowance = this.#proof.allowance(incoming.bytes);
      if (messageBytes(incoming.token.length, sent) > allowance) {
        if (success && safe) return this.#challenge(incoming, late);
        // A change is not carried out twice, and an error is not worth a round trip: their bodies are left out.
        sent = { ...answer, payload: NO_BYTES };
        if (messageBytes(incoming.token.length, sent) > allowance) sent = { ...sent, options: [] };
      }
    }
    sent.options.sort((a, b) => a.number - b.number);
    incoming.answer(sent);
  }

  /** 4.01 with Echo: who can return it is where the request says (RFC 9175 §2.4). Never as a CON of its own. */
  #challenge(incoming: IncomingRequest, late: boolean): void {
    this.counters.echoChallenges++;
    const options = [{ number: ECHO, value: this.#proof.challenge(incoming.from) }];
    const answer = { code: UNAUTHORIZED, options, payload: NO_BYTES };
    if (!late || incoming.multicast) return incoming.answer(answer);
    incoming.answer(null);
    incoming.carrier().sendUnawaited({ ...answer, confirmable: false, token: incoming.token });
  }
}

/** No-Response has a bit for each class that the client does not want to hear: 2 for 2.xx, 8 for 4.xx, 16 for 5.xx. */
function isUnwanted(incoming: IncomingRequest, code: number): boolean {
  const unwanted = findUint(incoming.options, NO_RESPONSE);
  return unwanted !== undefined && (unwanted & (1 << (codeClass(code) - 1))) !== 0;
}
