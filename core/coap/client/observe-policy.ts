/** How an observation is kept alive, and how it stands. */

/**
 * `starting`: registered for the first time, no answer yet. `active`: fresh. `stale`: Max-Age has passed without a
 * notification, registering again. `retrying`: the server does not answer as it should, registering again with
 * back-off. `ended`: cancelled, or refused by the server; nothing more happens.
 */
export type ObservationState = 'starting' | 'active' | 'stale' | 'retrying' | 'ended';

export interface ObservePolicy {
  /**
   * After Max-Age has passed, a random time between these two is waited before the resource counts as stale and
   * is registered anew (RFC 7641 §3.3.1: 5 to 15 s, so that not all clients ask at once).
   */
  staleGraceMinMs: number;
  staleGraceMaxMs: number;
  /**
   * Registered anew after this time without a notification, however long its Max-Age: a server that was restarted
   * has forgotten us, and one that says "good for a year" would never be heard again. A day, the time after which
   * a server checks for its part whether its observers are still there (RFC 7641 §4.5).
   */
  refreshMs: number;
  /** The first wait of the back-off; each further one is twice as long, up to the last. A quarter is random. */
  retryMinMs: number;
  retryMaxMs: number;
  /** MAX_RETRANSMIT of a registration: fewer than for a request, because it is tried again anyway. */
  maxRetransmit: number;
}

export const DEFAULT_OBSERVE_POLICY: ObservePolicy = {
  staleGraceMinMs: 5_000,
  staleGraceMaxMs: 15_000,
  refreshMs: 24 * 3_600_000,
  retryMinMs: 2_000,
  retryMaxMs: 60_000,
  maxRetransmit: 2,
};
