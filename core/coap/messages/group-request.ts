import { isIP } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { TimerWheel } from '../../base/timer-wheel.ts';
import { addressText, canonicalAddress, isMulticast } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import { decodeMessage, encodeEmpty, encodeMessage } from '../codec/codec.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, METHOD_CODES, NON, RST, isResponse } from '../codec/codes.ts';
import { unusableOption } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { Deadline } from '../deadline.ts';
import { coapError } from '../errors.ts';
import type { CoapCounters, CoapLimits } from '../parameters.ts';
import type { CoapRandom } from '../random.ts';
import type { Datagrams, GroupSocket, GroupTarget } from '../transports/datagrams.ts';
import { tokenKey } from './peer.ts';
import type { Wire } from './wire.ts';

/** A NON GET to every CoAP server of a group (RFC 7252 §8). */
export interface GroupRequest extends GroupTarget {
  options: CoapOption[];
  /** How long answers are taken; servers spread theirs over DEFAULT_LEISURE, 5 s (§8.2). */
  listenMs: number;
}

export interface GroupAnswer {
  message: CoapMessage;
  from: PeerAddress;
}

export interface GroupRequestsContext {
  clock: Clock;
  wheel: TimerWheel;
  random: CoapRandom;
  limits: CoapLimits;
  counters: CoapCounters;
  datagrams: Datagrams;
}

/** Answers that one question takes. More are dropped and counted. */
const MAX_ANSWERS = 2_000;

/** Questions to groups. Each has a socket of its own, so that its answers cannot be mistaken for others. */
export class GroupRequests {
  readonly #context: GroupRequestsContext;
  readonly #wire: Wire;
  readonly #asks = new Set<GroupAsk>();
  /** Opening or listening. */
  #count = 0;

  constructor(context: GroupRequestsContext, wire: Wire) {
    this.#context = context;
    this.#wire = wire;
  }

  async ask(
    request: GroupRequest,
    onAnswer: (answer: GroupAnswer) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { counters, limits, random } = this.#context;
    const to = targetOf(request);
    const token = random.bytes(8);
    const payload = new Uint8Array(0);
    const [high, low] = random.bytes(2);
    const messageId = (high! << 8) | low!;
    const bytes = encodeMessage({
      type: NON,
      code: METHOD_CODES.GET,
      messageId,
      token,
      options: request.options,
      payload,
    });
    if (signal?.aborted === true) return;
    if (this.#count >= limits.groupRequests) {
      counters.droppedByLimit++;
      throw coapError('coap.busy', `${this.#count} requests to groups are under way already.`);
    }
    this.#count++;
    counters.requests++;
    try {
      const ask = new GroupAsk(this.#context, this.#wire, tokenKey(token), onAnswer);
      this.#asks.add(ask);
      try {
        await ask.run(request, bytes, to, signal);
      } finally {
        this.#asks.delete(ask);
      }
    } finally {
      this.#count--;
    }
  }

  stop(): void {
    for (const ask of this.#asks) ask.end();
  }
}

class GroupAsk {
  readonly #context: GroupRequestsContext;
  readonly #wire: Wire;
  readonly #token: string;
  readonly #onAnswer: (answer: GroupAnswer) => void;
  /** Of answers that came, by address and message id. */
  readonly #seen = new Set<string>();
  readonly #due: Deadline;
  #socket: GroupSocket | undefined;
  #ended = false;
  #wake: () => void = () => undefined;
  #error: Error | undefined;

  constructor(
    context: GroupRequestsContext,
    wire: Wire,
    token: string,
    onAnswer: (answer: GroupAnswer) => void,
  ) {
    this.#context = context;
    this.#wire = wire;
    this.#token = token;
    this.#onAnswer = onAnswer;
    this.#due = new Deadline(context.wheel, () => this.end());
  }

  async run(
    request: GroupRequest,
    bytes: Uint8Array,
    to: PeerAddress,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { datagrams } = this.#context;
    if (datagrams.openGroup === undefined) {
      throw coapError('coap.bad_request', 'Groups can be asked over UDP only.');
    }
    const onAbort = (): void => this.end();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      this.#socket = await datagrams.openGroup(request, (answer, from) => this.#receive(answer, from));
      if (this.#ended) return;
      const over = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#due.set(request.listenMs);
      this.#put(bytes, to, (error) => {
        this.#error = error;
        this.end();
      });
      await over;
      if (this.#error !== undefined) throw this.#error;
    } catch (error) {
      throw coapError(
        'coap.unreachable',
        `The group ${addressText(to)} cannot be asked on ${request.interfaceName}: ${messageOf(error)}.`,
        { group: request.group, interfaceName: request.interfaceName },
        error,
      );
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.end();
      await this.#socket?.close();
    }
  }

  end(): void {
    this.#ended = true;
    this.#due.clear();
    this.#wake();
  }

  /** From anywhere; only the token says that it is an answer (§8.2). */
  #receive(bytes: Uint8Array, from: PeerAddress): void {
    if (this.#ended) return;
    const { counters } = this.#context;
    counters.datagramsIn++;
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) {
      counters.malformed++;
      this.#wire.saw(bytes, from, 'malformed');
      const { type, messageId } = decoded.malformed;
      if (type === CON && messageId !== undefined) this.#reset(messageId, from);
      return;
    }
    const { message } = decoded;
    const { type, messageId } = message;
    const matches = isResponse(message.code) && tokenKey(message.token) === this.#token;
    if (!matches || (type !== CON && type !== NON)) {
      counters.unmatched++;
      this.#wire.saw(bytes, from, 'unmatched');
      if (type === CON) this.#reset(messageId, from);
      return;
    }
    const key = `${messageId} ${addressText(from)}`;
    if (this.#seen.has(key)) {
      counters.duplicates++;
      this.#wire.saw(bytes, from, 'duplicate');
      if (type === CON) this.#put(encodeEmpty(ACK, messageId), from);
      return;
    }
    if (this.#seen.size >= MAX_ANSWERS || unusableOption(message.options) !== undefined) {
      if (this.#seen.size >= MAX_ANSWERS) counters.droppedByLimit++;
      this.#wire.saw(bytes, from, 'refused');
      if (type === CON) this.#reset(messageId, from);
      return;
    }
    this.#seen.add(key);
    this.#wire.saw(bytes, from, 'ok');
    if (type === CON) this.#put(encodeEmpty(ACK, messageId), from);
    this.#onAnswer({ message, from });
  }

  #reset(messageId: number, to: PeerAddress): void {
    this.#context.counters.resetsSent++;
    this.#put(encodeEmpty(RST, messageId), to);
  }

  #put(bytes: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void {
    this.#wire.sent(bytes, to);
    this.#socket?.send(bytes, to, (error) => {
      this.#context.counters.sendErrors++;
      failed?.(error);
    });
  }
}

/** The group with the scope of the interface where it needs one. Throws `coap.bad_request`. */
function targetOf({ group, port, interfaceName, interfaceAddress }: GroupRequest): PeerAddress {
  const to = canonicalAddress(group.includes(':') ? `${group}%${interfaceName}` : group, port);
  const [address = ''] = interfaceAddress.split('%');
  if (to === undefined || !isMulticast(to) || isIP(address) !== to.family) {
    throw coapError('coap.bad_request', `${group} is no group that ${interfaceName} could ask.`);
  }
  return to;
}
