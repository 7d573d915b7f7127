import { messageOf } from '../../base/errors.ts';
import type { CodedError } from '../../base/errors.ts';
import type { PeerAddress } from '../address.ts';
import type { CoapTransport, Outgoing, SendingWatcher, WireEvent } from '../carrier.ts';
import { EMPTY, NON, isRequest } from '../codec/codes.ts';
import { cancelled } from '../errors.ts';
import { tokenKey } from '../messages/peer.ts';
import type { TokenOwner } from '../messages/peer.ts';
import type { ServerAnswer } from '../server/types.ts';
import { Answering } from './answering.ts';
import { Asking } from './asking.ts';
import { FRAME_PROBLEM_TEXTS, encodeFramed } from './codec.ts';
import type { FrameProblem, Framing, ReliableMessage } from './codec.ts';
import { endOf, notOpen, tooMuchWaits } from './connection-errors.ts';
import { tellTap } from './context.ts';
import type { ConnectionEvents, ConnectionPlace, ReliableContext } from './context.ts';
import { FrameReader } from './frame-reader.ts';
import type { FrameSink } from './frame-reader.ts';
import { SLOW_DOWN } from './incoming.ts';
import type { ReliableRequest, RequestConnection } from './incoming.ts';
import { OutQueue } from './out-queue.ts';
import { Patience } from './patience.ts';
import { Pings } from './pings.ts';
import type { MessagePipe } from './pipe.ts';
import { ReliableSending } from './sending.ts';
import { Signalling } from './signalling.ts';
import type { SignalledConnection } from './signalling.ts';
import * as signals from './signals.ts';
import { NOT_READ, RELEASED, actOn } from './upkeep.ts';
import type { KeptConnection } from './upkeep.ts';

const NO_CSM = 'the first message must be a CSM';
const TOKEN_BYTES = 4;
const NO_BYTES = new Uint8Array(0);
/** Connections made by this process: what tells them apart. */
let made = 0;

/**
 * One connection of RFC 8323, whichever end opened it: CSM first, then requests and responses in both directions
 * beside signalling. Knows no socket. Nothing that the other end sends throws past it.
 */
export class ReliableConnection implements RequestConnection, FrameSink, SignalledConnection, KeptConnection {
  readonly reliable = true;
  readonly transport: CoapTransport;
  readonly address: PeerAddress;
  readonly identity: string | null;
  /** `tcp 7`: never used again. */
  readonly peerKey: string;
  readonly #context: ReliableContext;
  readonly #events: ConnectionEvents;
  readonly #pipe: MessagePipe;
  readonly #framing: Framing;
  readonly #out: OutQueue;
  readonly #reader: FrameReader;
  readonly #patience: Patience;
  readonly #signalling: Signalling;
  #state: 'greeting' | 'open' | 'releasing' | 'closed' = 'greeting';
  #asking: Asking | undefined;
  #answering: Answering | undefined;
  #receiving = false;
  #flushSoon = false;
  #isGone = false;

  constructor(context: ReliableContext, pipe: MessagePipe, place: ConnectionPlace, events: ConnectionEvents) {
    const { clock, wheel, limits } = context;
    this.#context = context;
    this.#pipe = pipe;
    this.#events = events;
    this.transport = place.transport;
    this.address = place.address;
    this.identity = place.identity;
    this.peerKey = `${place.transport} ${++made}`;
    this.#framing = place.transport === 'ws' || place.transport === 'wss' ? 'websocket' : 'stream';
    // Only who was called waits with reading: if both ends did, two full queues would wait for each other for ever.
    this.#out = new OutQueue(pipe, limits, place.role === 'acceptor');
    // No first message needs more than what every endpoint must be able to take.
    this.#reader = new FrameReader(signals.BASE_MESSAGE_BYTES, context.held, this);
    this.#patience = new Patience(clock, wheel, limits, () => this.#look());
    this.#signalling = new Signalling(this, context);
  }

