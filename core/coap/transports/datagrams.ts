import type { PeerAddress } from '../address.ts';

/**
 * One datagram that came in. `bytes` belong to the receiver. `serves` is false where only answers to our own
 * requests are expected: a socket that the operator did not open for others.
 */
export type DatagramReceiver = (bytes: Uint8Array, from: PeerAddress, serves: boolean) => void;

/** What carries CoAP messages: UDP here, DTLS or a pair in memory elsewhere. */
export interface Datagrams {
  /**
   * Opens `host:port`; port 0 takes a free one. Resolves to where it really listens. Fails with
   * `listen.port_taken`, `listen.no_such_address`, `listen.not_allowed` or `listen.failed`.
   */
  start(
    at: { host: string; port: number },
    receive: DatagramReceiver,
  ): Promise<{ host: string; port: number }>;
  /**
   * `failed` is called, never before `send` returns, when the system refuses to send; nothing is said when a
   * datagram is lost on its way, nor after `stop`.
   */
  send(bytes: Uint8Array, to: PeerAddress, failed: (error: Error) => void): void;
  /** Closes everything. May be called at any time and again. */
  stop(): Promise<void>;
}
