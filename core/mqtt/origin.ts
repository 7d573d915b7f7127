import type { Transport } from './types.ts';

/** What a listener asks of its clients and allows them. One object per listener, replaced when it is changed. */
export interface ListenerProfile {
  id: string;
  transport: Transport;
  /**
   * `committed`: PUBACK, PUBREC, PUBREL, PUBCOMP and SUBACK leave after what they promise is on disk.
   * `received`: they leave at once; a kill may then lose what was acknowledged.
   */
  acknowledge: 'committed' | 'received';
  /** Whether clients without a user name, certificate or AUTH exchange may come in. */
  anonymous: boolean;
  /** How a client certificate names its user; `none`: it only encrypts. */
  certificateUser: 'none' | 'common-name';
  limits: Partial<ClientLimits>;
}

/** Bounds of one client. A listener may lower them, a user's account lower still. 0 means unlimited where it says so. */
export interface ClientLimits {
  /** Of this listener. */
  maxConnections: number;
  /** Largest packet taken in; told to v5 clients. */
  maxPacketBytes: number;
  /** QoS 1 and 2 messages that the client may have unacknowledged; told to v5 clients. */
  receiveMaximum: number;
  /** Topic aliases that the client may set; told to v5 clients. */
  topicAliasMaximum: number;
  /** Aliases that we set towards a client that allows them. */
  outboundAliases: number;
  maxSubscriptions: number;
  maxTopicLevels: number;
  /** PUBLISH packets a second over some seconds; 0: unlimited. Above it, reading is slowed down, nothing is lost. */
  publishRate: number;
  queueMessages: number;
  queueBytes: number;
  /** Longest Session Expiry Interval that is granted; told to v5 clients when it is shortened. */
  maxSessionExpirySeconds: number;
  /** Longest keep-alive; v5 clients with a longer one, or none, are told to use this. 0: any. */
  serverKeepAliveSeconds: number;
}

/** A client certificate that the transport has verified up to an authority of ours. */
export interface PeerCertificate {
  commonName: string;
  /** SHA-256 of the certificate, hex. */
  fingerprint: string;
  /** ms since the epoch. */
  validToMs: number;
}

/** Where a connection came from. */
export interface ConnectionOrigin {
  profile: ListenerProfile;
  certificate: PeerCertificate | null;
}

/** For connections that the tests and the station open without a listener: anonymous, acknowledged after the commit. */
export const LOCAL_PROFILE: ListenerProfile = {
  id: 'local',
  transport: 'tcp',
  acknowledge: 'committed',
  anonymous: true,
  certificateUser: 'none',
  limits: {},
};

/** The station's own subscribers come in by this one. They may read everything and are not shown among the clients. */
export const HOST_PROFILE: ListenerProfile = { ...LOCAL_PROFILE, id: 'station', acknowledge: 'received' };
