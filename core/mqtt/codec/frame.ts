import { MalformedPacket } from './malformed.ts';
import { AUTH, CONNECT, DISCONNECT, PUBLISH, PUBREL, SUBSCRIBE, UNSUBSCRIBE } from './packet.ts';

/** The largest Remaining Length that four bytes can say (MQTT 3.1.1 §2.2.3). */
export const MAX_REMAINING_LENGTH = 268_435_455;

/** Bytes that `remaining` takes as a Remaining Length: 1 to 4. */
export function lengthBytes(remaining: number): number {
  return remaining < 128 ? 1 : remaining < 16_384 ? 2 : remaining < 2_097_152 ? 3 : 4;
}

/** Writes a Remaining Length at `at`; returns the offset behind it. */
export function writeLength(target: Uint8Array, at: number, remaining: number): number {
  let rest = remaining;
  while (rest > 127) {
    target[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/**
 * Size of the whole packet that begins at `start`, or -1 while its fixed header is not complete. Refuses reserved
 * types and flags (§2.2.2, v5 §2.1.3; AUTH is reserved below `level` 5), lengths of more than four bytes or with idle
 * bytes, and packets above `maxPacketBytes`: all before a byte of the body is waited for.
 */
export function packetBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  maxPacketBytes: number,
  level: number,
): number {
  if (start >= end) return -1;
  checkFlags(bytes[start]!, level);
  let remaining = 0;
  let at = start + 1;
  for (let shift = 0; ; shift += 7) {
    if (at >= end) return -1;
    const byte = bytes[at++]!;
    remaining += (byte & 127) << shift;
    if (byte < 128) {
      // An idle byte would make two encodings of one packet; subscribers get the publisher's bytes as they are.
      if (byte === 0 && shift > 0)
        throw new MalformedPacket('remaining_length', 'Remaining Length is not minimal.');
      break;
    }
    if (shift === 21)
      throw new MalformedPacket('remaining_length', 'Remaining Length is longer than four bytes.');
  }
  const total = at - start + remaining;
  if (total > maxPacketBytes) {
    throw new MalformedPacket(
      'packet_too_large',
      `A packet of ${total} bytes is above the limit of ${maxPacketBytes}.`,
    );
  }
  return total;
}

/** Offset of the variable header of a packet whose fixed header is complete. */
export function bodyStart(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (bytes[at++]! >= 128);
  return at;
}

function checkFlags(header: number, level: number): void {
  const type = header >> 4;
  const flags = header & 15;
  if (type === PUBLISH) {
    if ((flags & 6) === 6) throw new MalformedPacket('qos', 'PUBLISH with QoS 3.');
    if ((flags & 14) === 8) throw new MalformedPacket('header_flags', 'DUP on a PUBLISH with QoS 0.');
    return;
  }
  if (type < CONNECT || type > (level === 5 ? AUTH : DISCONNECT)) {
    throw new MalformedPacket('reserved_type', `Packet type ${type} is reserved.`);
  }
  const wanted = type === PUBREL || type === SUBSCRIBE || type === UNSUBSCRIBE ? 2 : 0;
  if (flags === wanted) return;
  // MQTT 3.1 §2.1 sends these three again with DUP set; later versions reserve the bit.
  if (level === 3 && wanted === 2 && flags === 10) return;
  throw new MalformedPacket('header_flags', `Packet type ${type} with flags ${flags}.`);
}
