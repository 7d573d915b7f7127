/** Bounds of a resource directory, what is counted, and how it refuses. */

/** Bounds of what others may leave here. What is refused is counted. */
export interface DirectoryLimits {
  registrations: number;
  /** Per owner: identity, or transport and address. */
  perPeer: number;
  linksPerRegistration: number;
  /** Characters of one registered list. */
  charsPerRegistration: number;
  /** Links of all registrations: they are all in the answer to an unfiltered lookup. */
  links: number;
}

export const DEFAULT_DIRECTORY_LIMITS: DirectoryLimits = {
  registrations: 2_000,
  perPeer: 50,
  linksPerRegistration: 500,
  charsPerRegistration: 64 * 1024,
  links: 50_000,
};

/** Only ever grow. */
export interface DirectoryCounters {
  registered: number;
  updated: number;
  removed: number;
  expired: number;
  /** The directory, or its peer's part of it, was full. */
  refusedFull: number;
  /** Full for the host of the peer (`HostShares`), while there was room for others. Counted in `refusedFull`, too. */
  hostShareReached: number;
  /** The list had too many links or characters. */
  refusedTooLarge: number;
  /** The endpoint belongs to somebody else. */
  refusedForeign: number;
  /** Parameters or links that cannot be read. */
  refusedBad: number;
}

export function newDirectoryCounters(): DirectoryCounters {
  return {
    registered: 0,
    updated: 0,
    removed: 0,
    expired: 0,
    refusedFull: 0,
    hostShareReached: 0,
    refusedTooLarge: 0,
    refusedForeign: 0,
    refusedBad: 0,
  };
}

/** Refused: a response code and one line for people. */
export interface Refusal {
  ok: false;
  code: number;
  why: string;
}
export type Outcome<T> = { ok: true; value: T } | Refusal;
