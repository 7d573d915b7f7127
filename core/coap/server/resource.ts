/** What a resource of this server is, and what it sees of a request. Messages, blocks and observers are hidden. */
import type { PeerAddress } from '../address.ts';
import type { CoapTransport } from '../carrier.ts';
import type { Method } from '../codec/codes.ts';
import type { CoapOption } from '../codec/options.ts';
import type { ParsedLink } from '../links/link-format.ts';

export interface ServedRequest {
  method: Method;
  code: number;
  /** Decoded segments, none of them `.` or `..`; none at all for `/`. */
  path: string[];
  /** Decoded arguments, `name=value` each. */
  query: string[];
  /** As they came, with those of blocks; each critical one is known and of a legal length. */
  options: readonly CoapOption[];
  /**
   * The whole body, blocks hidden; for `allow` only what this one message carries. Perhaps a view on a larger buffer:
   * copy what is kept for long.
   */
  payload: Uint8Array;
  contentFormat: number | null;
  accept: number | null;
  /** True when this GET or FETCH registers an observation or is made anew for a notification. */
  observe: boolean;
  from: PeerAddress;
  transport: CoapTransport;
  peerKey: string;
  identity: string | null;
  multicast: boolean;
  /** Aborted when the answer comes too late to be used, or the server stops. */
  signal: AbortSignal;
}

export interface ServedAnswer {
  code: number;
  /** Of any length: what does not fit into one message goes out in blocks. */
  payload?: Uint8Array;
  contentFormat?: number;
  /** Left out it is 60 s, as clients must assume (RFC 7252 §5.10.5). */
  maxAgeSeconds?: number;
  /** 1 to 8 bytes. Made from the body where blocks need one. */
  etag?: Uint8Array;
  /** Others than those above: Location-Path and the like. Block, Observe, Size and Echo are the server's. */
  options?: CoapOption[];
  /** For people, when the code is an error; sent where there is no payload (RFC 7252 §5.5.2). */
  diagnostic?: string;
}

export interface Resource {
  /** Links for /.well-known/core (several where it stands for a subtree); none: not listed. */
  links?(): ParsedLink[];
  /** Methods it has; others get 4.05. */
  methods: readonly Method[];
  observable?: boolean;
  /** Every notification is a CON; else one in `confirmEvery` is. */
  confirmable?: boolean;
  /** Largest block that it takes or gives, a power of two from 16 to 1024. */
  blockBytes?: number;
  /** It heeds If-Match and If-None-Match by `failedPrecondition`; else a change with one of them gets 4.02. */
  preconditions?: boolean;
  /** A throw or rejection becomes 5.00 without details. Called once per body, however many blocks it came in. */
  handle(request: ServedRequest): ServedAnswer | Promise<ServedAnswer>;
}
