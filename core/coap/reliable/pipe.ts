/** What carries messages and is not to be known more closely: a TCP socket, TLS on it, a WebSocket, a test. */
export interface MessagePipe {
  /** Given to it and not yet taken by the operating system. */
  readonly bufferedBytes: number;
  /** One whole message in each piece; they leave in order. Nothing happens once it has ended. */
  writeAll(pieces: readonly Uint8Array[]): void;
  /** Stops and goes on reading. */
  pause(): void;
  resume(): void;
  /** Nothing more will be written; what was written still goes out. */
  end(): void;
  /** At once, whatever is still on its way. */
  destroy(): void;
}
