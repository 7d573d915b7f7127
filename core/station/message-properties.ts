import type { MessageProperties } from '../contract/broker.ts';
import type { Properties } from '../mqtt/codec/packet.ts';
import { decodeProperties, PUBLISH_PROPERTIES } from '../mqtt/codec/properties.ts';

/** What a screen is shown of the encoded properties of a message. Bytes that are none show none. */
export function messagePropertiesOf(bytes: Uint8Array): MessageProperties {
  if (bytes.length === 0) return {};
  try {
    return shown(decodeProperties(bytes, 0, bytes.length, PUBLISH_PROPERTIES));
  } catch {
    return {};
  }
}

function shown(properties: Properties): MessageProperties {
  const { payloadFormat, messageExpirySeconds, contentType, responseTopic, correlationData, userProperties } =
    properties;
  const all = {
    payloadFormat,
    messageExpirySeconds,
    contentType,
    responseTopic,
    correlationData,
    userProperties,
  };
  return Object.fromEntries(
    Object.entries(all).filter(([, value]) => value !== undefined),
  ) as MessageProperties;
}
