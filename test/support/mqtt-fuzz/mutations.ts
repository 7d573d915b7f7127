import { encodePacket } from '../../../core/mqtt/codec/encode.ts';
import { bodyStart, lengthBytes, writeLength } from '../../../core/mqtt/codec/frame.ts';
import type { Packet, Properties, ProtocolLevel } from '../../../core/mqtt/codec/packet.ts';
import { encodeProperties, propertyBlock } from '../../../core/mqtt/codec/properties.ts';
import { assemble } from '../../../core/mqtt/codec/writing.ts';
import type { Random } from './random.ts';

/* What a broken or hostile client does to a valid packet. */

type Mutation = (random: Random, whole: Buffer, packet: Packet, other: Buffer) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  flipBits,
  setByte,
  lieAboutLength,
  truncateHonestly,
  cutOff,
  insert,
  splice,
  changeProperties,
  changeProperties,
  changeProperties,
  changeFirstByte,
];

/** `packet` as bytes, changed in one to three ways. `other` is a packet to take pieces from. */
export function mutate(random: Random, packet: Packet, level: ProtocolLevel, other: Buffer): Buffer {
  let bytes = encodePacket(packet, level);
  const times = random.pick([1, 1, 1, 2, 3]);
  for (let count = 0; count < times && bytes.length >= 2; count++) {
    bytes = random.pick(MUTATIONS)(random, bytes, packet, other);
  }
  return bytes;
}

function flipBits(random: Random, whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  for (let count = 1 + random.below(3); count > 0; count--) {
    const at = random.below(bytes.length);
    bytes[at] = bytes[at]! ^ (1 << random.below(8));
  }
  return bytes;
}

function setByte(random: Random, whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  bytes[random.below(bytes.length)] = random.pick([0, 1, 0x23, 0x2b, 0x2f, 0x7f, 0x80, 0xc0, 0xff]);
  return bytes;
}

function changeFirstByte(random: Random, whole: Buffer): Buffer {
  const bytes = Buffer.from(whole);
  bytes[0] = random.next();
  return bytes;
}

/** Remaining Length says more or less than there is, or more than there can be. */
function lieAboutLength(random: Random, whole: Buffer): Buffer {
  const body = whole.subarray(Math.min(bodyStart(whole, 0), whole.length));
  const said = random.pick([
    body.length + 1 + random.below(40),
    Math.max(0, body.length - 1 - random.below(8)),
    268_435_455,
    100_000,
  ]);
  const length = Buffer.alloc(lengthBytes(said));
  writeLength(length, 0, said);
  if (random.chance(0.1)) length[length.length - 1] = 0x80;
  return Buffer.concat([whole.subarray(0, 1), length, body]);
}

/** The body ends early, and the header admits it. */
function truncateHonestly(random: Random, whole: Buffer): Buffer {
  const body = whole.subarray(Math.min(bodyStart(whole, 0), whole.length));
  return assemble(whole[0]!, [body.subarray(0, random.below(body.length + 1))]);
}

function cutOff(random: Random, whole: Buffer): Buffer {
  return whole.subarray(0, 1 + random.below(whole.length));
}

/** Bytes in the middle, with an honest header. */
function insert(random: Random, whole: Buffer): Buffer {
  const body = whole.subarray(Math.min(bodyStart(whole, 0), whole.length));
  const at = random.below(body.length + 1);
  return assemble(whole[0]!, [body.subarray(0, at), random.bytes(1 + random.below(6)), body.subarray(at)]);
}

/** The head of this packet with the tail of another. */
function splice(random: Random, whole: Buffer, _packet: Packet, other: Buffer): Buffer {
  const body = whole.subarray(Math.min(bodyStart(whole, 0), whole.length));
  const head = body.subarray(0, random.below(body.length + 1));
  const tail = other.subarray(random.below(other.length));
  return assemble(whole[0]!, [head, tail.subarray(0, 2_000)]);
}

/** Properties twice, in another order, foreign ones, missing ones, and lengths that lie. */
function changeProperties(random: Random, whole: Buffer, packet: Packet): Buffer {
  const properties = propertiesOf(random, packet);
  if (properties === null) return flipBits(random, whole);
  const block = propertyBlock(properties);
  const at = whole.indexOf(block, Math.min(bodyStart(whole, 0), whole.length));
  if (at < 0) return flipBits(random, whole);
  const pieces = Object.entries(properties).map(([name, value]) =>
    encodeProperties({ [name]: value as never }),
  );
  const change = random.below(5);
  if (change === 0 && pieces.length > 0) pieces.push(random.pick(pieces));
  else if (change === 1) pieces.reverse();
  else if (change === 2) pieces.splice(random.below(pieces.length + 1), 0, random.pick(FOREIGN));
  else if (change === 3) pieces.splice(random.below(pieces.length + 1), 1);
  else pieces.push(random.bytes(1 + random.below(5)));
  const changed = Buffer.concat(pieces);
  const said = random.chance(0.15) ? random.below(200) : changed.length;
  const length = Buffer.alloc(lengthBytes(said));
  writeLength(length, 0, said);
  const start = bodyStart(whole, 0);
  return assemble(whole[0]!, [whole.subarray(start, at), length, changed, whole.subarray(at + block.length)]);
}

const FOREIGN = [
  encodeProperties({ subscriptionIds: [1] }),
  encodeProperties({ topicAlias: 0 }),
  encodeProperties({ topicAlias: 65_535 }),
  encodeProperties({ receiveMaximum: 0 }),
  encodeProperties({ maximumPacketBytes: 0 }),
  encodeProperties({ assignedClientId: 'x' }),
  encodeProperties({ authData: Buffer.from('x') }),
  encodeProperties({ authMethod: 'x' }),
  encodeProperties({ responseTopic: 'a/#' }),
  encodeProperties({ willDelaySeconds: 1 }),
  encodeProperties({ sessionExpirySeconds: 0xffff_ffff }),
  encodeProperties({ userProperties: [['a', '\0']] }),
  Buffer.from([0x01, 2]),
  Buffer.from([0x7f, 0]),
];

function propertiesOf(random: Random, packet: Packet): Properties | null {
  if (!('properties' in packet)) return null;
  if (packet.type === 'connect' && packet.will !== null && random.chance(0.5)) return packet.will.properties;
  return packet.properties;
}
