import type { Buffer } from 'node:buffer';
import { type ConformanceBench, type ConformanceClient, packet } from './conformance-client.ts';
import type { ConnectOptions } from './mqtt-broker.ts';

/** Connect flags (3.1.1 §3.1.2.3). */
export const CLEAN = 0x02;
export const WILL = 0x04;
export const PASSWORD = 0x40;
export const USER_NAME = 0x80;

/** CONNACK as it is on the wire, by its return code. */
export const CONNACK = (code: number): string => `200200${code.toString(16).padStart(2, '0')}`;

/** CONNECT of MQTT 3.1.1 by hand: connect flags, no keep-alive, then the payload as `bytes` takes it. */
export function connect311(flags: number, ...payload: (number | string | Uint8Array)[]): Buffer {
  return packet(0x10, 'MQTT', 4, flags, 0, 0, ...payload);
}

/** A client of MQTT 3.1.1 whose CONNECT was accepted. */
export function client311(
  bench: ConformanceBench,
  clientId: string,
  options: ConnectOptions = {},
): Promise<ConformanceClient> {
  return bench.client(clientId, { protocolLevel: 4, ...options });
}

/** The next packets as they are on the wire, in hex. */
export async function hexOf(client: ConformanceClient, count: number): Promise<string[]> {
  const packets: string[] = [];
  while (packets.length < count) packets.push((await client.nextBytes()).toString('hex'));
  return packets;
}
