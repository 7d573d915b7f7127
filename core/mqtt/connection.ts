import type { Buffer } from 'node:buffer';
import { messageOf } from '../base/errors.ts';
import type { WheelEntry } from '../base/timer-wheel.ts';
import { decodePacket } from './codec/decode.ts';
import { asBuffer } from './codec/fields.ts';
import { MalformedPacket } from './codec/malformed.ts';
import { PUBACK, PUBCOMP, PUBLISH, PUBREL, type Will } from './codec/packet.ts';
import { receiveFirst } from './connecting.ts';
import type { BrokerContext } from './context.ts';
import type { Flushable } from './flusher.ts';
import type { Verdict } from './options.ts';
import { Outbox } from './outbox.ts';
import { type PacketHandler, PacketReader } from './packet-reader.ts';
import type { PublishFrame } from './publish-frame.ts';
import { publishWill, receivePublish } from './publishing.ts';
import { receiveAck, receiveOther } from './receiving.ts';
import type { Session } from './session.ts';
import type { Sink } from './sink.ts';
import { StuckWatch } from './stuck-watch.ts';
import { sameBytes, type TopicEntry } from './topic-cache.ts';
import type { Qos } from './types.ts';

const AWAIT_CONNECT = 0;
const OPEN = 1;
const CLOSED = 2;

const FOR_ACKS = 1;
const FOR_VERDICT = 2;

/** How long a closing connection may take to send what it still holds. */
const LINGER_MS = 5_000;
/** Longer topics are not remembered. */
const MAX_REMEMBERED_TOPIC = 512;

/**
 * One network connection without its network: the transport calls `feed`, `drained` and `closed`, answers go to
 * the sink at the end of the turn. Whatever a peer sends, nothing is thrown at the caller.
 */
export class Connection implements Flushable, PacketHandler, WheelEntry {
  readonly sink: Sink;
  dueMs = Infinity;
  slot = -1;
  dirty = false;
  protocolLevel = 4;
  username: string | null = null;
  /** Set from CONNACK to the end. */
  session: Session | null = null;
  /** Acknowledgements that wait for the intake. Kept by `PendingAcks`. */
  pendingAcks = 0;
  /** Wall time of the last bytes, ms since the epoch. */
  heardWallMs = 0;
  readonly #context: BrokerContext;
  readonly #reader: PacketReader;
  readonly #outbox: Outbox;
  readonly #highWaterBytes: number;
  #phase = AWAIT_CONNECT;
  #will: Will | null = null;
  #heardMs = 0;
  /** 0: the client wants no keep-alive. */
  #silenceMs = 0;
  #pauses = 0;
  /** Bytes that the sink held after the last flush. */
  #held = 0;
  #written = 0;
  #lastTopic: TopicEntry | null = null;
  #publishVerdict: boolean | null = null;
  #stuck: StuckWatch | null = null;

  constructor(context: BrokerContext, sink: Sink) {
    this.#context = context;
    this.sink = sink;
    this.#reader = new PacketReader(this, context.limits.maxPacketBytes);
    this.#outbox = new Outbox(context.pool);
    this.#highWaterBytes = context.limits.highWaterBytes;
    context.wheel.arm(this, context.limits.connectTimeoutMs);
  }

  // What the transport calls.

