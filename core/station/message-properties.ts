import type { MessageProperties } from '../contract/broker.ts';
import type { Properties } from '../mqtt/codec/packet.ts';
import { decodeProperties } from '../mqtt/codec/properties.ts';
import { PUBLISH_PROPERTIES } from '../mqtt/codec/property-table.ts';

/** What a screen is shown of the encoded properties of a message. Bytes that are none show none. */
export function messagePropertiesOf(bytes: Uint8Array): MessageProperties {
  if (bytes.length === 0) return {};
  try {
    return ofMessage(decodeProperties(bytes, 0, bytes.length, PUBLISH_PROPERTIES));
  } catch {
    return {};
  }
}

/** The other way: what a person gave a message. */
export function propertiesOf(properties: MessageProperties): Properties {
  return ofMessage(properties) as Properties;
}

/** Those that both sides know, without the ones that are not there. */
function ofMessage(properties: MessageProperties | Properties): MessageProperties {
  const { payloadFormat, messageExpirySeconds, contentType } = properties;
  const { responseTopic, correlationData, userProperties } = properties;
  const all = {
    payloadFormat,
    messageExpirySeconds,
    contentType,
    responseTopic,
    correlationData,
    userProperties,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
