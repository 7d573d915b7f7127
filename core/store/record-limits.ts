const DAY_MS = 24 * 3_600_000;
const MIB = 1024 * 1024;

export interface RecordLimits {
  /** Readings and bytes in one commit. */
  batchReadings: number;
  batchBytes: number;
  /** Readings and bytes that may wait for a disk that is slow or at fault. */
  backlogReadings: number;
  backlogBytes: number;
  /** Raw message log. */
  messageLogBytes: number;
  messageLogAgeMs: number;
  /** How long readings that nobody waits for may gather before they are committed. */
  lingerMs: number;
  /** Shortest time between two writes of one topic, or of one device's last-seen time. */
  coalesceMs: number;
  /** Topics that are known and written again in that time, at most; those that wait longest go first. */
  coalescedTopics: number;
}

export const RECORD_LIMITS: RecordLimits = {
  batchReadings: 32_768,
  batchBytes: 8 * MIB,
  backlogReadings: 2_000_000,
  backlogBytes: 256 * MIB,
  messageLogBytes: 256 * MIB,
  messageLogAgeMs: 30 * DAY_MS,
  lingerMs: 50,
  coalesceMs: 1_000,
  coalescedTopics: 4_000,
};
