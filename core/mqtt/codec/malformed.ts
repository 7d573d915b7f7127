import { CodedError } from '../../base/errors.ts';
import {
  MALFORMED_PACKET,
  PACKET_TOO_LARGE,
  PROTOCOL_ERROR,
  RECEIVE_MAXIMUM_EXCEEDED,
  TOPIC_ALIAS_INVALID,
  TOPIC_FILTER_INVALID,
  TOPIC_NAME_INVALID,
  UNSUPPORTED_PROTOCOL_VERSION,
} from './reason-codes.ts';

export type MalformedReason =
  | 'packet_too_large'
  | 'remaining_length'
  /** A Variable Byte Integer of more than four bytes, or of more than it needs. */
  | 'variable_integer'
  | 'reserved_type'
  | 'header_flags'
  | 'truncated'
  | 'trailing_bytes'
  | 'utf8'
  | 'packet_id'
  | 'qos'
  | 'topic_name'
  | 'topic_filter'
  | 'too_many_levels'
  | 'no_filters'
  | 'protocol_name'
  | 'connect_flags'
  | 'return_code'
  | 'out_of_order'
  | 'wrong_acknowledgement'
  /** A property that this packet may not carry, twice where once is allowed, or with a value that is not allowed. */
  | 'property'
  | 'topic_alias'
  | 'receive_maximum'
  | 'reason_code'
  | 'subscription_options'
  /** Well-formed, but not allowed here and now (v5 §1.2 Protocol Error). */
  | 'protocol';

/** What a v5 peer is told (v5 §4.13); where the specification names another code, the thrower gives it. */
const REASON_CODES: Partial<Record<MalformedReason, number>> = {
  packet_too_large: PACKET_TOO_LARGE,
  packet_id: PROTOCOL_ERROR,
  topic_name: TOPIC_NAME_INVALID,
  topic_filter: TOPIC_FILTER_INVALID,
  topic_alias: TOPIC_ALIAS_INVALID,
  receive_maximum: RECEIVE_MAXIMUM_EXCEEDED,
  out_of_order: PROTOCOL_ERROR,
  wrong_acknowledgement: PROTOCOL_ERROR,
  no_filters: PROTOCOL_ERROR,
  reason_code: PROTOCOL_ERROR,
  // MQTT-3.1.2-1: what a server may say that wishes to be known as one.
  protocol_name: UNSUPPORTED_PROTOCOL_VERSION,
  protocol: PROTOCOL_ERROR,
};

/**
 * Bytes that are not MQTT, or not allowed where they came. The code is `mqtt.` and the reason; the answer to all
 * of them is to close that one network connection (3.1.1 MQTT-4.8.0-1), in level 5 after a DISCONNECT or CONNACK that
 * carries `reasonCode` (v5 §4.13).
 */
export class MalformedPacket extends CodedError {
  readonly reason: MalformedReason;
  readonly reasonCode: number;

  constructor(
    reason: MalformedReason,
    message: string,
    reasonCode = REASON_CODES[reason] ?? MALFORMED_PACKET,
  ) {
    super(`mqtt.${reason}`, message);
    this.name = 'MalformedPacket';
    this.reason = reason;
    this.reasonCode = reasonCode;
  }
}
