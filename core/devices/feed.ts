/**
 * What a subscriber holds: the same shape as `Feed` of core/rpc/types.ts, which this folder may not know. `drain`
 * gives what changed since the last `drain` or `snapshot` and forgets it, null when nothing did.
 */
export interface DeviceFeed<Snapshot, Delta> {
  snapshot(): Snapshot;
  drain(): Delta | null;
  /** Idempotent. Afterwards `drain` gives null. */
  close(): void;
}