  /** Says our CSM. */
  start(): void {
    this.sendSignal(signals.csm(this.#context.limits.maxMessageBytes));
    if (this.#state !== 'closed') this.#look();
  }

  get closed(): boolean {
    return this.#state === 'closed' || this.#state === 'releasing';
  }

  get maxMessageBytes(): number {
    return this.#signalling.maxMessageBytes;
  }

  /** BERT where both have said Block-Wise-Transfer and more than the base size (RFC 8323 §5.3.2). */
  get largestSzx(): number {
    const both = Math.min(this.maxMessageBytes, this.#context.limits.maxMessageBytes);
    return this.#signalling.blockWise && both > signals.BASE_MESSAGE_BYTES ? 7 : 6;
  }

  /** How long the other end does not want to be called again, as its Release said. */
  get holdOffMs(): number {
    return this.#signalling.holdOffMs;
  }

  /** Somebody waits for something on it, in either direction. */
  get busy(): boolean {
    const answering = this.#answering;
    if (answering !== undefined && (answering.size > 0 || answering.isObserver)) return true;
    return this.#asking?.busy === true;
  }

  // What comes in.

  /** Bytes of the stream, or one whole WebSocket message. They are taken over. */
  receive(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    const nowMs = this.#context.clock.monotonic();
    const reader = this.#reader;
    const { heldBytes, messages } = reader;
    this.#patience.heardMs = nowMs;
    this.#patience.pingedMs = -1;
    this.#receiving = true;
    try {
      if (this.#framing === 'stream') reader.feed(bytes);
      else reader.feedFrame(bytes);
    } catch (error) {
      this.#context.log.error('a CoAP connection is ended by a fault of our own', { error });
      this.refuse('internal error');
    }
    this.#receiving = false;
    if (this.#isClosed()) return;
    if (reader.heldBytes > 0 && (heldBytes === 0 || reader.messages !== messages)) {
      this.#patience.heldSinceMs = nowMs;
      this.#patience.within(this.#context.limits.messageTimeoutMs);
    }
    this.#flush();
  }

  message(message: ReliableMessage, bytes: Uint8Array, start: number, end: number): boolean {
    const { code, token } = message;
    if (code === EMPTY || signals.isSignal(code)) {
      this.#tell('in', bytes, start, end, 'ok');
      if (!this.#signalling.admits(this.#patience.heardMs) || code === EMPTY) return !this.#isClosed();
      if (this.#state === 'greeting' && code !== signals.CSM && code !== signals.ABORT) this.refuse(NO_CSM);
      else this.#signalling.received(message);
      return !this.#isClosed();
    }
    if (this.#state === 'greeting') {
      this.#tell('in', bytes, start, end, 'refused');
      this.refuse(NO_CSM);
      return false;
    }
    this.#patience.usedMs = this.#patience.heardMs;
    if (isRequest(code)) {
      const answering = (this.#answering ??= new Answering(this, this.#context));
      const tooMany = this.#isOverrun(answering);
      this.#tell('in', bytes, start, end, tooMany ? 'refused' : 'ok');
      if (tooMany) {
        this.#context.counters.droppedByLimit++;
        this.#sendAnswer(answering, token, SLOW_DOWN);
      } else answering.serve(message, end - start);
    } else {
      const owner = this.#asking?.owner(token);
      this.#tell('in', bytes, start, end, owner === undefined ? 'unmatched' : 'ok');
      if (owner === undefined) this.#context.counters.unmatched++;
      else owner.onResponse({ ...message, type: NON, messageId: 0 }, undefined);
    }
    return !this.#isClosed();
  }

  broken(problem: FrameProblem, bytes: Uint8Array, start: number, end: number): void {
    if (problem === 'no_room') this.#context.counters.droppedByLimit++;
    else this.#context.counters.malformed++;
    this.#tell('in', bytes, start, end, 'malformed');
    this.refuse(FRAME_PROBLEM_TEXTS[problem]);
  }

  /** Many of its requests wait for answers, or many answers wait for it to read them. */
  #isOverrun(answering: Answering): boolean {
    const { servedPerConnection, outBytes } = this.#context.limits;
    return answering.size >= servedPerConnection || this.#out.bytes >= outBytes / 2;
  }

  /** Called by the request. */
  answered(request: ReliableRequest, answer: ServerAnswer | null | undefined): void {
    const answering = this.#answering;
    if (this.#state === 'closed' || answering?.finish(request) !== true) return;
    this.#context.counters.served++;
    this.#patience.usedMs = this.#context.clock.monotonic();
    if (answer !== null && answer !== undefined) this.#sendAnswer(answering, request.token, answer);
    if (!this.#isClosed()) this.#signalling.answered();
    this.#endIfReleased();
  }

  get requestsCome(): number {
    return this.#answering?.come ?? 0;
  }

  get oldestUnanswered(): number {
    return this.#answering?.oldest ?? Infinity;
  }

  #sendAnswer(answering: Answering, token: Uint8Array, answer: ServerAnswer): void {
    this.#pushOrClose(answering.encode(token, answer, this.#framing));
    // Many requests may come in one piece: their answers go out in between.
    if (this.#receiving && this.#out.bytes >= this.#context.limits.highWaterBytes) this.#flush();
  }

  // Signalling.

  greeted(): void {
    if (this.#state !== 'greeting') return;
    this.#state = 'open';
    this.#reader.maxBytes = this.#context.limits.maxMessageBytes;
    this.#patience.greeted = true;
    this.#patience.usedMs = this.#patience.heardMs;
    this.#look();
    this.#events.ready();
  }

  ponged(token: Uint8Array): void {
    this.#asking?.pings?.answered(token);
  }

  hangUp(reason: string, detail?: Record<string, unknown>): void {
    this.#close(reason, 'end', detail);
  }

  sendSignal(message: ReliableMessage): void {
    this.#pushOrClose(encodeFramed(message, this.#framing, Infinity));
  }

  // What goes out.

  freshToken(): Uint8Array {
    for (;;) {
      const token = this.#context.random.bytes(TOKEN_BYTES);
      if (this.#asking?.owner(token) === undefined) return token;
    }
  }

  own(token: Uint8Array, owner: TokenOwner): void {
    if (this.#state === 'closed') queueMicrotask(() => owner.onBrokenResponse(notOpen(this.address)));
    else (this.#asking ??= new Asking()).tokens.set(tokenKey(token), owner);
  }

  disown(token: Uint8Array, owner: TokenOwner): void {
    if (this.#asking?.owner(token) === owner) this.#asking.tokens.delete(tokenKey(token));
  }

  send(message: Outgoing, watcher: SendingWatcher): ReliableSending {
    if (this.closed) throw notOpen(this.address);
    const bytes = encodeFramed(message, this.#framing, this.maxMessageBytes);
    const { sendings } = (this.#asking ??= new Asking());
    const sending = new ReliableSending(watcher, (one) => {
      sendings.delete(one);
      this.#endIfReleased();
    });
    if (sendings.size >= this.#context.limits.requestsPerConnection || !this.#push(bytes, sending)) {
      throw this.#busy();
    }
    sendings.add(sending);
    this.#patience.usedMs = this.#context.clock.monotonic();
    return sending;
  }

  sendUnawaited(message: Outgoing): void {
    if (this.#state === 'closed') throw notOpen(this.address);
    if (!this.#push(encodeFramed(message, this.#framing, this.maxMessageBytes))) throw this.#busy();
    this.#patience.usedMs = this.#context.clock.monotonic();
  }

  /** 7.02 and 7.03 (RFC 8323 §5.4). */
  async ping(signal?: AbortSignal): Promise<{ rttMs: number }> {
    const { clock, wheel, limits, random } = this.#context;
    if (signal?.aborted === true) throw cancelled();
    if (this.closed) throw notOpen(this.address);
    const asking = (this.#asking ??= new Asking());
    const pings = (asking.pings ??= new Pings(clock, wheel));
    if (pings.size >= limits.pingsPerConnection) throw this.#busy();
    const token = random.bytes(TOKEN_BYTES);
    const answered = pings.wait(token, limits.pongTimeoutMs, signal);
    this.sendSignal(signals.signal(signals.PING, [], token));
    return answered;
  }

  keepAlive(): void {
    this.#patience.pingedMs = this.#context.clock.monotonic();
    this.sendSignal(signals.signal(signals.PING, [], this.#context.random.bytes(TOKEN_BYTES)));
  }

  /** The pipe has room again. */
  drained(): void {
    if (this.#state !== 'closed') this.#flush();
  }

  #pushOrClose(bytes: Uint8Array): void {
    if (this.#state === 'closed' || this.#push(bytes)) return;
    this.#context.counters.droppedByLimit++;
    this.#close(NOT_READ, 'destroy');
  }

  #push(bytes: Uint8Array, sending?: ReliableSending): boolean {
    if (!this.#out.push(bytes, sending)) return false;
    this.#tell('out', bytes, 0, bytes.length, 'ok');
    // What is sent in one go leaves together.
    if (!this.#receiving && !this.#flushSoon) {
      this.#flushSoon = true;
      queueMicrotask(() => {
        this.#flushSoon = false;
        if (this.#state !== 'closed') this.#flush();
      });
    }
    return true;
  }

  #flush(): void {
    const nowMs = this.#context.clock.monotonic();
    this.#out.flush(nowMs);
    this.#patience.flushed(nowMs, this.#out.bytes, this.#out.takenBytes);
    this.#endIfReleased();
  }

  // The end.

  /** What is under way is finished, nothing new is begun (RFC 8323 §5.5). */
  release(diagnostic = ''): void {
    if (this.#state === 'greeting') this.#close('it is no longer wanted', 'end');
    if (this.#state !== 'open') return;
    const payload = new TextEncoder().encode(diagnostic);
    this.sendSignal(signals.signal(signals.RELEASE, [], NO_BYTES, payload));
    this.released();
  }

  /** One end has said Release. */
  released(): void {
    if (this.#state !== 'open') return;
    this.#state = 'releasing';
    this.#patience.releasedMs = this.#context.clock.monotonic();
    this.#patience.within(this.#context.limits.releaseTimeoutMs);
    this.#endIfReleased();
  }

  /** Observations end with the connection: they are not waited for. */
  #endIfReleased(): void {
    if (this.#state !== 'releasing' || this.#receiving || this.#flushSoon || !this.#out.empty) return;
    if ((this.#answering?.size ?? 0) > 0 || (this.#asking?.sendings.size ?? 0) > 0) return;
    this.#close(RELEASED, 'end');
  }

  /** Abort, with the reason as diagnostic payload (RFC 8323 §5.6). */
  refuse(diagnostic: string, badCsmOption?: number): void {
    if (this.#state === 'closed') return;
    this.#out.clear();
    const bytes = encodeFramed(signals.abort(diagnostic, badCsmOption), this.#framing, Infinity);
    this.#tell('out', bytes, 0, bytes.length, 'ok');
    this.#pipe.writeAll([bytes]);
    this.#close(`it was aborted here: ${diagnostic}`, 'end');
  }

  /** The pipe is gone, by whatever reason. May be called again. */
  ended(reason: string): void {
    this.#close(reason, 'gone');
    this.#patience.stop();
    if (this.#isGone) return;
    this.#isGone = true;
    this.#events.gone?.();
  }

  /** At once, without a word. */
  destroy(reason: string): void {
    if (this.#state === 'closed') this.#pipe.destroy();
    else this.#close(reason, 'destroy');
  }

  #close(reason: string, how: 'end' | 'destroy' | 'gone', detail?: Record<string, unknown>): void {
    if (this.#state === 'closed') return;
    const error = endOf(this.address, this.#state !== 'greeting', reason, detail);
    this.#state = 'closed';
    this.#reader.stop();
    this.#out.clear();
    this.#answering = undefined;
    this.#patience.stop();
    if (how === 'end') {
      this.#patience.finally(this.#context.limits.lingerMs);
      this.#pipe.end();
    } else if (how === 'destroy') this.#pipe.destroy();
    this.#guarded(() => this.#events.closed(error));
    this.#asking?.failAll(error, (run) => this.#guarded(run));
  }

  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#context.log.error('the end of a CoAP connection was not heard', { error: messageOf(error) });
    }
  }

  /** A function, because what is called in between may close it. */
  #isClosed(): boolean {
    return this.#state === 'closed';
  }

  #busy(): CodedError {
    this.#context.counters.droppedByLimit++;
    return tooMuchWaits(this.address);
  }

  #look(): void {
    if (this.#state === 'closed') {
      this.#pipe.destroy(); // it has lingered long enough
      return;
    }
    const verdict = this.#patience.judge({
      busy: this.busy,
      paused: this.#out.paused,
      heldBytes: this.#reader.heldBytes,
      outBytes: this.#out.bytes,
      takenBytes: this.#out.takenBytes,
    });
    if (verdict === undefined) return;
    actOn(verdict, this, this.#context.counters);
    if (!this.#isClosed()) this.#look();
  }

  #tell(
    direction: 'in' | 'out',
    bytes: Uint8Array,
    start: number,
    end: number,
    verdict: WireEvent['verdict'],
  ): void {
    if (this.#context.tap() === undefined) return;
    tellTap(this.#context, this, { direction, bytes: bytes.subarray(start, end), verdict });
  }
}
