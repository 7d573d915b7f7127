/** The broker's own view. All times are ms since the epoch; 0 or null as said. Shapes follow core/mqtt/types.ts. */
import * as v from 'valibot';
import { boundedList } from './lists.ts';

export type MqttQos = 0 | 1 | 2;
export type MqttTransport = 'tcp' | 'tls' | 'ws' | 'wss';

export interface ClientRow {
  clientId: string;
  connected: boolean;
  /** 3 is MQTT 3.1, 4 is 3.1.1, 5 is 5.0. */
  protocolLevel: number;
  transport: MqttTransport;
  /** Id of its listener. */
  listener: string;
  address: string;
  username: string | null;
  keepAliveSeconds: number;
  connectedMs: number;
  /** When it went, 0 while it is connected. */
  leftMs: number;
  lastPacketMs: number;
  /** 0: ends with the connection; 4,294,967,295: never. */
  sessionExpirySeconds: number;
  subscriptions: number;
  inFlight: number;
  queued: number;
  queuedBytes: number;
  /** Messages given up since the session began; since the station's start when that was later. */
  dropped: number;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  slow: boolean;
}

export interface ClientsSnapshot {
  clients: ClientRow[];
}

export interface ClientsDelta {
  upsert: ClientRow[];
  /** Client ids. */
  removed: string[];
}

export interface SubscriptionRow {
  filter: string;
  qos: MqttQos;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: 0 | 1 | 2;
  /** 0 for none. */
  subscriptionId: number;
}

/** Lists are cut at 200; the row has the counts. */
export interface ClientDetail {
  row: ClientRow;
  subscriptions: SubscriptionRow[];
  inFlight: {
    packetId: number;
    qos: MqttQos;
    state: 'puback' | 'pubrec' | 'pubcomp';
    topic: string | null;
  }[];
  queued: { topic: string; qos: MqttQos; bytes: number }[];
  will: { topic: string; qos: MqttQos; retain: boolean; bytes: number; delaySeconds: number } | null;
  receiveMaximum: number;
  maximumPacketBytes: number;
  topicAliasMaximum: number;
  userProperties: [string, string][];
}

/** Who gets the messages of a topic. */
export interface TopicSubscriber {
  clientId: string;
  connected: boolean;
  filter: string;
  qos: MqttQos;
}

/** MQTT 5 properties that a person may give a message, and that one is shown with. */
export interface MessageProperties {
  payloadFormat?: 0 | 1 | undefined;
  messageExpirySeconds?: number | undefined;
  contentType?: string | undefined;
  responseTopic?: string | undefined;
  correlationData?: Uint8Array | undefined;
  userProperties?: [string, string][] | undefined;
}

export interface SavedPublish {
  id: string;
  name: string;
  topic: string;
  /** Base64 of the payload. */
  payload: string;
  qos: MqttQos;
  retain: boolean;
  properties: MessageProperties;
}

const text = (most: number) => v.pipe(v.string(), v.maxLength(most));
export const topicName = v.pipe(text(65_535), v.minLength(1));
export const clientId = text(65_535);
const MAX_PUBLISH_BYTES = 1024 * 1024;

export const messageProperties = v.strictObject({
  payloadFormat: v.optional(v.picklist([0, 1])),
  messageExpirySeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff))),
  contentType: v.optional(text(1_024)),
  responseTopic: v.optional(text(65_535)),
  correlationData: v.optional(
    v.pipe(
      v.instance(Uint8Array),
      v.check((bytes) => bytes.byteLength <= 65_535, 'at most 65,535 bytes'),
    ),
  ),
  userProperties: v.optional(boundedList(v.tuple([text(1_024), text(4_096)]), 0, 64)),
});

const qos = v.picklist([0, 1, 2]);

export const publishInput = v.strictObject({
  topic: topicName,
  payload: v.union([
    text(MAX_PUBLISH_BYTES),
    v.pipe(
      v.instance(Uint8Array),
      v.check((bytes) => bytes.byteLength <= MAX_PUBLISH_BYTES, 'at most 1 MiB'),
    ),
  ]),
  qos: v.optional(qos, 0),
  retain: v.optional(v.boolean(), false),
  properties: v.optional(messageProperties, {}),
});

export const savedPublishInput = v.strictObject({
  /** Left out for a new one. */
  id: v.optional(text(64)),
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80)),
  topic: topicName,
  payload: text(256 * 1024),
  qos,
  retain: v.boolean(),
  properties: messageProperties,
});
