import type { PeerAddress } from '../address.ts';

/**
 * How a datagram came in: `serving` at the address that the operator opened for others, `asking` on a socket where
 * only answers to our own requests are expected, `group` at a multicast address (RFC 7252 §8).
 */
export type Arrival = 'serving' | 'asking' | 'group';

/** One datagram that came in. `bytes` belong to the receiver. */
export type DatagramReceiver = (bytes: Uint8Array, from: PeerAddress, arrival: Arrival) => void;

/** A group on one interface of this machine. */
export interface GroupTarget {
  /** Multicast address without scope: `224.0.1.187`, `ff02::fd`. */
  group: string;
  port: number;
  /** `eth0`, as the system names it. */
  interfaceName: string;
  /** An address of that interface, of the family of the group. */
  interfaceAddress: string;
}

/** A socket for one question to a group. */
export interface GroupSocket {
  /** To the group, or to one that answered. `failed` as in `Datagrams.send`. */
  send(bytes: Uint8Array, to: PeerAddress, failed: (error: Error) => void): void;
  /** May be called again. */
  close(): Promise<void>;
}

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
   * datagram is lost on its way, nor after `stop`. Without it nobody is told, which costs a tenth less.
   */
  send(bytes: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void;
  /**
   * A socket on a free port that sends to a group through that interface, and the answers that come to it. Missing
   * where there are no groups (DTLS). Fails with the system's error.
   */
  openGroup?(
    target: GroupTarget,
    receive: (bytes: Uint8Array, from: PeerAddress) => void,
  ): Promise<GroupSocket>;
  /** Closes everything. May be called at any time and again. */
  stop(): Promise<void>;
}
