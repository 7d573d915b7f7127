import { CodedError } from '../../base/errors.ts';

export type MalformedReason =
  | 'packet_too_large'
  | 'remaining_length'
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
  | 'wrong_acknowledgement';

/**
 * Bytes that are not MQTT, or not allowed where they came. The code is `mqtt.` and the reason; the answer to all
 * of them is to close that one network connection (MQTT-4.8.0-1).
 */
export class MalformedPacket extends CodedError {
  readonly reason: MalformedReason;

  constructor(reason: MalformedReason, message: string) {
    super(`mqtt.${reason}`, message);
    this.name = 'MalformedPacket';
    this.reason = reason;
  }
}
