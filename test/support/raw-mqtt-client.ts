import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { decodePacket } from '../../core/mqtt/codec/decode.ts';
import { encodePacket } from '../../core/mqtt/codec/encode.ts';
import type { Packet, PublishPacket } from '../../core/mqtt/codec/packet.ts';
import { PacketReader } from '../../core/mqtt/packet-reader.ts';
import type { Qos } from '../../core/mqtt/types.ts';

export interface RawClientOptions {
  port: number;
  clientId: string;
  /** 4: 3.1.1, 5: 5.0. */
  level: 4 | 5;
  /** Of every connection but the first, too. */
  cleanStart?: boolean;
  /** Messages of QoS 1 and 2 that it has under way at most. */
  window?: number;
  /** Every message once where QoS 2 promises it. `dup` and `retain` as they came. */
  onMessage?: (message: PublishPacket) => void;
}

interface UnderWay {
  packet: PublishPacket;
  /** PUBREC has come: what is sent again is PUBREL. */
  released: boolean;
  done: () => void;
}

const MAX_PACKET_BYTES = 2_000_000;
const RETRY_MS = 20;

/**
 * A client over TCP that keeps its session as MQTT wants it (3.1.1 §4.1, v5 §4.1) through any number of connections:
 * it comes back by itself, sends again what was not acknowledged, in the order in which it was sent first, and hands on
 * each QoS 2 message once. Small and strict, to tell a fault of the broker from one of another client.
 */
export class RawMqttClient {
  /** Connections on which the broker had no session although there should have been one. */
  sessionsLost = 0;
  connections = 0;
  readonly #options: RawClientOptions;
  /** By packet id, in order of sending. */
  readonly #underWay = new Map<number, UnderWay>();
  readonly #waiting: Omit<UnderWay, 'released'>[] = [];
  /** QoS 2 messages that were handed on and are not released (§4.3.3 method B). */
  readonly #incoming = new Set<number>();
  readonly #requests = new Map<number, { packet: Packet; done: (packet: Packet) => void }>();
  #socket: Socket | null = null;
  #ready = false;
  #ended = false;
  #nextId = 0;
  #retry: NodeJS.Timeout | undefined;
  #onReady: (() => void)[] = [];

  constructor(options: RawClientOptions) {
    this.#options = options;
    this.#connect();
  }

  /** Resolves once CONNACK has come, on this connection or on the next. */
  ready(): Promise<void> {
    return this.#ready ? Promise.resolve() : new Promise((resolve) => this.#onReady.push(resolve));
  }

  /** Resolves with PUBACK or PUBCOMP, however many connections that takes. */
  publish(topic: string, payload: Uint8Array, qos: 1 | 2, retain = false): Promise<void> {
    return new Promise((done) => {
      const packet: PublishPacket = {
        type: 'publish',
        topic,
        payload,
        qos,
        retain,
        dup: false,
        packetId: 0,
        properties: {},
      };
      this.#waiting.push({ packet, done });
      this.#sendWaiting();
    });
  }

