import type { WheelEntry } from '../../base/timer-wheel.ts';
import type { Peer } from './peer.ts';

/** Who hears what becomes of a message that was sent. */
export interface TransmissionWatcher {
  /** Its turn came and it went out for the first time. */
  sent?(): void;
  /** An empty ACK came: the other end has it and answers later (§5.2.2). */
  acknowledged(): void;
  /** `coap.timeout`, `coap.reset`, `coap.unreachable`, `coap.malformed` or `coap.cancelled` (the endpoint stopped). */
  failed(error: Error): void;
}

export type TransmissionState = 'waiting' | 'sent' | 'acknowledged' | 'done';

/** One message of ours on its way: waiting in line, repeated, acknowledged, done. Moved only by the `Outbox`. */
export class Transmission implements WheelEntry {
  readonly peer: Peer;
  /** Encoded; the message id is filled in when its turn comes. */
  readonly bytes: Uint8Array;
  readonly confirmable: boolean;
  /** Key of the token it carries. */
  readonly token: string;
  readonly watcher: TransmissionWatcher;
  /** Overrides MAX_RETRANSMIT. */
  readonly maxRetransmit: number;
  state: TransmissionState = 'waiting';
  messageId = -1;
  /** Monotonic ms. */
  firstSentMs = 0;
  retransmissions = 0;
  /** The present wait for an ACK. */
  timeoutMs = 0;
  /** Counts against NSTART of its peer. */
  holdsTurn = false;
  dueMs = Infinity;
  slot = -1;
  readonly onDue: () => void;

  constructor(
    peer: Peer,
    message: { bytes: Uint8Array; confirmable: boolean; token: string; maxRetransmit: number },
    watcher: TransmissionWatcher,
    due: (transmission: Transmission) => void,
  ) {
    this.peer = peer;
    this.bytes = message.bytes;
    this.confirmable = message.confirmable;
    this.token = message.token;
    this.maxRetransmit = message.maxRetransmit;
    this.watcher = watcher;
    this.onDue = () => due(this);
  }
}
