/** A network in memory and hand-driven peers, to test CoAP on exact bytes and times. */
import type { PeerAddress } from '../../core/coap/address.ts';
import { decodeMessage, encodeMessage } from '../../core/coap/codec/codec.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import type {
  DatagramReceiver,
  Datagrams,
  GroupSocket,
  GroupTarget,
} from '../../core/coap/transports/datagrams.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';

type Delivery = (bytes: Uint8Array, from: PeerAddress) => void;

export class MemoryNet {
  readonly #places = new Map<string, Delivery>();
  readonly #groups = new Map<string, Set<Delivery>>();
  #underWay = 0;
  #lastPort = 40_000;

  freePort(): number {
    return ++this.#lastPort;
  }

  /** `group` as it is sent to: an IPv6 one has its scope. */
  join(group: string, port: number, deliver: Delivery): () => void {
    const key = `${group} ${port}`;
    const members = this.#groups.get(key) ?? new Set();
    this.#groups.set(key, members.add(deliver));
    return () => void members.delete(deliver);
  }

  attach(at: PeerAddress, deliver: Delivery): () => void {
    this.#places.set(keyOf(at), deliver);
    return () => void this.#places.delete(keyOf(at));
  }

  send(bytes: Uint8Array, from: PeerAddress, to: PeerAddress): void {
    const copy = new Uint8Array(bytes);
    this.#underWay++;
    queueMicrotask(() => {
      this.#underWay--;
      this.#places.get(keyOf(to))?.(copy, from);
      for (const deliver of this.#groups.get(keyOf(to)) ?? []) deliver(copy, from);
    });
  }

  /** Until nothing is under way and every promise that waited for it has run. */
  async settle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#underWay > 0);
  }
}

function keyOf(at: PeerAddress): string {
  return `${at.address} ${at.port}`;
}

export class MemoryDatagrams implements Datagrams {
  readonly #net: MemoryNet;
  readonly at: PeerAddress;
  /** Set to make every send fail with this. */
  sendError: Error | undefined;
  /** Groups that `start` joins, as `MemoryNet.join` wants them. */
  groups: string[] = [];
  #detach: (() => void)[] = [];

  constructor(net: MemoryNet, at: PeerAddress) {
    this.#net = net;
    this.at = at;
  }

  start(
    _at: { host: string; port: number },
    receive: DatagramReceiver,
  ): Promise<{ host: string; port: number }> {
    this.#detach = [
      this.#net.attach(this.at, (bytes, from) => receive(bytes, from, 'serving')),
      ...this.groups.map((group) =>
        this.#net.join(group, this.at.port, (bytes, from) => receive(bytes, from, 'group')),
      ),
    ];
    return Promise.resolve({ host: this.at.address, port: this.at.port });
  }

  send(bytes: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void {
    const error = this.sendError;
    if (error === undefined) this.#net.send(bytes, this.at, to);
    else queueMicrotask(() => failed?.(error));
  }

  openGroup(
    _target: GroupTarget,
    receive: (bytes: Uint8Array, from: PeerAddress) => void,
  ): Promise<GroupSocket> {
    const at = { ...this.at, port: this.#net.freePort() };
    const detach = this.#net.attach(at, receive);
    return Promise.resolve({
      send: (bytes, to, failed) => {
        const error = this.sendError;
        if (error === undefined) this.#net.send(bytes, at, to);
        else queueMicrotask(() => failed(error));
      },
      close: () => Promise.resolve(detach()),
    });
  }

  stop(): Promise<void> {
    for (const detach of this.#detach) detach();
    return Promise.resolve();
  }
}

export interface Received {
  message: CoapMessage;
  bytes: Uint8Array;
  from: PeerAddress;
}

/** A peer whose every message is written by the test. */
export class HandPeer {
  readonly at: PeerAddress;
  readonly received: Received[] = [];
  /** Called for each message instead of leaving it to the test. */
  answer: ((message: CoapMessage, from: PeerAddress) => void) | undefined;
  readonly #net: MemoryNet;
  readonly #detach: () => void;

  constructor(net: MemoryNet, at: PeerAddress) {
    this.#net = net;
    this.at = at;
    this.#detach = net.attach(at, (bytes, from) => {
      const decoded = decodeMessage(bytes);
      if (!decoded.ok) throw new Error(`the endpoint sent a malformed message: ${decoded.malformed.reason}`);
      this.received.push({ message: decoded.message, bytes, from });
      this.answer?.(decoded.message, from);
    });
  }

  detach(): void {
    this.#detach();
  }

  last(): CoapMessage {
    const last = this.received.at(-1);
    if (last === undefined) throw new Error('nothing was received');
    return last.message;
  }

  sendBytes(bytes: Uint8Array, to: PeerAddress): void {
    this.#net.send(bytes, this.at, to);
  }

  send(
    message: Partial<CoapMessage> & Pick<CoapMessage, 'type' | 'code' | 'messageId'>,
    to: PeerAddress,
  ): void {
    const none = new Uint8Array(0);
    this.sendBytes(encodeMessage({ token: none, options: [], payload: none, ...message }), to);
  }
}

export function ipv4(lastByte: number, port = 5683): PeerAddress {
  return { address: `10.0.0.${lastByte}`, port, family: 4 };
}

/** Where the endpoint or layer under test is. */
export const STATION = ipv4(1);

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function option(number: number, ...bytes: number[]): CoapOption {
  return { number, value: Uint8Array.from(bytes) };
}
