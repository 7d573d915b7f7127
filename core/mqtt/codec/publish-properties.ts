import { Buffer } from 'node:buffer';
import { checkText } from './fields.ts';
import { MalformedPacket } from './malformed.ts';
import { badResponseTopic, checkNumber, checkRepeat, propertyInfo } from './properties.ts';
import {
  CLIENT_PUBLISH_PROPERTIES,
  CONTENT_TYPE,
  CORRELATION_DATA,
  MESSAGE_EXPIRY,
  PAYLOAD_FORMAT,
  RESPONSE_TOPIC,
  SUBSCRIPTION_ID,
  TOPIC_ALIAS,
} from './property-table.ts';
import { PROTOCOL_ERROR } from './reason-codes.ts';

const NOTHING = Buffer.alloc(0);
/** Bytes of a Topic Alias and of a Message Expiry Interval, with their identifiers. */
const ALIAS_BYTES = 3;
const EXPIRY_BYTES = 5;

/**
 * The properties of a client's PUBLISH (v5 §3.3.2.3) where they lie, for the broker's hot path: one object is read into
 * over and over, and a message without properties costs a comparison. Offsets are into the bytes given to `read` and
 * good until they go; -1 where the property is not there.
 */
export class PublishProperties {
  /** Of the properties, without their length. */
  start = 0;
  end = 0;
  /** 0 for none. */
  topicAlias = 0;
  /** Message Expiry Interval as the client said it; -1 for none. */
  expirySeconds = -1;
  payloadFormat: -1 | 0 | 1 = -1;
  contentTypeStart = -1;
  contentTypeEnd = -1;
  responseTopicStart = -1;
  responseTopicEnd = -1;
  correlationStart = -1;
  correlationEnd = -1;
  /** How many User Properties there are. */
  userProperties = 0;
  /** Whether Topic Alias or Message Expiry Interval is among them: subscribers do not get these as they are. */
  needsRewrite = false;
  #used = false;
  #aliasAt = -1;
  #expiryAt = -1;
  #seen = 0;

  /**
   * Reads Property Length and properties at `at` of a packet that ends at `end`; returns where the payload begins.
   * Throws `MalformedPacket` with the reason code of the clause, as `decodeProperties` does.
   */
  read(bytes: Buffer, at: number, end: number): number {
    if (this.#used) this.#reset();
    if (at < end && bytes[at] === 0) {
      this.start = at + 1;
      this.end = at + 1;
      return at + 1;
    }
    this.#used = true;
    let start = at;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      if (start >= end) throw truncated();
      const byte = bytes[start++]!;
      length += (byte & 127) << shift;
      if (byte < 128 && (byte > 0 || shift === 0)) break;
      if (byte < 128 || shift === 21) {
        throw new MalformedPacket('variable_integer', 'Property Length is not minimal, or too long.');
      }
    }
    if (start + length > end) throw truncated();
    this.start = start;
    this.end = start + length;
    for (let next = start; next < this.end;) next = this.#property(bytes, next);
    return this.end;
  }

  /** The properties that subscribers get as they are, in their order: a view when nothing lies in between. */
  forwardBytes(bytes: Buffer): Buffer {
    const { start, end } = this;
    if (start === end) return NOTHING;
    if (!this.needsRewrite) return bytes.subarray(start, end);
    const alias = this.#aliasAt;
    const expiry = this.#expiryAt;
    const aliasFirst = alias >= 0 && (expiry < 0 || alias < expiry);
    const firstAt = aliasFirst ? alias : expiry;
    const firstEnd = firstAt + (aliasFirst ? ALIAS_BYTES : EXPIRY_BYTES);
    const both = alias >= 0 && expiry >= 0;
    const secondAt = both ? Math.max(alias, expiry) : end;
    const secondEnd = both ? secondAt + (aliasFirst ? EXPIRY_BYTES : ALIAS_BYTES) : end;
    const before = firstAt - start;
    const between = secondAt - firstEnd;
    const behind = end - secondEnd;
    if (between === 0 && behind === 0) return bytes.subarray(start, firstAt);
    if (before === 0 && behind === 0) return bytes.subarray(firstEnd, secondAt);
    if (before === 0 && between === 0) return bytes.subarray(secondEnd, end);
    const kept = Buffer.allocUnsafe(before + between + behind);
    bytes.copy(kept, 0, start, firstAt);
    bytes.copy(kept, before, firstEnd, secondAt);
    bytes.copy(kept, before + between, secondEnd, end);
    return kept;
  }

