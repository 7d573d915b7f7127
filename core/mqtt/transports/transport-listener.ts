import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { ListenerProfile } from '../origin.ts';

/** What every transport is given. */
export interface ListenOptions {
  host: string;
  /** 0 takes any free one. */
  port: number;
  log: Log;
  /** The system's by default. */
  clock?: Clock;
  /** Local and anonymous by default. */
  profile?: ListenerProfile;
}

/** What comes to a listener and goes wrong before MQTT begins. */
export interface TransportCounters {
  /** Network connections taken in. */
  accepted: number;
  /** Closed at once: too many connections of this listener, or too many newcomers. */
  refused: number;
  /** TLS handshakes that failed, and client certificates that could not be verified. */
  handshakesFailed: number;
  /** HTTP requests that were no WebSocket for MQTT, or not meant for this station. */
  upgradesRefused: number;
  /** Newcomers that did not get through TLS and HTTP in time. */
  newcomersTimedOut: number;
}

/** One open listener, whatever its transport. */
export interface TransportListener {
  /** Where it really listens. */
  readonly address: { host: string; port: number };
  /** MQTT connections; newcomers are not counted. */
  readonly connections: number;
  readonly counters: Readonly<TransportCounters>;
  /** Connections from here on come in under `profile`. */
  setProfile(profile: ListenerProfile): void;
  /**
   * Stops listening. Clients are told (v5: DISCONNECT 0x8B) and have a second to take what is still on its way to
   * them; then they are cut off. May be called again.
   */
  close(): Promise<void>;
}

/** PEM texts of a server: its certificate first, then those that lead up to its authority. */
export interface ServerCredentials {
  certificate: string;
  key: string;
  /** Authorities whose client certificates are accepted. */
  authorities: string[];
}

export interface SecureOptions extends ListenOptions {
  credentials: ServerCredentials;
  clientCertificates: 'none' | 'optional' | 'required';
}

export interface SecureListener extends TransportListener {
  /**
   * A renewed certificate or other authorities, without a restart: connections that are open stay, handshakes from
   * here on use it, and earlier TLS sessions cannot be resumed. Throws `listen.bad_certificate`.
   */
  setCredentials(credentials: ServerCredentials): void;
}
