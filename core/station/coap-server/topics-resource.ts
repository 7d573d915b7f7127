import { CodedError } from '../../base/errors.ts';
import { BAD_REQUEST, CHANGED, CONTENT, NOT_FOUND, code } from '../../coap/codec/codes.ts';
import type { Resource, ServedAnswer, ServedRequest } from '../../coap/server/resource.ts';
import { OCTETS } from './senml.ts';

const FORBIDDEN = code(4, 3);
const UNAVAILABLE = code(5, 3);
const NOT_KEPT = code(5, 1);

export interface KnownTopics {
  /** The last payload, or its beginning where it was too long to be kept; undefined when nothing has come. */
  last(topic: string): { payload: Uint8Array; payloadBytes: number } | undefined;
  /** By the rules of a client that does not say who it is. */
  may(action: 'publish' | 'subscribe', topic: string): boolean;
  /** Resolves when the message is as safe as an acknowledged one. @throws CodedError `mqtt.*`, `broker.not_taken` */
  publish(message: { topic: string; payload: Uint8Array; retain: boolean }): Promise<void>;
  /**
   * Somebody observes this topic: its messages are to be told as changes from now on. False where they cannot be, as too
   * many topics are observed already.
   */
  follow(topic: string): boolean;
}

/**
 * `/topics/TOPIC`: GET gives the last payload (observable), PUT and POST publish their payload. `?retain` keeps the
 * message for later subscribers. The rules are those of an anonymous MQTT client.
 */
export function topicsResource(topics: KnownTopics): Resource {
  return {
    methods: ['GET', 'PUT', 'POST'],
    observable: true,
    links: () => [
      {
        target: '/topics',
        attributes: [
          ['rt', 'fs.topics'],
          ['title', 'MQTT topics: GET or observe /topics/TOPIC, PUT publishes'],
        ],
      },
    ],
    handle: (request) => {
      const topic = request.path.slice(1).join('/');
      if (topic === '') return { code: NOT_FOUND, diagnostic: 'Name a topic: /topics/plant/room1' };
      return request.method === 'GET' ? read(topics, topic, request) : publish(topics, topic, request);
    },
  };
}

function read(topics: KnownTopics, topic: string, request: ServedRequest): ServedAnswer {
  if (!topics.may('subscribe', topic)) return { code: FORBIDDEN };
  const last = topics.last(topic);
  if (last === undefined) return { code: NOT_FOUND, diagnostic: 'No message has come on this topic.' };
  const { payload, payloadBytes } = last;
  if (payload.length < payloadBytes) {
    return {
      code: NOT_KEPT,
      diagnostic: `Of the last message, ${payloadBytes} bytes, only the beginning is kept.`,
    };
  }
  if (request.observe && !topics.follow(topic)) {
    return { code: UNAVAILABLE, maxAgeSeconds: 60, diagnostic: 'This topic cannot be observed now.' };
  }
  return { code: CONTENT, contentFormat: OCTETS, payload };
}

async function publish(topics: KnownTopics, topic: string, request: ServedRequest): Promise<ServedAnswer> {
  if (topic.startsWith('$') || !topics.may('publish', topic)) return { code: FORBIDDEN };
  const retain = request.query.some((argument) => /^retain(=(1|true))?$/.test(argument));
  try {
    await topics.publish({ topic, payload: request.payload, retain });
    return { code: CHANGED };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    if (error.code === 'broker.not_taken' || error.code === 'mqtt.stopped') {
      return { code: UNAVAILABLE, maxAgeSeconds: 5, diagnostic: error.message };
    }
    return { code: BAD_REQUEST, diagnostic: error.message };
  }
}