  /** Takes bytes in. They may be passed on by reference: the transport must not reuse the memory. */
  feed(bytes: Uint8Array): void {
    if (this.#phase === CLOSED) return;
    const { clock, counters, router } = this.#context;
    counters.bytesIn += bytes.length;
    this.#heardMs = clock.monotonic();
    this.heardWallMs = clock.now();
    try {
      this.#reader.feed(asBuffer(bytes));
    } catch (error) {
      this.#fail(error);
    }
    router.endRun();
  }

  /** Everything that the sink held has left. */
  drained(): void {
    if (this.#phase === CLOSED) return;
    this.#held = this.sink.bufferedBytes;
    if (this.#held < this.#highWaterBytes && this.session?.hasWaiting === true) this.session.pump();
  }

  /** The network connection is gone, whoever ended it. Called once, at the very end. */
  closed(reason: string): void {
    if (this.#phase !== CLOSED) {
      this.#context.router.endRun();
      this.#outbox.clear();
      this.#leave(reason);
    }
    this.#context.wheel.cancel(this);
    this.#context.connections.delete(this);
  }

  // What the broker's parts call.

  /** Ends the connection after what waits has been sent. The will is published unless DISCONNECT came. */
  close(reason: string): void {
    if (this.#phase === CLOSED) return;
    const { router, counters, wheel } = this.#context;
    router.endRun();
    counters.bytesOut += this.#outbox.bytes;
    this.#outbox.flush(this.sink);
    this.#leave(reason);
    this.sink.end();
    if (this.sink.bufferedBytes > 0) wheel.arm(this, LINGER_MS);
  }

  /** Ends the connection at once; what waits is lost. */
  destroy(reason: string): void {
    if (this.#phase === CLOSED) return;
    this.#context.router.endRun();
    this.#outbox.clear();
    this.#leave(reason);
    this.sink.destroy();
  }

  /** Leaves without a will: the client took leave, or the station stops. */
  dropWill(): void {
    this.#will = null;
  }

  /** CONNECT was accepted. Keep-alive is one and a half times what the client promised (MQTT-3.1.2-24). */
  open(session: Session, will: Will | null, username: string | null, keepAliveSeconds: number): void {
    this.#phase = OPEN;
    this.session = session;
    this.#will = will;
    this.username = username;
    this.#silenceMs = keepAliveSeconds * 1_500;
    if (this.#silenceMs > 0) this.#context.wheel.arm(this, this.#silenceMs);
    else this.#context.wheel.cancel(this);
  }

  /** Whether more may be sent now. When the outbox alone is full, it is flushed first. */
  makeRoom(): boolean {
    if (this.#outbox.bytes + this.#held < this.#highWaterBytes) return true;
    if (this.#outbox.bytes > 0) this.#flush();
    else this.#held = this.sink.bufferedBytes;
    return this.#held < this.#highWaterBytes;
  }

  send(bytes: Buffer): void {
    if (this.#phase === CLOSED) return;
    this.#outbox.append(bytes, 0, bytes.length);
    this.#touch();
  }

  sendAck(header: number, packetId: number): void {
    if (this.#phase === CLOSED) return;
    this.#outbox.ack(header, packetId);
    this.#touch();
  }

  sendPubrel(packetId: number): void {
    this.sendAck((PUBREL << 4) | 2, packetId);
  }

  sendPublish(frame: PublishFrame, qos: Qos, packetId: number, flags: number): void {
    if (this.#phase === CLOSED) return;
    this.#outbox.publish(frame, qos, packetId, flags);
    this.#context.counters.messagesOut++;
    this.#touch();
  }

  /** `messages` QoS 0 packets side by side. */
  sendRun(bytes: Buffer, start: number, end: number, messages: number): void {
    if (this.#phase === CLOSED) return;
    this.#outbox.append(bytes, start, end);
    this.#context.counters.messagesOut += messages;
    this.#touch();
  }

  topicOf(bytes: Buffer, start: number, end: number): TopicEntry {
    const last = this.#lastTopic;
    if (last !== null && sameBytes(last.bytes, bytes, start, end)) return last;
    const entry = this.#context.topics.find(bytes, start, end);
    this.#lastTopic = end - start <= MAX_REMEMBERED_TOPIC ? entry : null;
    return entry;
  }

  /** Whether the client may publish to `topic`; null when the answer comes later and the packet once more. */
  mayPublish(topic: string): boolean | null {
    const { authorize } = this.#context.options;
    if (authorize === undefined) return true;
    let verdict = this.#publishVerdict;
    this.#publishVerdict = null;
    if (verdict !== null) return verdict;
    const { clientId } = this.session!;
    const { username } = this;
    this.decide(
      () => authorize({ clientId, username, action: 'publish', topic }),
      (allowed, later) => {
        if (later) this.#publishVerdict = allowed;
        else verdict = allowed;
      },
    );
    if (verdict === null) this.#reader.pause(true);
    return verdict;
  }

  /** Asks a hook and goes on with its answer; until then no packet of this connection is looked at. */
  decide(ask: () => Verdict, then: (allowed: boolean, later: boolean) => void): void {
    let verdict: Verdict;
    try {
      verdict = ask();
    } catch (error) {
      verdict = this.#refused(error);
    }
    if (typeof verdict === 'boolean') {
      then(verdict, false);
      return;
    }
    this.#pause(FOR_VERDICT);
    void verdict
      .catch((error: unknown) => this.#refused(error))
      .then((allowed) => {
        if (this.#phase === CLOSED) return;
        then(allowed, true);
        this.#resume(FOR_VERDICT);
      })
      .catch((error: unknown) => this.#fail(error));
  }

  pauseForAcks(): void {
    this.#pause(FOR_ACKS);
  }

  resumeAfterAcks(): void {
    this.#resume(FOR_ACKS);
  }

  // What the reader, the flusher and the timer wheel call.

  receive(bytes: Buffer, start: number, body: number, end: number): void {
    const type = bytes[start]! >> 4;
    if (type === PUBLISH && this.#phase === OPEN) {
      receivePublish(this.#context, this, bytes, start, body, end);
      return;
    }
    this.#context.router.endRun();
    if (type >= PUBACK && type <= PUBCOMP && this.#phase === OPEN && end - body === 2) {
      receiveAck(this, type, (bytes[body]! << 8) | bytes[body + 1]!);
    } else if (this.#phase === OPEN) receiveOther(this.#context, this, decodePacket(bytes, start, end));
    else receiveFirst(this.#context, this, decodePacket(bytes, start, end));
  }

  flushTurn(): void {
    if (this.#phase === CLOSED) return;
    this.#flush();
    if (this.#held > this.#context.limits.hardLimitBytes) this.#onStuck();
    else if (this.#held < this.#highWaterBytes && this.session?.hasWaiting === true) this.session.pump();
  }

  /** The one deadline of a connection: for CONNECT, then for the next packet, then for the last bytes to leave. */
  onDue(): void {
    const { clock, counters, wheel } = this.#context;
    if (this.#phase === CLOSED) {
      this.sink.destroy();
    } else if (this.#phase === AWAIT_CONNECT) {
      this.destroy('no CONNECT in time');
    } else {
      // While we do not read, silence is ours and not the client's.
      const silentMs = this.#pauses === 0 ? clock.monotonic() - this.#heardMs : 0;
      if (silentMs < this.#silenceMs) {
        wheel.arm(this, this.#silenceMs - silentMs);
        return;
      }
      counters.keepAliveTimeouts++;
      this.destroy('keep-alive time passed in silence');
    }
  }

  #touch(): void {
    if (!this.dirty) this.#context.flusher.add(this);
  }

  #flush(): void {
    const { bytes } = this.#outbox;
    this.#context.counters.bytesOut += bytes;
    this.#written += bytes;
    this.#held = this.#outbox.flush(this.sink);
    if (this.#held < this.#highWaterBytes) return;
    const { wheel, limits } = this.#context;
    this.#stuck ??= new StuckWatch(
      wheel,
      limits.stuckTimeoutMs,
      () => (this.sink.bufferedBytes < limits.highWaterBytes ? -1 : this.#written - this.sink.bufferedBytes),
      () => this.#onStuck(),
    );
    this.#stuck.start();
  }

  #onStuck(): void {
    this.#context.counters.stuckClients++;
    this.destroy('the client does not read');
  }

  #pause(reason: number): void {
    if (this.#pauses === 0) {
      this.#reader.pause();
      this.sink.pause();
    }
    this.#pauses |= reason;
  }

  #resume(reason: number): void {
    this.#pauses &= ~reason;
    if (this.#pauses !== 0 || this.#phase === CLOSED) return;
    this.#heardMs = this.#context.clock.monotonic();
    try {
      this.#reader.resume();
    } catch (error) {
      this.#fail(error);
    }
    this.#context.router.endRun();
    if (this.#pauses === 0 && this.#phase !== CLOSED) this.sink.resume();
  }

  #refused(error: unknown): false {
    this.#context.log.warn('an access check failed', { error: messageOf(error) });
    return false;
  }

  #fail(error: unknown): void {
    if (error instanceof MalformedPacket) {
      this.#context.counters.malformedPackets++;
      this.close(error.message);
      return;
    }
    this.#context.log.error('a connection failed', { address: this.sink.address, error: messageOf(error) });
    this.destroy('an internal error');
  }

  /** The end of the session's connection (not of the session): nothing is sent or looked at from here on. */
  #leave(reason: string): void {
    const { wheel, acks, sessions, log } = this.#context;
    const { session } = this;
    const will = this.#will;
    this.#phase = CLOSED;
    this.#will = null;
    this.#lastTopic = null;
    this.#reader.stop();
    this.#stuck?.stop();
    wheel.cancel(this);
    acks.forget(this);
    log.debug('connection closed', { client: session?.clientId, address: this.sink.address, reason });
    if (session === null) return;
    if (session.connection === this) sessions.leave(session);
    if (will !== null) publishWill(this.#context, session.clientId, this.username, will);
  }
}
