/** The way out of one network connection, as its transport provides it: TCP today, TLS and WebSocket alike. */
export interface Sink {
  /** `host:port` of the peer, for people. */
  readonly address: string;
  /** Bytes that were written and have not left yet. */
  readonly bufferedBytes: number;
  /** Takes `bytes`; returns how many of all its bytes it still holds. At 0 the caller may reuse the memory. */
  write(bytes: Uint8Array): number;
  /** The same for several pieces in one go. */
  writeAll(pieces: Uint8Array[]): number;
  /** Stops and resumes reading. A few reads that were under way may still come. */
  pause(): void;
  resume(): void;
  /** Closes after everything written has left. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}