  /** The property at `at`; returns where the next one begins. */
  #property(bytes: Buffer, at: number): number {
    const id = bytes[at]!;
    if (id === SUBSCRIPTION_ID) {
      throw new MalformedPacket(
        'property',
        'A Subscription Identifier in a PUBLISH of a client (MQTT-3.3.4-6).',
        PROTOCOL_ERROR,
      );
    }
    const info = propertyInfo(id, CLIENT_PUBLISH_PROPERTIES);
    if ((this.#seen & info.bit) !== 0) checkRepeat(info, CLIENT_PUBLISH_PROPERTIES);
    this.#seen |= info.bit;
    const value = at + 1;
    switch (id) {
      case PAYLOAD_FORMAT: {
        if (value + 1 > this.end) throw truncated();
        const format = bytes[value]!;
        checkNumber(info, format);
        this.payloadFormat = format as 0 | 1;
        return value + 1;
      }
      case MESSAGE_EXPIRY:
        if (value + 4 > this.end) throw truncated();
        this.expirySeconds = bytes.readUInt32BE(value);
        this.#expiryAt = at;
        this.needsRewrite = true;
        return value + 4;
      case TOPIC_ALIAS:
        if (value + 2 > this.end) throw truncated();
        this.topicAlias = (bytes[value]! << 8) | bytes[value + 1]!;
        checkNumber(info, this.topicAlias);
        this.#aliasAt = at;
        this.needsRewrite = true;
        return value + 2;
      case CORRELATION_DATA:
        this.correlationStart = value + 2;
        return (this.correlationEnd = this.#fieldEnd(bytes, value));
      case CONTENT_TYPE:
        this.contentTypeStart = value + 2;
        return (this.contentTypeEnd = this.#text(bytes, value));
      case RESPONSE_TOPIC:
        this.responseTopicStart = value + 2;
        this.responseTopicEnd = this.#text(bytes, value);
        this.#checkResponseTopic(bytes);
        return this.responseTopicEnd;
      default:
        // What is left of the mask is the User Property, a pair of texts.
        this.userProperties++;
        return this.#text(bytes, this.#text(bytes, value));
    }
  }

  #checkResponseTopic(bytes: Buffer): void {
    if (this.responseTopicStart === this.responseTopicEnd) throw badResponseTopic();
    for (let at = this.responseTopicStart; at < this.responseTopicEnd; at++) {
      if (bytes[at] === 0x23 || bytes[at] === 0x2b) throw badResponseTopic();
    }
  }

  /** The end of the text whose length is at `at`. */
  #text(bytes: Buffer, at: number): number {
    const end = this.#fieldEnd(bytes, at);
    checkText(bytes, at + 2, end);
    return end;
  }

  #fieldEnd(bytes: Buffer, at: number): number {
    if (at + 2 > this.end) throw truncated();
    const end = at + 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
    if (end > this.end) throw truncated();
    return end;
  }

  #reset(): void {
    this.#used = false;
    this.topicAlias = 0;
    this.expirySeconds = -1;
    this.payloadFormat = -1;
    this.contentTypeStart = -1;
    this.contentTypeEnd = -1;
    this.responseTopicStart = -1;
    this.responseTopicEnd = -1;
    this.correlationStart = -1;
    this.correlationEnd = -1;
    this.userProperties = 0;
    this.needsRewrite = false;
    this.#aliasAt = -1;
    this.#expiryAt = -1;
    this.#seen = 0;
  }
}

function truncated(): MalformedPacket {
  return new MalformedPacket('truncated', 'A property ends behind its packet or its Property Length.');
}
