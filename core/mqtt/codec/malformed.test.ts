import { describe, expect, it } from 'vitest';
import { decodePacket } from './decode.ts';
import { packetBytes } from './frame.ts';
import { MalformedPacket } from './malformed.ts';

const MAX = 1_048_576;

/** A packet from its first byte and the hex text of its body. */
function packet(header: number, body: string): Buffer {
  const bytes = Buffer.from(body.replaceAll(' ', ''), 'hex');
  return Buffer.concat([Buffer.from([header, bytes.length]), bytes]);
}

/** Why `bytes` are refused, and what a v5 peer is told. */
function refusal(bytes: Buffer, level: number): [string, string] {
  try {
    const total = packetBytes(bytes, 0, bytes.length, MAX, level);
    decodePacket(bytes, 0, total, level);
  } catch (error) {
    if (error instanceof MalformedPacket) return [error.reason, `0x${error.reasonCode.toString(16)}`];
    throw error;
  }
  return ['accepted', ''];
}

type Row = [what: string, bytes: Buffer, reason: string, code: string];

/** Refused at every level; the code is what level 5 says. */
const EVERY_LEVEL: Row[] = [
  ['reserved type 0', packet(0x00, ''), 'reserved_type', '0x81'],
  ['PUBLISH with QoS 3 [MQTT-3.3.1-4]', packet(0x36, '0001 61'), 'qos', '0x81'],
  ['DUP with QoS 0 [MQTT-3.3.1-2]', packet(0x38, '0001 61'), 'header_flags', '0x81'],
  ['CONNECT with a header flag', packet(0x11, '0004 4d515454 04 02 003c 0000'), 'header_flags', '0x81'],
  ['PUBREL without its flag [MQTT-3.6.1-1]', packet(0x60, '0001'), 'header_flags', '0x81'],
  ['SUBSCRIBE without its flag [MQTT-3.8.1-1]', packet(0x80, '0001 00 0001 61 00'), 'header_flags', '0x81'],
  ['UNSUBSCRIBE without its flag [MQTT-3.10.1-1]', packet(0xa0, '0001 00 0001 61'), 'header_flags', '0x81'],
  ['PINGREQ with a flag', packet(0xc1, ''), 'header_flags', '0x81'],
  ['DISCONNECT with a flag [MQTT-3.14.1-1]', packet(0xe1, ''), 'header_flags', '0x81'],
  ['a Remaining Length of five bytes', Buffer.from('308080808001', 'hex'), 'remaining_length', '0x81'],
  [
    'a Remaining Length with an idle byte [MQTT-1.5.5-1]',
    Buffer.from('308300000161', 'hex'),
    'remaining_length',
    '0x81',
  ],
  ['a packet above the limit [MQTT-3.2.2-15]', Buffer.from('30ffff7f', 'hex'), 'packet_too_large', '0x95'],
  ['PUBLISH that ends in its topic', packet(0x30, '0005 61'), 'truncated', '0x81'],
  ['PUBLISH with U+0000 [MQTT-1.5.4-2]', packet(0x30, '0001 00 00'), 'utf8', '0x81'],
  ['PUBLISH with a surrogate [MQTT-1.5.4-1]', packet(0x30, '0003 eda080 00'), 'utf8', '0x81'],
  ['PUBLISH with broken UTF-8 [MQTT-1.5.4-1]', packet(0x30, '0001 c3 00'), 'utf8', '0x81'],
  ['PUBLISH with an overlong slash [MQTT-1.5.4-1]', packet(0x30, '0002 c0af 00'), 'utf8', '0x81'],
  ['PUBLISH with # [MQTT-3.3.2-2]', packet(0x30, '0001 23 00'), 'topic_name', '0x90'],
  ['PUBLISH with + [MQTT-3.3.2-2]', packet(0x30, '0003 612f2b 00'), 'topic_name', '0x90'],
  [
    'PUBLISH of 201 levels',
    Buffer.concat([Buffer.from('30cb0100c8', 'hex'), Buffer.alloc(200, 0x2f), Buffer.from([0])]),
    'too_many_levels',
    '0x90',
  ],
  ['PUBLISH with packet id 0 [MQTT-2.2.1-3]', packet(0x32, '0001 61 0000 00'), 'packet_id', '0x82'],
  ['PUBACK with packet id 0', packet(0x40, '0000'), 'packet_id', '0x82'],
  ['PUBACK that ends in its id', packet(0x40, '00'), 'truncated', '0x81'],
  ['SUBSCRIBE with packet id 0 [MQTT-2.2.1-3]', packet(0x82, '0000 00 0001 61 00'), 'packet_id', '0x82'],
  ['PINGREQ with a body', packet(0xc0, '00'), 'trailing_bytes', '0x81'],
  [
    'CONNECT of another protocol [MQTT-3.1.2-1]',
    packet(0x10, '0004 48545450 04 02 003c 0000'),
    'protocol_name',
    '0x84',
  ],
  [
    'CONNECT with the reserved flag [MQTT-3.1.2-3]',
    packet(0x10, '0004 4d515454 04 03 003c 0000'),
    'connect_flags',
    '0x81',
  ],
  [
    'CONNECT with will QoS and no will [MQTT-3.1.2-11]',
    packet(0x10, '0004 4d515454 04 0a 003c 0000'),
    'connect_flags',
    '0x81',
  ],
  [
    'CONNECT with will retain and no will [MQTT-3.1.2-13]',
    packet(0x10, '0004 4d515454 04 22 003c 0000'),
    'connect_flags',
    '0x81',
  ],
  [
    'CONNECT with will QoS 3 [MQTT-3.1.2-12]',
    packet(0x10, '0004 4d515454 04 1e 003c 0000 0001 77 0000'),
    'qos',
    '0x81',
  ],
  [
    'CONNECT with a password alone [MQTT311-3.1.2-22]',
    packet(0x10, '0004 4d515454 04 42 003c 0000 0000'),
    'connect_flags',
    '0x81',
  ],
  [
    'CONNECT without the user name it announces [MQTT-3.1.2-17]',
    packet(0x10, '0004 4d515454 04 82 003c 0000'),
    'truncated',
    '0x81',
  ],
  [
    'CONNECT with a user name it does not announce [MQTT-3.1.2-16]',
    packet(0x10, '0004 4d515454 04 02 003c 0000 0001 75'),
    'trailing_bytes',
    '0x81',
  ],
];

