/** The seam between what receives requests (any transport) and what answers them (the resources). */
import type { PeerAddress } from '../address.ts';
import type { Carrier, CoapTransport } from '../carrier.ts';
import type { CoapOption } from '../codec/options.ts';

/** What is answered; type, message id and token follow from the request. */
export interface ServerAnswer {
  code: number;
  options: CoapOption[];
  payload: Uint8Array;
}

/** One request as it came in, each once: duplicates never reach the server. */
export interface IncomingRequest {
  code: number;
  token: Uint8Array;
  options: readonly CoapOption[];
  payload: Uint8Array;
  /** CON; true on reliable transports. */
  confirmable: boolean;
  /** It came to a multicast address: errors are kept silent and answers wait a random leisure (RFC 7252 §8.2). */
  multicast: boolean;
  /** Size of the whole message on the wire, for the amplification limit of RFC 9175 §2.4. */
  bytes: number;
  from: PeerAddress;
  transport: CoapTransport;
  /** The same text for every message of one peer on one transport: `udp 10.0.0.7:5683`, `tcp 7`. */
  peerKey: string;
  /** Who the peer proved to be by TLS or DTLS, else null. */
  identity: string | null;
  /**
   * Answers, once: piggybacked while that is still in time, else as a separate response (RFC 7252 §5.2). Before that
   * `null` is silence (a CON is still acknowledged), `undefined` rejects the message (RST; Abort is not sent). Later
   * calls do nothing. Nothing is thrown: an answer too large to be sent is counted and becomes 5.00.
   */
  answer(answer: ServerAnswer | null | undefined): void;
  /** The way back to the peer, for notifications with the token of the request. Throws `coap.busy`. */
  carrier(): Carrier;
}

/** Never throws and never blocks: work that takes time goes on by itself and calls `answer` later. */
export type RequestSink = (request: IncomingRequest) => void;
