/** Requests written by hand, and a way back to their peer that a test looks at. Used by tests only. */
import { ManualClock } from '../../base/manual-clock.ts';
import type { Log } from '../../base/log.ts';
import { silentLog } from '../../base/log.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport, Outgoing, Sending, SendingWatcher } from '../carrier.ts';
import { CONTENT, METHOD_CODES, codeText } from '../codec/codes.ts';
import type { Method } from '../codec/codes.ts';
import { OBSERVE, URI_PATH, URI_QUERY, findOption, textOption, uintOption } from '../codec/options.ts';
import { viewOptions } from '../codec/option-view.ts';
import type { CoapOption } from '../codec/options.ts';
import { coapError } from '../errors.ts';
import type { CoapErrorCode } from '../errors.ts';
import { tokenKey } from '../messages/peer.ts';
import type { TokenOwner } from '../messages/peer.ts';
import { CoapServer } from './coap-server.ts';
import type { ServerParts } from './coap-server.ts';
import type { Resource } from './resource.ts';
import type { IncomingRequest, ServerAnswer } from './types.ts';

export interface Sent {
  message: Outgoing;
  watcher: SendingWatcher;
  sending: Sending & { state: Sending['state']; retransmissions: number; released: boolean };
}

/** Sends at once; what becomes of it the test says. */
export class FakeCarrier implements Carrier {
  readonly transport: CoapTransport;
  readonly address: PeerAddress;
  readonly reliable: boolean;
  maxMessageBytes = 1_152;
  largestSzx = 6;
  closed = false;
  readonly sent: Sent[] = [];
  readonly unawaited: Outgoing[] = [];
  readonly owners = new Map<string, TokenOwner>();
  /** The next messages wait for their turn. */
  waits = false;
  throws: CoapErrorCode | undefined;
  readonly #clock: ManualClock;
  #tokens = 0;

  constructor(clock: ManualClock, transport: CoapTransport, address: PeerAddress) {
    this.#clock = clock;
    this.transport = transport;
    this.address = address;
    this.reliable = transport !== 'udp' && transport !== 'dtls';
  }

  freshToken(): Uint8Array {
    return Uint8Array.of(0xff, ++this.#tokens);
  }

  own(token: Uint8Array, owner: TokenOwner): void {
    this.owners.set(tokenKey(token), owner);
  }

  disown(token: Uint8Array): void {
    this.owners.delete(tokenKey(token));
  }

  send(message: Outgoing, watcher: SendingWatcher): Sending {
    if (this.throws !== undefined) throw coapError(this.throws, 'it cannot be sent');
    const sending: Sent['sending'] = {
      state: this.waits ? 'waiting' : 'sent',
      firstSentMs: this.#clock.monotonic(),
      retransmissions: 0,
      released: false,
      release() {
        this.released = true;
        this.state = 'done';
      },
    };
    this.sent.push({ message, watcher, sending });
    return sending;
  }

  sendUnawaited(message: Outgoing): void {
    this.unawaited.push(message);
  }

  ping(): Promise<{ rttMs: number }> {
    return Promise.reject(coapError('coap.timeout', 'nobody is there'));
  }

  get last(): Sent {
    return this.sent.at(-1)!;
  }

  acknowledge(): void {
    const { sending, watcher } = this.last;
    sending.state = 'acknowledged';
    watcher.acknowledged();
  }

  fail(code: CoapErrorCode): void {
    const { sending, watcher } = this.last;
    sending.state = 'done';
    watcher.failed(coapError(code, 'it failed'));
  }

  close(): void {
    this.closed = true;
    for (const owner of [...this.owners.values()]) owner.onBrokenResponse(coapError('coap.closed', 'closed'));
  }
}

export interface Asking extends Partial<Omit<IncomingRequest, 'answer' | 'carrier'>> {
  path?: string;
  query?: string[];
  /** Bytes of text, or as they are. */
  body?: string | Uint8Array;
  more?: CoapOption[];
  observe?: number;
  carrier?: FakeCarrier;
}

/** One question and what was answered: undefined while nothing was. */
export interface Exchange {
  readonly answers: (ServerAnswer | null | undefined)[];
  readonly carrier: FakeCarrier;
}

export const LOOPBACK: PeerAddress = { address: '127.0.0.1', port: 40_001, family: 4 };
export const STRANGER: PeerAddress = { address: '198.51.100.7', port: 40_001, family: 4 };

export class ServerBench {
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel(this.clock);
  readonly server: CoapServer;
  readonly logged: string[] = [];

