/** Bounds of what peers can make this server keep or do; what is refused is counted in `ServerCounters`. */
export interface ServerLimits {
  /** Largest body of a request, whatever its number of blocks: 4.13. */
  bodyBytes: number;
  /** Memory of request bodies that are being put together, in all: the one that waits longest goes first. */
  assemblyBytes: number;
  /** The same for one peer. */
  assemblyBytesPerPeer: number;
  /** Bodies that are being put together, in all. */
  assemblies: number;
  /** How long the next block may stay away; EXCHANGE_LIFETIME (RFC 7959 §2.5 leaves it to the server). */
  assemblyTimeoutMs: number;
  /** Bodies of answers that are kept while a peer fetches them by blocks, in all. */
  keptBytes: number;
  keptBodies: number;
  /** From the last block that was asked for. */
  keptMs: number;
  /** Largest block used over UDP and DTLS, a power of two from 16 to 1024. */
  blockBytes: number;
  /** Past it a registration is answered like a plain GET (RFC 7641 §4.1). */
  observers: number;
  observersPerPeer: number;
  /** Every nth notification is a CON, to learn whether anybody still listens (RFC 7641 §4.5). */
  confirmEvery: number;
  /** At the latest after so long; 24 h is what RFC 7641 §4.5 allows. */
  confirmAfterMs: number;
  /** Least time between two NON notifications to one observer while no round trip is known (RFC 7641 §4.5.1). */
  unknownRttMs: number;
  /** Sustained requests of one peer; more get 4.29 (RFC 8516). A later block of a body counts as a tenth. */
  requestsPerSecond: number;
  requestBurst: number;
  /** So many times as much from one host, whatever its number of ports. This machine has no such bound. */
  requestsPerHost: number;
  /** Peers whose rate is known. */
  ratedPeers: number;
  /** Requests whose resource has not answered yet; more get 5.03. */
  underWay: number;
  underWayPerPeer: number;
  /** A resource that has not answered then is aborted: 5.03. */
  handlerMs: number;
  /**
   * How many times larger than its request an answer may be while the address of a UDP peer is not verified
   * (RFC 9175 §2.4). Infinity lets everything pass.
   */
  amplification: number;
  /** How long an Echo value is good for. */
  echoMs: number;
  verifiedPeers: number;
  verifiedMs: number;
  /** Links in one answer of /.well-known/core. */
  links: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  bodyBytes: 1024 * 1024,
  assemblyBytes: 16 * 1024 * 1024,
  assemblyBytesPerPeer: 4 * 1024 * 1024,
  assemblies: 1_000,
  assemblyTimeoutMs: 247_000,
  keptBytes: 16 * 1024 * 1024,
  keptBodies: 1_000,
  keptMs: 60_000,
  blockBytes: 1_024,
  observers: 10_000,
  observersPerPeer: 100,
  confirmEvery: 20,
  confirmAfterMs: 24 * 3_600_000,
  unknownRttMs: 3_000,
  requestsPerSecond: 1_000,
  requestBurst: 2_000,
  requestsPerHost: 10,
  ratedPeers: 10_000,
  underWay: 1_000,
  underWayPerPeer: 64,
  handlerMs: 30_000,
  amplification: 3,
  echoMs: 60_000,
  verifiedPeers: 10_000,
  verifiedMs: 5 * 60_000,
  links: 10_000,
};

/** Only ever grow. `docs/limits.md` names them as `station.status.limits` does. */
export interface ServerCounters {
  /** Requests that came in, each block of a transfer counted. */
  requests: number;
  /** Refused by `allow`: 4.01 or 4.03. */
  denied: number;
  unknownPath: number;
  /** A critical option that is unknown, malformed or repeated: 4.02 or RST. */
  badOption: number;
  /** Bodies that were given up half-way: time-out, begun anew, or memory needed for others. */
  assembliesDropped: number;
  /** Blocks that fit to no body: 4.08. */
  blocksRefused: number;
  /** Bodies over the limit: 4.13. */
  bodiesTooLarge: number;
  /** Answer bodies forgotten before their time because of a bound. */
  keptBodiesDropped: number;
  /** Registrations answered like a plain GET because of a bound. */
  observersRefused: number;
  /** Observations that ended because the peer rejected them, was silent, or its connection ended. */
  observersLost: number;
  notifications: number;
  /** Changes that were told together with a later one, because the peer is slower than the resource. */
  notificationsCoalesced: number;
  /** 4.01 with Echo, instead of an answer that is too large for an address that is not verified. */
  echoChallenges: number;
  addressesVerified: number;
  /** 4.29. */
  tooManyRequests: number;
  /** 5.03 because too many requests are under way. */
  overloaded: number;
  /** Refused or dropped because one host held its share (`HostShares`); counted in what was refused, too. */
  hostShareReached: number;
  /** Resources that threw: 5.00. */
  handlerErrors: number;
  /** Resources that did not answer in time: 5.03. */
  handlerTimeouts: number;
}

export function newServerCounters(): ServerCounters {
  return {
    requests: 0,
    denied: 0,
    unknownPath: 0,
    badOption: 0,
    assembliesDropped: 0,
    blocksRefused: 0,
    bodiesTooLarge: 0,
    keptBodiesDropped: 0,
    observersRefused: 0,
    observersLost: 0,
    notifications: 0,
    notificationsCoalesced: 0,
    echoChallenges: 0,
    addressesVerified: 0,
    tooManyRequests: 0,
    overloaded: 0,
    hostShareReached: 0,
    handlerErrors: 0,
    handlerTimeouts: 0,
  };
}
