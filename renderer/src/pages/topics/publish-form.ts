/** What a person fills in to publish, and the message that it makes. Pure. */
import type { MessageProperties, MqttQos, SavedPublish } from '../../../../core/contract/broker.ts';
import { decodeText } from '../../lib/payload.ts';
import { base64Of, bytesFromBase64, bytesFromHex } from '../../payload/bytes.ts';
import { decodeJson } from '../../payload/json.ts';
import { filterProblem, topicProblem } from '../../payload/topic-filter.ts';
import { hexOf } from '../../payload/tree.ts';

export const PAYLOAD_MODES = ['text', 'json', 'hex', 'base64', 'file'] as const;
export type PayloadMode = (typeof PAYLOAD_MODES)[number];

export interface UserPropertyField {
  name: string;
  value: string;
}

export interface PublishFields {
  topic: string;
  mode: PayloadMode;
  text: string;
  /** In the mode `file` only. */
  file: { name: string; bytes: OwnBytes } | null;
  qos: MqttQos;
  retain: boolean;
  contentType: string;
  /** `''` leaves the property out. */
  payloadFormat: '' | '0' | '1';
  expirySeconds: string;
  responseTopic: string;
  /** Text, or hex digits after `0x`. */
  correlation: string;
  users: UserPropertyField[];
}

export const EMPTY_FIELDS: PublishFields = {
  topic: '',
  mode: 'text',
  text: '',
  file: null,
  qos: 0,
  retain: false,
  contentType: '',
  payloadFormat: '',
  expirySeconds: '',
  responseTopic: '',
  correlation: '',
  users: [],
};

export const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** The contract takes 256 KiB of base64. */
export const MAX_SAVED_BYTES = 192 * 1024;

/** Bytes that a call may carry: never shared memory. */
type OwnBytes = Uint8Array<ArrayBuffer>;
type OwnProperties = Omit<MessageProperties, 'correlationData'> & { correlationData?: OwnBytes | undefined };

export interface Message {
  topic: string;
  payload: OwnBytes;
  qos: MqttQos;
  retain: boolean;
  properties: OwnProperties;
}

/** Problems by field; the message is null while there is any. */
export interface Composed {
  message: Message | null;
  problems: { topic?: string; payload?: string; expiry?: string; response?: string; correlation?: string };
}

export function compose(fields: PublishFields): Composed {
  const problems: Composed['problems'] = {};
  const topic = topicProblem(fields.topic);
  if (topic !== null) problems.topic = topic;
  const payload = payloadOf(fields);
  if (typeof payload === 'string') problems.payload = payload;
  const properties: OwnProperties = {};
  if (fields.payloadFormat !== '') properties.payloadFormat = fields.payloadFormat === '1' ? 1 : 0;
  if (fields.contentType !== '') properties.contentType = fields.contentType;
  if (fields.expirySeconds.trim() !== '') {
    const seconds = Number(fields.expirySeconds);
    if (Number.isInteger(seconds) && seconds >= 0 && seconds <= 0xffff_ffff) {
      properties.messageExpirySeconds = seconds;
    } else problems.expiry = 'Whole seconds, 0 to 4,294,967,295.';
  }
  if (fields.responseTopic !== '') {
    // A response topic may not have wildcards either [MQTT-3.3.2-14].
    const wrong =
      filterProblem(fields.responseTopic) ?? (/[+#]/.test(fields.responseTopic) ? 'No wildcards.' : null);
    if (wrong === null) properties.responseTopic = fields.responseTopic;
    else problems.response = wrong;
  }
  if (fields.correlation !== '') {
    const bytes = correlationBytes(fields.correlation);
    if (bytes === null) problems.correlation = 'Pairs of hex digits after 0x.';
    else properties.correlationData = bytes;
  }
  const users = fields.users.filter(({ name, value }) => name !== '' || value !== '');
  if (users.length > 0) properties.userProperties = users.map(({ name, value }) => [name, value]);
  if (Object.keys(problems).length > 0 || typeof payload === 'string') return { message: null, problems };
  return {
    message: { topic: fields.topic, payload, qos: fields.qos, retain: fields.retain, properties },
    problems,
  };
}

/** The bytes, or what is wrong. */
function payloadOf({ mode, text, file }: PublishFields): OwnBytes | string {
  const bytes = written(mode, text, file);
  if (typeof bytes !== 'string' && bytes.byteLength > MAX_PAYLOAD_BYTES) return 'Larger than 1 MiB.';
  return bytes;
}

function written(mode: PayloadMode, text: string, file: PublishFields['file']): OwnBytes | string {
  if (mode === 'file') return file?.bytes ?? 'Choose a file.';
  if (mode === 'hex') return bytesFromHex(text) ?? 'Hex digits in pairs, such as 01 ff.';
  if (mode === 'base64') return bytesFromBase64(text) ?? 'This is no base64.';
  if (mode === 'json') {
    const { problem } = decodeJson(text);
    if (problem !== null) return problem;
  }
  return new TextEncoder().encode(text);
}

function correlationBytes(text: string): OwnBytes | null {
  return text.startsWith('0x') ? bytesFromHex(text) : new TextEncoder().encode(text);
}

/** How bytes are put back into the editor. */
export function editable(bytes: Uint8Array): Pick<PublishFields, 'mode' | 'text' | 'file'> {
  const text = decodeText(bytes);
  if (text === null) return { mode: 'hex', text: spaced(hexOf(bytes)), file: null };
  const json = /^\s*[[{]/.test(text) && decodeJson(text).problem === null;
  return { mode: json ? 'json' : 'text', text, file: null };
}

export function fieldsOf(message: Message): PublishFields {
  const { properties } = message;
  const correlation = properties.correlationData;
  const asText = correlation === undefined ? '' : decodeText(correlation);
  return {
    topic: message.topic,
    ...editable(message.payload),
    qos: message.qos,
    retain: message.retain,
    contentType: properties.contentType ?? '',
    payloadFormat: properties.payloadFormat === undefined ? '' : properties.payloadFormat === 1 ? '1' : '0',
    expirySeconds:
      properties.messageExpirySeconds === undefined ? '' : String(properties.messageExpirySeconds),
    responseTopic: properties.responseTopic ?? '',
    correlation: asText === null || asText.startsWith('0x') ? `0x${hexOf(correlation!)}` : asText,
    users: (properties.userProperties ?? []).map(([name, value]) => ({ name, value })),
  };
}

export function messageOf(saved: SavedPublish): Message {
  const payload = bytesFromBase64(saved.payload) ?? new Uint8Array();
  const { topic, qos, retain } = saved;
  const { correlationData, ...others } = saved.properties;
  const properties: OwnProperties =
    correlationData === undefined ? others : { ...others, correlationData: correlationData.slice() };
  return { topic, payload, qos, retain, properties };
}

/** What is kept of a message under a name; `id` changes the one that has it. */
export function savedOf(
  message: Message,
  name: string,
  id?: string,
): Omit<SavedPublish, 'id' | 'properties'> & { id?: string; properties: OwnProperties } {
  const { topic, payload, qos, retain, properties } = message;
  return {
    ...(id === undefined ? {} : { id }),
    name,
    topic,
    payload: base64Of(payload),
    qos,
    retain,
    properties,
  };
}

function spaced(hex: string): string {
  return hex.replace(/../g, '$& ').trimEnd();
}