const BELOW_5: Row[] = [
  ['AUTH', packet(0xf0, ''), 'reserved_type', '0x81'],
  ['PUBLISH with an empty topic [MQTT311-4.7.3-1]', packet(0x30, '0000'), 'topic_name', '0x90'],
  ['PUBACK with a byte too many', packet(0x40, '0001 00'), 'trailing_bytes', '0x81'],
  ['UNSUBACK with a byte too many', packet(0xb0, '0001 00'), 'trailing_bytes', '0x81'],
  ['DISCONNECT with a byte', packet(0xe0, '00'), 'trailing_bytes', '0x81'],
  ['SUBSCRIBE without a filter [MQTT311-3.8.3-3]', packet(0x82, '0001'), 'no_filters', '0x82'],
  ['SUBSCRIBE with QoS 3 [MQTT311-3.8.3-4]', packet(0x82, '0001 0001 61 03'), 'qos', '0x82'],
  [
    'SUBSCRIBE with options of 5.0 [MQTT311-3.8.3-4]',
    packet(0x82, '0001 0001 61 04'),
    'subscription_options',
    '0x81',
  ],
  ['SUBSCRIBE to nothing [MQTT311-4.7.3-1]', packet(0x82, '0001 0000 00'), 'topic_filter', '0x8f'],
  [
    'SUBSCRIBE with # in the middle [MQTT311-4.7.1-2]',
    packet(0x82, '0001 0003 232f61 00'),
    'topic_filter',
    '0x8f',
  ],
  ['SUBSCRIBE with half a + [MQTT311-4.7.1-3]', packet(0x82, '0001 0002 612b 00'), 'topic_filter', '0x8f'],
  ['SUBSCRIBE that ends before its QoS', packet(0x82, '0001 0001 61'), 'truncated', '0x81'],
  ['UNSUBSCRIBE without a filter [MQTT311-3.10.3-2]', packet(0xa2, '0001'), 'no_filters', '0x82'],
  ['SUBACK with code 3 [MQTT311-3.9.3-2]', packet(0x90, '0001 03'), 'return_code', '0x81'],
  ['SUBACK without a code', packet(0x90, '0001'), 'no_filters', '0x82'],
  ['CONNACK with reserved flags', packet(0x20, '02 00'), 'connect_flags', '0x81'],
  ['CONNACK with return code 6', packet(0x20, '00 06'), 'return_code', '0x81'],
  ['CONNACK with session and refusal [MQTT311-3.2.2-4]', packet(0x20, '01 05'), 'return_code', '0x82'],
];

