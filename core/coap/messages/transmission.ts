import type { WheelEntry } from '../../base/timer-wheel.ts';
import type { Sending, SendingWatcher } from '../carrier.ts';
import type { Lane, Peer } from './peer.ts';

/** Who moves a transmission: the `Outbox`. */
export interface TransmissionKeeper {
  due(transmission: Transmission): void;
  release(transmission: Transmission): void;
}

/** One message of ours on its way: waiting in line, repeated, acknowledged, done. Moved only by the `Outbox`. */
export class Transmission implements Sending, WheelEntry {
  readonly peer: Peer;
  readonly lane: Lane;
  /** Encoded; the message id is filled in when its turn comes. Others once it is renewed. */
  bytes: Uint8Array;
  readonly confirmable: boolean;
  /** Key of the token it carries. */
  readonly token: string;
  readonly watcher: SendingWatcher;
  /** Overrides MAX_RETRANSMIT. */
  readonly maxRetransmit: number;
  state: Sending['state'] = 'waiting';
  messageId = -1;
  firstSentMs = 0;
  retransmissions = 0;
  /** The present wait for an ACK. */
  timeoutMs = 0;
  /** Its watcher knows that it waits for a message id. */
  toldToWait = false;
  /** Counts against NSTART of its peer. */
  holdsTurn = false;
  /** Its neighbours among all that are open. */
  previous: Transmission | undefined;
  next: Transmission | undefined;
  dueMs = Infinity;
  slot = -1;
  readonly #keeper: TransmissionKeeper;

  constructor(
    peer: Peer,
    lane: Lane,
    message: { bytes: Uint8Array; confirmable: boolean; token: string; maxRetransmit: number },
    watcher: SendingWatcher,
    keeper: TransmissionKeeper,
  ) {
    this.peer = peer;
    this.lane = lane;
    this.bytes = message.bytes;
    this.confirmable = message.confirmable;
    this.token = message.token;
    this.maxRetransmit = message.maxRetransmit;
    this.watcher = watcher;
    this.#keeper = keeper;
  }

  release(): void {
    this.#keeper.release(this);
  }

  onDue(): void {
    this.#keeper.due(this);
  }
}