  constructor(parts: Partial<Pick<ServerParts, 'limits' | 'allow'>> = {}) {
    const log: Log = { ...silentLog, error: (message) => void this.logged.push(message) };
    const random = { bytes: (count: number) => new Uint8Array(count).fill(7), fraction: () => 0 };
    this.server = new CoapServer({ clock: this.clock, wheel: this.wheel, log, random, ...parts });
  }

  ask(method: Method | number, asking: Asking = {}): Exchange {
    const { path, query = [], body, more = [], observe, carrier: given, ...rest } = asking;
    const from = rest.from ?? LOOPBACK;
    const transport = rest.transport ?? 'udp';
    const carrier = given ?? new FakeCarrier(this.clock, transport, from);
    const options = [...more];
    if (observe !== undefined) options.push(uintOption(OBSERVE, observe));
    if (path !== undefined && path !== '') {
      for (const segment of path.split('/')) options.push(textOption(URI_PATH, segment));
    }
    for (const argument of query) options.push(textOption(URI_QUERY, argument));
    options.sort((a, b) => a.number - b.number);
    const payload = typeof body === 'string' ? new TextEncoder().encode(body) : (body ?? new Uint8Array(0));
    const token = rest.token ?? Uint8Array.of(1);
    const answers: Exchange['answers'] = [];
    let bytes = 4 + token.length + payload.length;
    for (const { value } of options) bytes += 1 + value.length;
    this.server.sink({
      code: typeof method === 'number' ? method : METHOD_CODES[method],
      token,
      options,
      payload,
      confirmable: true,
      multicast: false,
      bytes,
      from,
      transport,
      peerKey: `${transport} ${from.address}:${from.port}`,
      identity: null,
      ...rest,
      answer: (answer) => void answers.push(answer),
      carrier: () => {
        if (carrier.throws !== undefined) throw coapError(carrier.throws, 'there is no way');
        return carrier;
      },
    });
    return { answers, carrier };
  }

  /** The one answer, as text: `2.05 Content-Format=40 "<a>"`. */
  say(method: Method | number, asking: Asking = {}): string {
    return answerText(this.ask(method, asking));
  }

  /** Until every promise that could be settled is. */
  async settle(): Promise<void> {
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

/** Answers everything it is asked with that. */
export function textResource(answer: string, more: Partial<Resource> = {}): Resource {
  const payload = new TextEncoder().encode(answer);
  return { methods: ['GET'], handle: () => ({ code: CONTENT, payload }), ...more };
}

export function answerText({ answers }: Exchange): string {
  if (answers.length !== 1) return `${answers.length} answers`;
  return messageText(answers[0]);
}

export function messageText(
  answer: Pick<Outgoing, 'code' | 'options' | 'payload'> | null | undefined,
): string {
  if (answer === null) return 'silence';
  if (answer === undefined) return 'reset';
  const parts = [codeText(answer.code)];
  for (const { name, value } of viewOptions(answer.options)) parts.push(`${name}=${value}`);
  if (answer.payload.length > 40) parts.push(`${answer.payload.length} bytes`);
  else if (answer.payload.length > 0) parts.push(JSON.stringify(new TextDecoder().decode(answer.payload)));
  return parts.join(' ');
}

export function observeOf({ options }: Pick<Outgoing, 'options'>): Uint8Array | undefined {
  return findOption(options, OBSERVE);
}
