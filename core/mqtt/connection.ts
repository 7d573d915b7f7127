import type { Buffer } from 'node:buffer';
import { messageOf } from '../base/errors.ts';
import type { WheelEntry } from '../base/timer-wheel.ts';
import { AccessCache } from './access-cache.ts';
import type { AuthConversation } from './auth.ts';
import { disconnection, type Farewell, refusal } from './closing.ts';
import { decodePacket } from './codec/decode.ts';
import { asBuffer } from './codec/fields.ts';
import { MalformedPacket } from './codec/malformed.ts';
import { CONNECT, type ProtocolLevel, PUBACK, PUBCOMP, PUBLISH, PUBREC } from './codec/packet.ts';
import { KEEP_ALIVE_TIMEOUT, UNSPECIFIED_ERROR } from './codec/reason-codes.ts';
import { receiveFirst } from './connecting.ts';
import type { BrokerContext } from './context.ts';
import type { Flushable } from './flusher.ts';
import { InboundAliases } from './inbound-aliases.ts';
import type { ClientLimits, ConnectionOrigin } from './origin.ts';
import { OutboundAliases } from './outbound-aliases.ts';
import { Outgoing } from './outgoing.ts';
import { type PacketHandler, PacketReader } from './packet-reader.ts';
import type { PublishFrame } from './publish-frame.ts';
import { PublishRate } from './publish-rate.ts';
import { receivePublish } from './publishing.ts';
import { FOR_ACKS, FOR_RATE, FOR_VERDICT, ReadingPauses } from './reading-pauses.ts';
import { receiveAck, receiveOther } from './receiving.ts';
import type { Session } from './session.ts';
import type { SessionRecord } from './session-record.ts';
import type { Sink } from './sink.ts';
import type { Terms } from './terms.ts';
import { sameBytes, type TopicEntry } from './topic-cache.ts';
import type { Qos } from './types.ts';

const AWAIT_CONNECT = 0;
const OPEN = 1;
const CLOSED = 2;

/** How long a closing connection may take to send what it still holds. */
const LINGER_MS = 5_000;
/** Longer topics are not remembered. */
const MAX_REMEMBERED_TOPIC = 512;
const NO_ALIASES = new InboundAliases(0);

/**
 * One network connection without its network: the transport calls `feed`, `drained` and `closed`, answers go to
 * the sink at the end of the turn. Whatever a peer sends, nothing is thrown at the caller.
 */
export class Connection implements Flushable, PacketHandler, WheelEntry {
  readonly sink: Sink;
  readonly origin: ConnectionOrigin;
  dueMs = Infinity;
  slot = -1;
  dirty = false;
  protocolLevel: ProtocolLevel = 4;
  username: string | null = null;
  /** Set from CONNACK to the end. */
  session: Session | null = null;
  limits: ClientLimits;
  /** Aliases that we set towards the client; null when it takes none. */
  aliases: OutboundAliases | null = null;
  inboundAliases = NO_ALIASES;
  /** Largest packet that the client takes (MQTT-3.1.2-24). */
  maximumPacketBytes = Infinity;
  /** Whether acknowledgements leave before what they promise is on disk. */
  readonly relaxed: boolean;
  /** The AUTH exchange that it was let in by, or that is under way. */
  auth: AuthConversation | null = null;
  /** An acknowledgement in the read in hand let the session send something. */
  madeRoom = false;
  /** Acknowledgements that wait for the intake. Kept by `PendingAcks`. */
  pendingAcks = 0;
  /** Wall time of the last bytes, ms since the epoch. */
  heardWallMs = 0;
  readonly #context: BrokerContext;
  readonly #reader: PacketReader;
  readonly #out: Outgoing;
  readonly #pauses: ReadingPauses;
  #phase = AWAIT_CONNECT;
  #heardMs = 0;
  /** 0: the client wants no keep-alive. */
  #silenceMs = 0;
  #bytesIn = 0;
  #messagesIn = 0;
  #messagesOut = 0;
  /** QoS 1 and 2 messages of a v5 client whose last acknowledgement was not sent. */
  #unanswered = 0;
  #lastTopic: TopicEntry | null = null;
  #access: AccessCache | null = null;
  #rate: PublishRate | null = null;

