import type { Will } from './codec/packet.ts';
import { encodeProperties } from './codec/properties.ts';
import type { WillRow } from './journal.ts';

/** A will as it is kept until it is published or dropped. It owns its bytes: those of the codec are views. */
export function willRow({ topic, payload, qos, retain, properties }: Will): WillRow {
  const { willDelaySeconds, messageExpirySeconds, ...forwarded } = properties;
  return {
    topic,
    payload: Uint8Array.from(payload),
    qos,
    retain,
    properties: encodeProperties(forwarded),
    expirySeconds: messageExpirySeconds ?? null,
    delaySeconds: willDelaySeconds ?? 0,
  };
}
