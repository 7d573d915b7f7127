/** A pipe in memory and a hand-driven other end, to test CoAP over reliable transports on exact bytes and times. */
import { ManualClock } from '../../core/base/manual-clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { TimerWheel } from '../../core/base/timer-wheel.ts';
import { codeOf } from '../../core/base/errors.ts';
import type { CodedError } from '../../core/base/errors.ts';
import type { SendingWatcher, WireEvent } from '../../core/coap/carrier.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import type { TokenOwner } from '../../core/coap/messages/peer.ts';
import { newCounters } from '../../core/coap/parameters.ts';
import { ReliableConnection } from '../../core/coap/reliable/connection.ts';
import { contextOf } from '../../core/coap/reliable/context.ts';
import type { ReliableContext, ReliableLimits } from '../../core/coap/reliable/context.ts';
import { decodeFramed, encodeFramed, streamMessageBytes } from '../../core/coap/reliable/codec.ts';
import type { Framing, ReliableMessage } from '../../core/coap/reliable/codec.ts';
import type { MessagePipe } from '../../core/coap/reliable/pipe.ts';
import type { option } from './coap-net.ts';
import { textBytes } from './coap-net.ts';
import type { IncomingRequest } from '../../core/coap/server/types.ts';

const NO_BYTES = new Uint8Array(0);

export function message(code: number, change: Partial<ReliableMessage> = {}): ReliableMessage {
  return { code, token: NO_BYTES, options: [], payload: NO_BYTES, ...change };
}

/** Takes what is written; `room` false leaves it in the buffer. */
export class MemoryPipe implements MessagePipe {
  written: Uint8Array[] = [];
  bufferedBytes = 0;
  stuck = false;
  paused = false;
  endCount = 0;
  destroyCount = 0;
  onWrite: (piece: Uint8Array) => void = () => undefined;

  writeAll(pieces: readonly Uint8Array[]): void {
    for (const piece of pieces) {
      this.written.push(piece);
      if (this.stuck) this.bufferedBytes += piece.length;
      this.onWrite(piece);
    }
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  end(): void {
    this.endCount++;
  }

  destroy(): void {
    this.destroyCount++;
  }
}

export interface Rig {
  clock: ManualClock;
  wheel: TimerWheel;
  context: ReliableContext;
  pipe: MemoryPipe;
  connection: ReliableConnection;
  requests: IncomingRequest[];
  events: WireEvent[];
  readyCount: () => number;
  closed: () => CodedError | undefined;
  /** As the other end. */
  say(...messages: ReliableMessage[]): void;
  /** What was said since the last call. */
  heard(): ReliableMessage[];
}

export interface RigOptions {
  role?: 'initiator' | 'acceptor';
  framing?: Framing;
  limits?: Partial<ReliableLimits>;
  /** Answers at once instead of keeping the request. */
  serve?: (request: IncomingRequest) => void;
  tapped?: boolean;
}

/** One connection whose other end is the test. Started: its CSM is the first thing that is heard. */
export function rig(options: RigOptions = {}): Rig {
  const { role = 'acceptor', framing = 'stream' } = options;
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock, { tickMs: 10 });
  const requests: IncomingRequest[] = [];
  const events: WireEvent[] = [];
  const context = contextOf({
    clock,
    wheel,
    log: silentLog,
    counters: newCounters(),
    sink: options.serve ?? ((request) => void requests.push(request)),
    limits: options.limits ?? {},
    tap: () =>
      options.tapped === true
        ? (event) => void events.push({ ...event, bytes: event.bytes.slice() })
        : undefined,
  });
  const pipe = new MemoryPipe();
  let ready = 0;
  let closed: CodedError | undefined;
  const connection = new ReliableConnection(
    context,
    pipe,
    {
      role,
      transport: framing === 'stream' ? 'tcp' : 'ws',
      address: { address: '10.0.0.7', port: 40_000, family: 4 },
      identity: null,
    },
    { ready: () => void ready++, closed: (error) => void (closed = error) },
  );
  connection.start();
  return {
    clock,
    wheel,
    context,
    pipe,
    connection,
    requests,
    events,
    readyCount: () => ready,
    closed: () => closed,
    say: (...messages) => {
      const pieces = messages.map((one) => encodeFramed(one, framing, Infinity));
      if (framing === 'stream') connection.receive(new Uint8Array(Buffer.concat(pieces)));
      else for (const piece of pieces) connection.receive(new Uint8Array(piece));
    },
    heard: () => {
      const pieces = pipe.written;
      pipe.written = [];
      return framing === 'stream' ? messagesIn(Buffer.concat(pieces)) : pieces.map((one) => frame(one));
    },
  };
}

function frame(bytes: Uint8Array): ReliableMessage {
  const decoded = decodeFramed(bytes, 0, bytes.length, 'websocket');
  if (typeof decoded === 'string') throw new Error(`we sent ${decoded}`);
  return decoded;
}

/** The whole messages in a stream of bytes; throws for anything else. */
export function messagesIn(bytes: Uint8Array): ReliableMessage[] {
  const found: ReliableMessage[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = streamMessageBytes(bytes, at, bytes.length);
    if (size === 0 || at + size > bytes.length) throw new Error('a message is not whole');
    const decoded = decodeFramed(bytes, at, at + size, 'stream');
    if (typeof decoded === 'string') throw new Error(`a message is broken: ${decoded}`);
    found.push(decoded);
    at += size;
  }
  return found;
}

/** Until microtasks and what they cause have run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export const GET = 1;
export const CONTENT = 0x45;
export const [CSM, PING, PONG, RELEASE, ABORT] = [0xe1, 0xe2, 0xe3, 0xe4, 0xe5] as const;
export const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
export const answer = (payload: string) => ({ code: CONTENT, options: [], payload: textBytes(payload) });
export const nobody: SendingWatcher = { acknowledged: () => undefined, failed: () => undefined };

/** The greetings are over. */
export async function opened(
  options: RigOptions = {},
  ...csmOptions: ReturnType<typeof option>[]
): Promise<Rig> {
  const one = rig(options);
  one.say(message(CSM, { options: csmOptions }));
  await settle();
  one.heard();
  return one;
}

export function owner(): TokenOwner & { responses: CoapMessage[]; errors: string[] } {
  const responses: CoapMessage[] = [];
  const errors: string[] = [];
  return {
    responses,
    errors,
    onResponse: (response) => void responses.push(response),
    onBrokenResponse: (error) => void errors.push(codeOf(error)),
  };
}

export const get = (token: Uint8Array, size = 0) => ({
  confirmable: true,
  code: GET,
  token,
  options: [],
  payload: new Uint8Array(size),
});

/** Ended by an Abort of ours that says this. */
export async function abortOf(one: Rig): Promise<{ diagnostic: string; badCsmOption: number[] }> {
  await settle();
  const last = one.heard().at(-1)!;
  if (last.code !== ABORT || one.pipe.endCount !== 1 || !one.connection.closed) throw new Error('no Abort');
  return { diagnostic: text(last.payload), badCsmOption: [...(last.options[0]?.value ?? [])] };
}