  constructor(context: BrokerContext, sink: Sink, origin: ConnectionOrigin) {
    this.#context = context;
    this.sink = sink;
    this.origin = origin;
    this.limits = context.limitsOf(origin.profile);
    this.relaxed = origin.profile.acknowledge === 'received';
    this.#reader = new PacketReader(this, Math.min(this.limits.maxPacketBytes, context.limits.connectBytes));
    this.#out = new Outgoing(context, sink, () => this.#onStuck());
    this.#pauses = new ReadingPauses(this.#reader, sink, (resume) => this.#goOn(resume));
    context.wheel.arm(this, context.limits.connectTimeoutMs);
  }

  get isOpen(): boolean {
    return this.#phase === OPEN;
  }

  /** Whether it holds more than the high-water mark. */
  get slow(): boolean {
    return this.#out.isHigh;
  }

  // What the transport calls.

  /** Takes bytes in. They may be passed on by reference: the transport must not reuse the memory. */
  feed(bytes: Uint8Array): void {
    if (this.#phase === CLOSED) return;
    const { clock, counters, router } = this.#context;
    counters.bytesIn += bytes.length;
    this.#bytesIn += bytes.length;
    this.#heardMs = clock.monotonic();
    this.heardWallMs = clock.now();
    this.session?.touch();
    try {
      this.#reader.feed(asBuffer(bytes));
    } catch (error) {
      this.fail(error);
    }
    router.endRun();
    if (this.madeRoom) this.#flushAfterRead();
  }

  /** Everything that the sink held has left. */
  drained(): void {
    if (this.#phase === CLOSED) return;
    this.#out.look();
    this.#pumpWaiting();
  }

  /** The network connection is gone, whoever ended it. Called once, at the very end. */
  closed(reason: string): void {
    if (this.#phase !== CLOSED) {
      this.#context.router.endRun();
      this.#out.outbox.clear();
      this.#leave(reason);
    }
    this.#context.wheel.cancel(this);
    this.#context.forget(this);
  }

  // What the broker's parts call.

  /**
   * Ends the connection after what waits has been sent. With a reason code a v5 client is told it: in DISCONNECT, or
   * before CONNACK in that (v5 §4.13); older clients only before CONNACK. The will is published unless it was dropped.
   */
  close(reason: string, reasonCode?: number, serverReference?: string): void {
    if (this.#phase === CLOSED) return;
    const { router, wheel } = this.#context;
    router.endRun();
    if (reasonCode !== undefined) this.#say({ reasonCode, reason, serverReference });
    this.#out.finish();
    this.#leave(reason);
    this.sink.end();
    if (this.sink.bufferedBytes > 0) wheel.arm(this, LINGER_MS);
  }

  /** Ends the connection at once; what waits is lost. */
  destroy(reason: string): void {
    if (this.#phase === CLOSED) return;
    this.#context.router.endRun();
    this.#out.outbox.clear();
    this.#leave(reason);
    this.sink.destroy();
  }

  /** Leaves without a will: the client took leave, or the station stops. */
  dropWill(): void {
    if (this.session !== null) this.session.record.will = null;
  }

  /** CONNECT is looked at: everything from here on is of its protocol level. */
  speak(level: ProtocolLevel): void {
    this.protocolLevel = level;
    this.#reader.level = level;
  }

  /** CONNECT was accepted. Keep-alive is one and a half times what the client promised (MQTT-3.1.2-22). */
  open(terms: Terms): void {
    const { wheel, clock } = this.#context;
    const { limits, session } = terms;
    this.#phase = OPEN;
    this.session = session;
    this.username = terms.username;
    this.limits = limits;
    this.maximumPacketBytes = terms.maximumPacketBytes;
    this.#reader.maxPacketBytes = limits.maxPacketBytes;
    const aliases = Math.min(terms.topicAliasMaximum, limits.outboundAliases);
    if (aliases > 0) this.aliases = new OutboundAliases(aliases);
    if (this.protocolLevel === 5 && limits.topicAliasMaximum > 0)
      this.inboundAliases = new InboundAliases(limits.topicAliasMaximum);
    if (limits.publishRate > 0)
      this.#rate = new PublishRate(limits.publishRate, clock, wheel, () => this.#pauses.resume(FOR_RATE));
    this.#silenceMs = terms.keepAliveSeconds * 1_500;
    if (this.#silenceMs > 0) wheel.arm(this, this.#silenceMs);
    else wheel.cancel(this);
  }

  /** Writes its counts into the session's record. */
  report(record: SessionRecord): void {
    record.lastPacketMs = this.heardWallMs;
    record.bytesIn = this.#bytesIn;
    record.bytesOut = this.#out.written;
    record.messagesIn = this.#messagesIn;
    record.messagesOut = this.#messagesOut;
  }

  /** Whether more may be sent now. */
  makeRoom(): boolean {
    return this.#out.makeRoom();
  }

  send(bytes: Buffer): void {
    if (this.#phase === CLOSED) return;
    this.#out.outbox.append(bytes, 0, bytes.length);
    this.#context.counters.otherPacketsOut++;
    this.#touch();
  }

  /** `header` is the first byte. Below level 5 there is no reason code. */
  sendAck(header: number, packetId: number, reasonCode: number): void {
    if (this.#phase === CLOSED) return;
    if (this.#unanswered > 0) {
      const type = header >> 4;
      if (type === PUBACK || type === PUBCOMP || (type === PUBREC && reasonCode >= 0x80)) this.#unanswered--;
    }
    this.#out.outbox.ack(header, packetId, this.protocolLevel === 5 ? reasonCode : 0);
    this.#context.counters.otherPacketsOut++;
    this.#touch();
  }

  /** False when the packet is too large for the client (MQTT-3.1.2-24): it is not sent, and that is counted. */
  sendPublish(
    frame: PublishFrame,
    qos: Qos,
    packetId: number,
    flags: number,
    subscriptionIds: readonly number[] | null,
  ): boolean {
    if (this.#phase === CLOSED) return true;
    const { counters, clock } = this.#context;
    const before = this.#out.outbox.bytes;
    const nowMs = frame.expiresMs === 0 ? 0 : clock.now();
    if (!this.#out.outbox.publish(frame, this, qos, packetId, flags, subscriptionIds, nowMs)) {
      counters.tooLargeForClient++;
      if (this.session !== null) this.session.record.dropped++;
      return false;
    }
    counters.messagesOut++;
    counters.publishBytesOut += this.#out.outbox.bytes - before;
    this.#messagesOut++;
    this.#touch();
    return true;
  }

  /** `messages` QoS 0 packets side by side. */
  sendRun(bytes: Buffer, start: number, end: number, messages: number): void {
    if (this.#phase === CLOSED) return;
    const { counters } = this.#context;
    this.#out.outbox.append(bytes, start, end);
    counters.messagesOut += messages;
    counters.publishBytesOut += end - start;
    this.#messagesOut += messages;
    this.#touch();
  }

  topicOf(bytes: Buffer, start: number, end: number): TopicEntry {
    const last = this.#lastTopic;
    if (last !== null && sameBytes(last.bytes, bytes, start, end)) return last;
    const entry = this.#context.topics.find(bytes, start, end);
    this.#lastTopic = end - start <= MAX_REMEMBERED_TOPIC ? entry : null;
    return entry;
  }

  /** Whether the client may publish to the topic. */
  mayPublish(entry: TopicEntry): boolean {
    if (entry.serverOnly) return false;
    if (this.#context.options.authorize === undefined) return true;
    this.#access ??= new AccessCache(this.#context, this.session!.clientId, this.username);
    return this.#access.mayPublish(entry);
  }

  /** A PUBLISH above QoS 0 came. Throws when a v5 client has more unanswered than it was allowed (MQTT-3.3.4-9). */
  takesQuota(): void {
    if (this.protocolLevel === 5 && ++this.#unanswered > this.limits.receiveMaximum) {
      throw new MalformedPacket(
        'receive_maximum',
        'More messages unacknowledged than Receive Maximum allows.',
      );
    }
  }

  /** A PUBLISH of `bytes` came. A client above its rate is not read for a while. */
  countPublish(bytes: number): void {
    this.#messagesIn++;
    this.#context.counters.publishBytesIn += bytes;
    if (this.#rate !== null && !this.#rate.take()) {
      this.#context.counters.quotaExceeded++;
      this.#pauses.pause(FOR_RATE);
    }
  }

  /** Nothing of this connection is looked at until `answer` comes. Then runs unless the connection is gone. */
  wait<T>(answer: Promise<T>, then: (answer: T) => void, failed: (error: unknown) => void): void {
    this.#pauses.pause(FOR_VERDICT);
    const goOn = (step: () => void): void => {
      if (this.#phase === CLOSED) return;
      try {
        step();
      } catch (error) {
        this.fail(error);
        return;
      }
      this.#pauses.resume(FOR_VERDICT);
    };
    void answer.then(
      (value) => goOn(() => then(value)),
      (error: unknown) => goOn(() => failed(error)),
    );
  }

  pauseForAcks(): void {
    this.#pauses.pause(FOR_ACKS);
  }

  resumeAfterAcks(): void {
    this.#pauses.resume(FOR_ACKS);
  }

  /** Something of this connection went wrong: a peer's mistake is answered as the specification says. */
  fail(error: unknown): void {
    if (error instanceof MalformedPacket) {
      this.#context.counters.malformedPackets++;
      // MQTT311-3.1.4-1: what is no CONNECT gets no CONNACK, unless it is known to be of level 5.
      const told = this.#phase !== AWAIT_CONNECT || this.protocolLevel === 5;
      this.close(error.message, told ? error.reasonCode : undefined);
      return;
    }
    this.#context.log.error('a connection failed', { address: this.sink.address, error: messageOf(error) });
    this.close('an internal error', UNSPECIFIED_ERROR);
  }

  // What the reader, the flusher and the timer wheel call.

  receive(bytes: Buffer, start: number, body: number, end: number): void {
    const type = bytes[start]! >> 4;
    if (this.#phase !== OPEN) {
      this.#context.router.endRun();
      this.#context.counters.otherPacketsIn++;
      // So that a CONNECT that cannot be read is answered in the words of its version.
      if (type === CONNECT && bytes[body + 6] === 5 && body + 6 < end) this.speak(5);
      receiveFirst(this.#context, this, decodePacket(bytes, start, end, this.protocolLevel));
      return;
    }
    if (type === PUBLISH) {
      receivePublish(this.#context, this, bytes, start, body, end);
      return;
    }
    if (type === CONNECT) throw new MalformedPacket('protocol', 'A second CONNECT (MQTT-3.1.0-2).');
    this.#context.router.endRun();
    this.#context.counters.otherPacketsIn++;
    if (type >= PUBACK && type <= PUBCOMP && end - body === 2) {
      receiveAck(this.#context, this, type, (bytes[body]! << 8) | bytes[body + 1]!, 0);
    } else receiveOther(this.#context, this, decodePacket(bytes, start, end, this.protocolLevel));
  }

  flushTurn(): void {
    if (this.#phase === CLOSED) return;
    this.#flush();
    if (this.#out.isFull) this.#onStuck();
    else this.#pumpWaiting();
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
      const silentMs = this.#pauses.isPaused ? 0 : clock.monotonic() - this.#heardMs;
      if (silentMs < this.#silenceMs) {
        wheel.arm(this, this.#silenceMs - silentMs);
        return;
      }
      counters.keepAliveTimeouts++;
      this.close('keep-alive time passed in silence', KEEP_ALIVE_TIMEOUT);
    }
  }

  #say(farewell: Farewell): void {
    const { protocolLevel: level, maximumPacketBytes: most } = this;
    let packet: Buffer | null = null;
    if (this.#phase === AWAIT_CONNECT) packet = refusal(level, farewell, most);
    else if (level === 5) packet = disconnection(farewell, most);
    if (packet !== null && packet.length <= most) this.#out.outbox.append(packet, 0, packet.length);
  }

  /** When the window is full again, nothing will be added to what was sent: it need not wait while others are read. */
  #flushAfterRead(): void {
    this.madeRoom = false;
    if (this.#phase === OPEN && this.session!.hasWaiting) this.#flush();
  }

  #touch(): void {
    if (!this.dirty) this.#context.flusher.add(this);
  }

  #flush(): void {
    this.#out.flush();
    this.session?.touch();
  }

  #pumpWaiting(): void {
    if (!this.#out.isHigh && this.session?.hasWaiting === true) this.session.pump();
  }

  #onStuck(): void {
    this.#context.counters.stuckClients++;
    this.destroy('the client does not read');
  }

  #goOn(resume: () => void): boolean {
    if (this.#phase === CLOSED) return false;
    this.#heardMs = this.#context.clock.monotonic();
    try {
      resume();
    } catch (error) {
      this.fail(error);
    }
    this.#context.router.endRun();
    // It may have been closed meanwhile.
    return (this.#phase as number) !== CLOSED;
  }

  /** The end of the session's connection (not of the session): nothing is sent or looked at from here on. */
  #leave(reason: string): void {
    const { wheel, acks, sessions, log } = this.#context;
    const { session } = this;
    this.#phase = CLOSED;
    this.#lastTopic = null;
    this.#access = null;
    this.auth = null;
    this.#reader.stop();
    this.#out.stop();
    this.#rate?.stop();
    wheel.cancel(this);
    acks.forget(this);
    log.debug('connection closed', { client: session?.clientId, address: this.sink.address, reason });
    if (session === null || session.connection !== this) return;
    this.report(session.record);
    sessions.leave(session);
  }
}
