/**
 * The seam between what asks (requests, blocks, observations) and what carries (RFC 7252 messages over UDP or DTLS,
 * RFC 8323 over TCP, TLS and WebSockets). The asking side knows no message type and no id; the carrying side knows no
 * method and no option but those of its own layer.
 */
import type { PeerAddress } from './address.ts';
import type { CoapOption } from './codec/options.ts';
import type { TokenOwner } from './messages/peer.ts';
import type { CoapUri } from './uri.ts';

export type CoapTransport = 'udp' | 'dtls' | 'tcp' | 'tls' | 'ws' | 'wss';

/** A request, or a response or notification that goes out by itself. */
export interface Outgoing {
  /** CON instead of NON; means nothing on reliable transports. */
  confirmable: boolean;
  code: number;
  token: Uint8Array;
  options: CoapOption[];
  payload: Uint8Array;
  /** Instead of MAX_RETRANSMIT. */
  maxRetransmit?: number;
}

/** Who hears what becomes of a message that was sent. Never called before `send` has returned. */
export interface SendingWatcher {
  /** Its turn came and it went out for the first time. */
  sent?(): void;
  /** Its turn came, and no message id is free for so long: 65,536 messages went there lately (RFC 7252 §4.4). */
  waits?(waitMs: number): void;
  /** The other end has it: an empty ACK (RFC 7252 §5.2.2). Never on reliable transports. */
  acknowledged(): void;
  /**
   * Asked before a CON is repeated: what is to be sent instead, as a new message that goes on with the timer and the
   * counter of the old one (RFC 7641 §4.5.2). Undefined: the same again.
   */
  renew?(): Outgoing | undefined;
  /** `coap.timeout`, `coap.reset`, `coap.unreachable`, `coap.malformed`, `coap.closed` or `coap.cancelled`. */
  failed(error: Error): void;
}

/** One message on its way. */
export interface Sending {
  readonly state: 'waiting' | 'sent' | 'acknowledged' | 'done';
  /** Monotonic ms of the first transmission, 0 while it waits. */
  readonly firstSentMs: number;
  readonly retransmissions: number;
  /** Nobody waits for anything about it any more. May be called again. */
  release(): void;
}

/** The way to one other endpoint. Good for as long as its owner of tokens or messages uses it, not for keeping. */
export interface Carrier {
  readonly transport: CoapTransport;
  readonly address: PeerAddress;
  /** False over UDP and DTLS. */
  readonly reliable: boolean;
  /**
   * The largest message that may be sent: 1152 bytes over UDP while nothing is known of the path (RFC 7252 §4.6), the
   * other end's Max-Message-Size over reliable transports (RFC 8323 §5.3.1).
   */
  readonly maxMessageBytes: number;
  /** The largest block size exponent: 6, or 7 (BERT) where both ends have said Block-Wise-Transfer (RFC 8323 §6). */
  readonly largestSzx: number;
  /** Closed for good: ask the source for another. Never true for UDP. */
  readonly closed: boolean;
  /** A token that nobody uses towards this peer (RFC 7252 §5.3.1). */
  freshToken(): Uint8Array;
  /** Answers with this token go to `owner` until it is disowned. When the carrier closes, the owner hears of it by
   * `onBrokenResponse` with `coap.closed`. */
  own(token: Uint8Array, owner: TokenOwner): void;
  /** Only if it is still `owner`'s. */
  disown(token: Uint8Array, owner: TokenOwner): void;
  /** Sends when its turn comes. Throws `coap.busy`, `coap.too_large`, `coap.closed` or `coap.not_running`. */
  send(message: Outgoing, watcher: SendingWatcher): Sending;
  /** At once and out of turn, without a word of what becomes of it. Throws like `send`. */
  sendUnawaited(message: Outgoing): void;
  /** RFC 7252 §4.3 (empty CON, RST) or RFC 8323 §5.4 (7.02, 7.03). Fails like an exchange. */
  ping(signal?: AbortSignal): Promise<{ rttMs: number }>;
}

/** Finds the way to a server, by the scheme of the URI; opens a connection where one is needed. */
export interface CarrierSource {
  /**
   * Fails with `coap.host_not_found`, `coap.bad_uri`, `coap.unreachable`, `coap.tls`, `coap.handshake`, `coap.busy`,
   * `coap.cancelled`, `coap.not_running`.
   */
  reach(uri: CoapUri, signal?: AbortSignal): Promise<Carrier>;
}

/** One message as it went over the wire, for ladders and captures. `bytes` are valid only during the call. */
export interface WireEvent {
  direction: 'in' | 'out';
  transport: CoapTransport;
  peer: PeerAddress;
  bytes: Uint8Array;
  /** Monotonic ms. */
  atMs: number;
  /** Of ours: 0 for the first transmission, n for the nth repeat. */
  repeat: number;
  /** What became of one that came in. */
  verdict: 'ok' | 'duplicate' | 'unmatched' | 'malformed' | 'refused';
}

/** Undefined while nobody looks: nothing is made then. */
export type WireTap = (event: WireEvent) => void;