/** The variable header of a CONNECT of level 5 up to its properties. */
const CONNECT_5 = '0004 4d515454 05 02 003c';
const WILL_5 = '0004 4d515454 05 06 003c 00 0001 61';

const LEVEL_5: Row[] = [
  ['AUTH with a header flag [MQTT-3.15.1-1]', packet(0xf1, ''), 'header_flags', '0x81'],
  // Properties in general, v5 §2.2.2.
  ['Property Length past the packet', packet(0x30, '0001 61 05 01 00'), 'truncated', '0x81'],
  ['Property Length missing [MQTT-2.2.2-1]', packet(0x30, '0001 61'), 'truncated', '0x81'],
  [
    'Property Length with an idle byte [MQTT-1.5.5-1]',
    packet(0x30, '0001 61 8000'),
    'variable_integer',
    '0x81',
  ],
  ['Property Length of five bytes', packet(0x30, '0001 61 8080808001'), 'variable_integer', '0x81'],
  ['a property that Property Length cuts', packet(0x30, '0001 61 04 02 000000 0a'), 'truncated', '0x81'],
  ['an unknown property (§2.2.2.2)', packet(0x30, '0001 61 02 04 00'), 'property', '0x81'],
  ['a property id of two bytes (§2.2.2.2)', packet(0x30, '0001 61 03 8001 00'), 'property', '0x81'],
  ['a property of another packet (§2.2.2.2)', packet(0x30, '0001 61 05 11 00000001'), 'property', '0x81'],
  [
    'Will Delay Interval outside the will',
    packet(0x10, `${CONNECT_5} 05 18 00000001 0000`),
    'property',
    '0x81',
  ],
  ['Topic Alias in a will', packet(0x10, `${WILL_5} 03 23 0001 0001 77 0000`), 'property', '0x81'],
  ['Reason String in UNSUBSCRIBE', packet(0xa2, '0001 04 1f 0001 61 0001 61'), 'property', '0x81'],
  [
    'a User Property with U+0000 [MQTT-1.5.4-2]',
    packet(0x30, '0001 61 07 26 0001 00 0001 61'),
    'utf8',
    '0x81',
  ],
  [
    'a User Property that is no pair [MQTT-1.5.7-1]',
    packet(0x30, '0001 61 04 26 0001 61'),
    'truncated',
    '0x81',
  ],
  // PUBLISH, v5 §3.3.2.
  ['Payload Format twice', packet(0x30, '0001 61 04 01 00 01 00'), 'property', '0x82'],
  ['Payload Format 2', packet(0x30, '0001 61 02 01 02'), 'property', '0x82'],
  ['Message Expiry Interval twice', packet(0x30, '0001 61 0a 02 00000001 02 00000001'), 'property', '0x82'],
  ['Content Type twice', packet(0x30, '0001 61 08 03 0001 61 03 0001 61'), 'property', '0x82'],
  ['Content Type that is not UTF-8 [MQTT-3.3.2-19]', packet(0x30, '0001 61 04 03 0001 ff'), 'utf8', '0x81'],
  ['Response Topic twice', packet(0x30, '0001 61 08 08 0001 61 08 0001 61'), 'property', '0x82'],
  [
    'Response Topic with a wildcard [MQTT-3.3.2-14]',
    packet(0x30, '0001 61 04 08 0001 23'),
    'property',
    '0x82',
  ],
  ['Response Topic of nothing [MQTT-4.7.3-1]', packet(0x30, '0001 61 03 08 0000'), 'property', '0x82'],
  ['Response Topic that is not UTF-8 [MQTT-3.3.2-13]', packet(0x30, '0001 61 04 08 0001 ff'), 'utf8', '0x81'],
  ['Correlation Data twice', packet(0x30, '0001 61 08 09 0001 61 09 0001 61'), 'property', '0x82'],
  ['Subscription Identifier 0', packet(0x30, '0001 61 02 0b 00'), 'property', '0x82'],
  ['Topic Alias 0 [MQTT-3.3.2-8]', packet(0x30, '0001 61 03 23 0000'), 'topic_alias', '0x94'],
  ['Topic Alias twice', packet(0x30, '0001 61 06 23 0001 23 0001'), 'property', '0x82'],
  ['neither topic nor alias (§3.3.2.1)', packet(0x30, '0000 00'), 'protocol', '0x82'],
  // CONNECT, v5 §3.1.2.11.
  [
    'Session Expiry Interval twice',
    packet(0x10, `${CONNECT_5} 0a 11 00000001 11 00000001 0000`),
    'property',
    '0x82',
  ],
  ['Receive Maximum 0', packet(0x10, `${CONNECT_5} 03 21 0000 0000`), 'property', '0x82'],
  ['Receive Maximum twice', packet(0x10, `${CONNECT_5} 06 21 0001 21 0001 0000`), 'property', '0x82'],
  ['Maximum Packet Size 0', packet(0x10, `${CONNECT_5} 05 27 00000000 0000`), 'property', '0x82'],
  [
    'Maximum Packet Size twice',
    packet(0x10, `${CONNECT_5} 0a 27 00000100 27 00000100 0000`),
    'property',
    '0x82',
  ],
  ['Topic Alias Maximum twice', packet(0x10, `${CONNECT_5} 06 22 0001 22 0001 0000`), 'property', '0x82'],
  ['Request Response Information 2', packet(0x10, `${CONNECT_5} 02 19 02 0000`), 'property', '0x82'],
  [
    'Request Response Information twice',
    packet(0x10, `${CONNECT_5} 04 19 00 19 00 0000`),
    'property',
    '0x82',
  ],
  ['Request Problem Information 2', packet(0x10, `${CONNECT_5} 02 17 02 0000`), 'property', '0x82'],
  ['Request Problem Information twice', packet(0x10, `${CONNECT_5} 04 17 00 17 00 0000`), 'property', '0x82'],
  [
    'Authentication Method twice',
    packet(0x10, `${CONNECT_5} 08 15 0001 61 15 0001 61 0000`),
    'property',
    '0x82',
  ],
  ['Authentication Data alone', packet(0x10, `${CONNECT_5} 04 16 0001 61 0000`), 'property', '0x82'],
  [
    'Authentication Data twice',
    packet(0x10, `${CONNECT_5} 0c 15 0001 61 16 0001 61 16 0001 61 0000`),
    'property',
    '0x82',
  ],
  // The will, v5 §3.1.3.2.
  [
    'Will Delay Interval twice',
    packet(0x10, `${WILL_5} 0a 18 00000001 18 00000001 0001 77 0000`),
    'property',
    '0x82',
  ],
  ['Payload Format 2 of a will', packet(0x10, `${WILL_5} 02 01 02 0001 77 0000`), 'property', '0x82'],
  ['a will without properties', packet(0x10, `${WILL_5}`), 'truncated', '0x81'],
  [
    'a will topic that is not UTF-8 [MQTT-3.1.3-11]',
    packet(0x10, `${WILL_5} 00 0001 ff 0000`),
    'utf8',
    '0x81',
  ],
  ['a will topic with a wildcard', packet(0x10, `${WILL_5} 00 0001 23 0000`), 'topic_name', '0x90'],
  // CONNACK, v5 §3.2.
  ['CONNACK with reserved flags [MQTT-3.2.2-1]', packet(0x20, '02 00 00'), 'connect_flags', '0x81'],
  ['CONNACK with a code of 3.1.1 [MQTT-3.2.2-8]', packet(0x20, '00 05 00'), 'reason_code', '0x82'],
  ['CONNACK with session and refusal [MQTT-3.2.2-6]', packet(0x20, '01 87 00'), 'return_code', '0x82'],
  ['CONNACK with Maximum QoS 2', packet(0x20, '00 00 02 24 02'), 'property', '0x82'],
  ['CONNACK with Retain Available 2', packet(0x20, '00 00 02 25 02'), 'property', '0x82'],
  ['CONNACK with Retain Available twice', packet(0x20, '00 00 04 25 01 25 01'), 'property', '0x82'],
  // Acknowledgements, v5 §3.4-3.7.
  ['PUBACK with a code that is not its own [MQTT-3.4.2-1]', packet(0x40, '0001 92'), 'reason_code', '0x82'],
  ['PUBREC with a code that is not its own [MQTT-3.5.2-1]', packet(0x50, '0001 92'), 'reason_code', '0x82'],
  ['PUBREL with a code that is not its own [MQTT-3.6.2-1]', packet(0x62, '0001 10'), 'reason_code', '0x82'],
  ['PUBCOMP with a code that is not its own [MQTT-3.7.2-1]', packet(0x70, '0001 10'), 'reason_code', '0x82'],
  ['PUBACK with a Reason String twice', packet(0x40, '0001 00 08 1f 0001 61 1f 0001 61'), 'property', '0x82'],
  ['PUBACK with a byte behind its properties', packet(0x40, '0001 00 00 00'), 'trailing_bytes', '0x81'],
  // SUBSCRIBE and UNSUBSCRIBE, v5 §3.8-3.11.
  ['SUBSCRIBE without a filter [MQTT-3.8.3-2]', packet(0x82, '0001 00'), 'no_filters', '0x82'],
  [
    'SUBSCRIBE with reserved options [MQTT-3.8.3-5]',
    packet(0x82, '0001 00 0001 61 40'),
    'subscription_options',
    '0x81',
  ],
  ['SUBSCRIBE with QoS 3 (§3.8.3.1)', packet(0x82, '0001 00 0001 61 03'), 'qos', '0x82'],
  ['Retain Handling 3 (§3.8.3.1)', packet(0x82, '0001 00 0001 61 30'), 'subscription_options', '0x82'],
  [
    'No Local on a shared subscription [MQTT-3.8.3-4]',
    packet(0x82, '0001 00 000a 2473686172652f672f61 04'),
    'subscription_options',
    '0x82',
  ],
  [
    'a share without a filter [MQTT-4.8.2-2]',
    packet(0x82, '0001 00 0009 2473686172652f672f 00'),
    'topic_filter',
    '0x8f',
  ],
  [
    'a share without a name [MQTT-4.8.2-1]',
    packet(0x82, '0001 00 0009 2473686172652f2f61 00'),
    'topic_filter',
    '0x8f',
  ],
  ['# in the middle [MQTT-4.7.1-1]', packet(0x82, '0001 00 0003 232f61 00'), 'topic_filter', '0x8f'],
  ['half a + [MQTT-4.7.1-2]', packet(0x82, '0001 00 0002 612b 00'), 'topic_filter', '0x8f'],
  ['an empty filter [MQTT-4.7.3-1]', packet(0x82, '0001 00 0000 00'), 'topic_filter', '0x8f'],
  ['a filter that is not UTF-8 [MQTT-3.8.3-1]', packet(0x82, '0001 00 0001 ff 00'), 'utf8', '0x81'],
  ['Subscription Identifier 0 in SUBSCRIBE', packet(0x82, '0001 02 0b 00 0001 61 00'), 'property', '0x82'],
  [
    'Subscription Identifier twice in SUBSCRIBE',
    packet(0x82, '0001 04 0b 01 0b 02 0001 61 00'),
    'property',
    '0x82',
  ],
  [
    'Subscription Identifier of five bytes',
    packet(0x82, '0001 06 0b 8080808001 0001 61 00'),
    'variable_integer',
    '0x81',
  ],
  [
    'SUBACK with a code that is not its own [MQTT-3.9.3-2]',
    packet(0x90, '0001 00 03'),
    'reason_code',
    '0x82',
  ],
  ['UNSUBSCRIBE without a filter [MQTT-3.10.3-2]', packet(0xa2, '0001 00'), 'no_filters', '0x82'],
  ['UNSUBSCRIBE that is not UTF-8 [MQTT-3.10.3-1]', packet(0xa2, '0001 00 0001 ff'), 'utf8', '0x81'],
  [
    'UNSUBACK with a code that is not its own [MQTT-3.11.3-2]',
    packet(0xb0, '0001 00 01'),
    'reason_code',
    '0x82',
  ],
  ['UNSUBACK without a code', packet(0xb0, '0001 00'), 'no_filters', '0x82'],
  // DISCONNECT and AUTH, v5 §3.14-3.15.
  ['DISCONNECT with a code that is not its own [MQTT-3.14.2-1]', packet(0xe0, '01'), 'reason_code', '0x82'],
  ['DISCONNECT with Session Expiry twice', packet(0xe0, '00 0a 11 00000001 11 00000001'), 'property', '0x82'],
  ['AUTH with a code that is not its own [MQTT-3.15.2-1]', packet(0xf0, '01 00'), 'reason_code', '0x82'],
  ['AUTH with a code alone', packet(0xf0, '18'), 'truncated', '0x81'],
  ['AUTH without Authentication Method (§3.15.2.2.2)', packet(0xf0, '18 00'), 'property', '0x82'],
];