  /** Resolves with the reason codes of SUBACK. */
  async subscribe(filter: string, qos: Qos): Promise<number[]> {
    const packetId = this.#freeId();
    const request = { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const packet: Packet = { type: 'subscribe', packetId, filters: [request], properties: {} };
    const answer = await new Promise<Packet>((done) => {
      this.#requests.set(packetId, { packet, done });
      if (this.#ready) this.#send(packet);
    });
    return answer.type === 'suback' ? answer.reasonCodes : [];
  }

  /** Breaks the connection without a word; it comes back by itself. */
  drop(): void {
    this.#socket?.destroy();
  }

  /** Comes again while the broker still has its old connection. */
  takeOver(): void {
    clearTimeout(this.#retry);
    this.#ready = false;
    this.#connect();
  }

  /** Says nothing, and does not come back. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #connect(): void {
    const { port, clientId, level, cleanStart = false } = this.#options;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const reader = new PacketReader(
      {
        receive: (bytes, start, _body, end) => {
          if (this.#socket === socket) this.#receive(decodePacket(bytes, start, end, level));
        },
      },
      MAX_PACKET_BYTES,
    );
    reader.level = level;
    this.#socket = socket;
    socket.on('data', (chunk) => reader.feed(chunk));
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#ready = false;
      if (!this.#ended) this.#retry = setTimeout(() => this.#connect(), RETRY_MS);
    });
    this.#send({
      type: 'connect',
      protocolLevel: level,
      cleanStart,
      keepAliveSeconds: 0,
      clientId,
      will: null,
      username: null,
      password: null,
      properties: level === 5 ? { sessionExpirySeconds: 0xffff_ffff } : {},
    });
  }

  #receive(packet: Packet): void {
    switch (packet.type) {
      case 'connack':
        return this.#connected(packet.sessionPresent, packet.reasonCode);
      case 'publish':
        return this.#take(packet);
      case 'puback':
        return this.#done(packet.packetId);
      case 'pubrec':
        return this.#received(packet.packetId, packet.reasonCode);
      case 'pubcomp':
        return this.#done(packet.packetId);
      case 'pubrel':
        this.#incoming.delete(packet.packetId);
        return this.#acknowledge('pubcomp', packet.packetId);
      case 'suback':
      case 'unsuback': {
        const request = this.#requests.get(packet.packetId);
        this.#requests.delete(packet.packetId);
        return request?.done(packet);
      }
      default:
    }
  }

  #connected(sessionPresent: boolean, reasonCode: number): void {
    if (reasonCode !== 0) {
      this.#socket?.destroy();
      return;
    }
    if (!sessionPresent) {
      if (this.connections > 0) this.sessionsLost++;
      this.#incoming.clear();
    }
    this.connections++;
    this.#ready = true;
    for (const { packet } of this.#requests.values()) this.#send(packet);
    for (const [packetId, item] of this.#underWay) {
      // Without a session a PUBREL would speak of nothing; the message itself has been received.
      if (item.released) this.#acknowledge('pubrel', packetId);
      else this.#send({ ...item.packet, dup: sessionPresent });
    }
    this.#sendWaiting();
    for (const ready of this.#onReady.splice(0)) ready();
  }

  #take(packet: PublishPacket): void {
    const { qos, packetId } = packet;
    if (qos === 2) {
      if (!this.#incoming.has(packetId)) {
        this.#incoming.add(packetId);
        this.#options.onMessage?.(packet);
      }
      return this.#acknowledge('pubrec', packetId);
    }
    this.#options.onMessage?.(packet);
    if (qos === 1) this.#acknowledge('puback', packetId);
  }

  #received(packetId: number, reasonCode: number): void {
    const item = this.#underWay.get(packetId);
    if (item === undefined || reasonCode >= 0x80) return this.#done(packetId);
    item.released = true;
    this.#acknowledge('pubrel', packetId);
  }

  #done(packetId: number): void {
    const item = this.#underWay.get(packetId);
    if (item === undefined) return;
    this.#underWay.delete(packetId);
    item.done();
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    const { window = 20 } = this.#options;
    while (this.#ready && this.#underWay.size < window) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      const packetId = this.#freeId();
      const packet = { ...next.packet, packetId };
      this.#underWay.set(packetId, { packet, done: next.done, released: false });
      this.#send(packet);
    }
  }

  #acknowledge(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetId: number): void {
    this.#send({ type, packetId, reasonCode: 0, properties: {} });
  }

  #freeId(): number {
    do this.#nextId = (this.#nextId % 65_535) + 1;
    while (this.#underWay.has(this.#nextId) || this.#requests.has(this.#nextId));
    return this.#nextId;
  }

  #send(packet: Packet): void {
    this.#socket?.write(encodePacket(packet, this.#options.level));
  }
}
