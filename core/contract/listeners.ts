/** MQTT listeners and certificates. */
import * as v from 'valibot';
import type { MqttTransport } from './broker.ts';
import { boundedList } from './lists.ts';

export interface MqttListenerConfig {
  id: string;
  name: string;
  transport: MqttTransport;
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Started with the station. */
  enabled: boolean;
  /** Of WebSocket listeners. */
  path: string;
  /** Server certificate of tls and wss. */
  certificate: string | null;
  clientCertificates: 'none' | 'optional' | 'required';
  /** How a client certificate names its user. */
  certificateUser: 'none' | 'common-name';
  /** Lets clients in that do not say who they are. Must be chosen in so many words where there are no users. */
  anonymous: boolean;
  acknowledge: 'committed' | 'received';
  maxConnections: number;
  maxPacketBytes: number;
  /** PUBLISH packets a second of one client; 0: unlimited. */
  publishRate: number;
}

export interface MqttListenerStatus {
  config: MqttListenerConfig;
  state: 'starting' | 'listening' | 'failed' | 'stopped';
  /** Where it really listens, `host:port`. */
  address: string | null;
  /** One line for people when `state` is `failed`. */
  error: string | null;
  connections: number;
  /** Expiry of its server certificate; null without one. */
  certificateExpiresMs: number | null;
  /** Given with `--mqtt` on the command line: it cannot be removed or moved here. */
  fixed: boolean;
}

export interface CertificateRow {
  id: string;
  name: string;
  kind: 'authority' | 'server' | 'device';
  subject: string;
  issuer: string;
  /** Names and addresses of a server certificate. */
  hosts: string[];
  validFromMs: number;
  validToMs: number;
  /** SHA-256, hex with colons. */
  fingerprint: string;
  /** Made by this station, or imported. */
  origin: 'made' | 'imported';
  hasKey: boolean;
  /** Listeners that use it. */
  usedBy: string[];
}

const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
const name = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80));
export const listenerId = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'small letters, digits and dashes'),
);
export const certificateId = listenerId;
const whole = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));

const editable = {
  name,
  transport: v.picklist(['tcp', 'tls', 'ws', 'wss']),
  host: v.pipe(text(255), v.minLength(1)),
  port: whole(0, 65_535),
  enabled: v.optional(v.boolean(), true),
  path: v.optional(v.pipe(text(200), v.regex(/^\/[\w\-./]*$/, 'a path such as /mqtt')), '/mqtt'),
  certificate: v.optional(v.nullable(certificateId), null),
  clientCertificates: v.optional(v.picklist(['none', 'optional', 'required']), 'none'),
  certificateUser: v.optional(v.picklist(['none', 'common-name']), 'common-name'),
  anonymous: v.optional(v.boolean(), false),
  acknowledge: v.optional(v.picklist(['committed', 'received']), 'committed'),
  maxConnections: v.optional(whole(1, 100_000), 10_000),
  maxPacketBytes: v.optional(whole(256, 268_435_460), 1_048_576),
  publishRate: v.optional(whole(0, 10_000_000), 0),
};

export const newListener = v.strictObject(editable);
export const changedListener = v.strictObject({ id: listenerId, ...editable });

/** PEM as text; a chain leaf first. */
const pem = v.pipe(text(64 * 1024), v.includes('-----BEGIN '));

export const issueInput = v.strictObject({
  kind: v.picklist(['server', 'device']),
  /** Common name; for a device the user that it will be. */
  name,
  hosts: v.optional(boundedList(v.pipe(text(253), v.minLength(1)), 0, 50), []),
  days: v.optional(whole(1, 3_650), 825),
});

export const importInput = v.strictObject({
  name,
  kind: v.picklist(['authority', 'server']),
  certificate: pem,
  /** Left out for an authority that is only trusted. */
  key: v.optional(pem),
});

/** Shown once: the key is not kept. */
export interface IssuedDevice {
  row: CertificateRow;
  certificatePem: string;
  keyPem: string;
  authorityPem: string;
}
