/** Transmission parameters of RFC 7252 §4.8 and the times that follow from them. */

export interface TransmissionParameters {
  /** ACK_TIMEOUT: the first wait is a random time between this and `ackRandomFactor` times it. */
  ackTimeoutMs: number;
  ackRandomFactor: number;
  /** MAX_RETRANSMIT: a CON is sent once and repeated at most so often, the wait doubling each time. */
  maxRetransmit: number;
  /** NSTART: exchanges under way with one peer at a time; the others wait in line. */
  nstart: number;
  /** PROBING_RATE: how fast to send to a peer that does not answer, bytes per second. */
  probingRateBytesPerSecond: number;
  /** MAX_LATENCY: how long a datagram may live in the network. */
  maxLatencyMs: number;
  /**
   * How long a separate response is waited for after the empty ACK, and any response after a NON. The RFC leaves
   * it to the application; 93 s is the wait for a CON that is never acknowledged.
   */
  responseTimeoutMs: number;
  /** How long an answer of ours may take to travel in the ACK; then the ACK goes alone (RFC 7252 §5.2.2). */
  piggybackMs: number;
  /** DEFAULT_LEISURE: answers to a group wait a random time up to this (RFC 7252 §8.2). */
  leisureMs: number;
}

export const DEFAULT_PARAMETERS: TransmissionParameters = {
  ackTimeoutMs: 2_000,
  ackRandomFactor: 1.5,
  maxRetransmit: 4,
  nstart: 1,
  probingRateBytesPerSecond: 1,
  maxLatencyMs: 100_000,
  responseTimeoutMs: 93_000,
  piggybackMs: 500,
  leisureMs: 5_000,
};

/** MAX_TRANSMIT_SPAN: from the first to the last transmission of a CON, 45 s by default. */
export function maxTransmitSpanMs(p: TransmissionParameters): number {
  return p.ackTimeoutMs * (2 ** p.maxRetransmit - 1) * p.ackRandomFactor;
}

/** EXCHANGE_LIFETIME: how long a message id of a CON stays taken, 247 s by default. */
export function exchangeLifetimeMs(p: TransmissionParameters): number {
  return maxTransmitSpanMs(p) + 2 * p.maxLatencyMs + p.ackTimeoutMs;
}

/** NON_LIFETIME: how long a message id of a NON stays taken, 145 s by default. */
export function nonLifetimeMs(p: TransmissionParameters): number {
  return maxTransmitSpanMs(p) + p.maxLatencyMs;
}

/** Bounds of everything that grows with traffic. What is refused or given up is counted in `CoapCounters`. */
export interface CoapLimits {
  /**
   * Peers with state that we talk to, and as many strangers that only asked us. Past it an idle one is forgotten;
   * when none is idle, a new one is refused with `coap.busy` or not served.
   */
  peers: number;
  /** Received requests whose answer is not there yet, per peer and in all. More are dropped, and may come again. */
  servingPerPeer: number;
  serving: number;
  /** Separate responses and notifications that wait for their turn, per peer. More fail with `coap.busy`. */
  queuedResponsesPerPeer: number;
  /** Separate responses and notifications under way or waiting, in all. More fail with `coap.busy`. */
  responses: number;
  /** Requests to groups that listen for answers. More fail with `coap.busy`. */
  groupRequests: number;
  /** Requests that wait for their turn, per peer (NSTART). More fail with `coap.busy`. */
  queuedPerPeer: number;
  /** Requests under way or waiting, in all. More fail with `coap.busy`. */
  exchanges: number;
  /** Message ids remembered for deduplication, in all; the oldest go first. */
  remembered: number;
  /** Bytes of answers remembered for duplicate requests, in all; the oldest go first. */
  rememberedBytes: number;
  /** More fail with `coap.busy`. */
  observations: number;
  /** Largest body in either direction, whatever its number of blocks: `coap.too_large`. */
  bodyBytes: number;
}

export const DEFAULT_LIMITS: CoapLimits = {
  peers: 10_000,
  servingPerPeer: 64,
  serving: 5_000,
  queuedResponsesPerPeer: 64,
  responses: 20_000,
  groupRequests: 16,
  queuedPerPeer: 1_000,
  exchanges: 20_000,
  remembered: 100_000,
  rememberedBytes: 8 * 1024 * 1024,
  observations: 10_000,
  bodyBytes: 16 * 1024 * 1024,
};

/** Only ever grow, except `exchanges`, `observations` and `responding`, which tell how many there are now. */
export interface CoapCounters {
  /** Requests sent by this endpoint, each block of a transfer counted. */
  requests: number;
  /** Requests received and answered, duplicates not counted. */
  served: number;
  /** Under way or waiting for their turn: requests, registrations of observations, pings. */
  exchanges: number;
  observations: number;
  /** Separate responses and notifications of ours, under way or waiting for their turn. */
  responding: number;
  notifications: number;
  /** Notifications that came after a newer one (RFC 7641 §3.4). */
  reordered: number;
  retransmissions: number;
  timeouts: number;
  duplicates: number;
  malformed: number;
  /** Answers that nobody waits for: unknown token, wrong peer, late. */
  unmatched: number;
  resetsReceived: number;
  resetsSent: number;
  /** Datagrams, requests and remembered ids given up because a bound was reached. */
  droppedByLimit: number;
  /** Given up, or not served, because one host held its share (`HostShares`); all in `droppedByLimit`, too. */
  hostShareReached: number;
  /** How often messages to a peer had to wait, as 65,536 had gone to it within one lifetime (RFC 7252 §4.4). */
  messageIdWaits: number;
  sendErrors: number;
  datagramsIn: number;
  datagramsOut: number;
}

export function newCounters(): CoapCounters {
  return {
    requests: 0,
    served: 0,
    exchanges: 0,
    observations: 0,
    responding: 0,
    notifications: 0,
    reordered: 0,
    retransmissions: 0,
    timeouts: 0,
    duplicates: 0,
    malformed: 0,
    unmatched: 0,
    resetsReceived: 0,
    resetsSent: 0,
    droppedByLimit: 0,
    hostShareReached: 0,
    messageIdWaits: 0,
    sendErrors: 0,
    datagramsIn: 0,
    datagramsOut: 0,
  };
}
