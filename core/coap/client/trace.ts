/**
 * The messages of one request or observation, picked out of all that goes over the wire. Nothing is looked at while
 * nobody traces; a message costs two look-ups while somebody does, however many trace.
 */
import type { Log } from '../../base/log.ts';
import type { PeerAddress } from '../address.ts';
import type { Carrier, WireEvent, WireTap } from '../carrier.ts';
import { ACK, RST } from '../codec/codes.ts';

/** Tokens and message ids that one trace knows its messages by; of a long transfer the oldest are forgotten. */
const MAX_KEYS = 2_048;

export class Traces {
  readonly #log: Log;
  readonly #tap: (tap: WireTap | undefined) => void;
  readonly #owners = new Map<string, Trace>();
  #open = 0;
  readonly #record: WireTap = (event) => this.#onMessage(event);

  /** `tap` is given the ear while somebody traces, and undefined when the last one has ended. */
  constructor(log: Log, tap: (tap: WireTap | undefined) => void) {
    this.#log = log;
    this.#tap = tap;
  }

  /** Listens until `close`. `onWaiting`: see `RequestOptions`. */
  open(listener: WireTap, onWaiting?: (waitMs: number) => void): Trace {
    if (this.#open++ === 0) this.#tap(this.#record);
    const hears: TraceEars = {
      listener,
      waits: (waitMs) => this.#heard(() => onWaiting?.(waitMs)),
    };
    return new Trace(this.#owners, hears, () => {
      if (--this.#open === 0) this.#tap(undefined);
    });
  }

  #onMessage(event: WireEvent): void {
    const { bytes, direction, transport } = event;
    const from = placeKey(event.transport, event.peer);
    const token = tokenOf(event);
    let trace = token === '' ? undefined : this.#owners.get(`${from} t${token}`);
    const isDatagram = transport === 'udp' || transport === 'dtls';
    if (isDatagram && bytes.length >= 4) {
      const type = (bytes[0]! >> 4) & 3;
      const id = (bytes[2]! << 8) | bytes[3]!;
      const answers = type === ACK || type === RST;
      // An id is counted by whoever sent the CON or NON with it.
      const ours = (direction === 'out') !== answers;
      const idKey = `${from} ${ours ? 'o' : 'i'}${id}`;
      if (trace !== undefined && !answers) trace.note(idKey);
      else trace ??= answers ? this.#owners.get(idKey) : undefined;
    }
    if (trace === undefined) return;
    const { listener } = trace;
    this.#heard(() => listener(event));
  }

  #heard(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#log.error('a listener to the messages of a CoAP request failed', { error });
    }
  }
}

type TraceEars = Pick<Trace, 'listener' | 'waits'>;

export class Trace {
  readonly listener: WireTap;
  /** The next message of it has to wait so long for its number. */
  readonly waits: (waitMs: number) => void;
  readonly #owners: Map<string, Trace>;
  readonly #closed: () => void;
  readonly #keys = new Set<string>();
  #isClosed = false;

  /** Made by `Traces.open`. */
  constructor(owners: Map<string, Trace>, { listener, waits }: TraceEars, closed: () => void) {
    this.#owners = owners;
    this.listener = listener;
    this.waits = waits;
    this.#closed = closed;
  }

  /** What goes to and comes from there with that token belongs to it from now on. */
  follow(carrier: Carrier, token: Uint8Array): void {
    const key = Buffer.from(token.buffer, token.byteOffset, token.length).toString('latin1');
    this.note(`${placeKey(carrier.transport, carrier.address)} t${key}`);
  }

  note(key: string): void {
    if (this.#isClosed) return;
    this.#keys.add(key);
    this.#owners.set(key, this);
    if (this.#keys.size <= MAX_KEYS) return;
    const oldest = this.#keys.values().next().value!;
    this.#forget(oldest);
  }

  /** May be called again. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const key of this.#keys) this.#forget(key);
    this.#closed();
  }

  #forget(key: string): void {
    this.#keys.delete(key);
    if (this.#owners.get(key) === this) this.#owners.delete(key);
  }
}

function placeKey(transport: string, { address, port }: PeerAddress): string {
  return `${transport} ${address} ${port}`;
}

/** Empty for a message without a token, or one that is too short to have one. */
function tokenOf({ bytes, transport }: WireEvent): string {
  if (bytes.length === 0) return '';
  const length = bytes[0]! & 15;
  if (length > 8) return '';
  const at = tokenOffset(bytes[0]! >> 4, transport);
  if (at + length > bytes.length) return '';
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('latin1');
}

/** RFC 7252 §3; RFC 8323 §3.2 with its extended length, §4.2 without one. */
function tokenOffset(firstNibble: number, transport: string): number {
  if (transport === 'udp' || transport === 'dtls') return 4;
  if (transport === 'ws' || transport === 'wss') return 2;
  return 2 + (firstNibble === 13 ? 1 : firstNibble === 14 ? 2 : firstNibble === 15 ? 4 : 0);
}