describe.each([3, 4, 5])('at level %i is refused', (level) => {
  it.each(EVERY_LEVEL)('%s', (_what, bytes, reason, code) => {
    expect(refusal(bytes, level)).toEqual([reason, code]);
  });
});

describe.each([3, 4])('at level %i is refused', (level) => {
  it.each(BELOW_5)('%s', (_what, bytes, reason, code) => {
    expect(refusal(bytes, level)).toEqual([reason, code]);
  });
});

describe('at level 5 is refused', () => {
  it.each(LEVEL_5)('%s', (_what, bytes, reason, code) => {
    expect(refusal(bytes, 5)).toEqual([reason, code]);
  });
});

describe('at level 5 is legal', () => {
  it.each([
    ['a password without a user name (§3.1.2.9)', packet(0x10, '0004 4d515454 05 42 003c 00 0000 0001 70')],
    ['AUTH', packet(0xf0, '19 04 15 0001 61')],
    ['several Subscription Identifiers to a client', packet(0x30, '0001 61 04 0b 01 0b 02')],
    ['a PUBLISH by alias', packet(0x30, '0000 03 23 0001')],
    ['the same User Property twice', packet(0x30, '0001 61 0e 26 0001 61 0001 62 26 0001 61 0001 62')],
    ['No Local on $shared/a, which is not shared', packet(0x82, '0001 00 0009 247368617265642f61 04')],
  ])('%s', (_what, bytes) => {
    expect(refusal(bytes, 5)[0]).toBe('accepted');
  });
});
