/** Devices that need a look: what went quiet, the most recent first, for a fresh loss is what one can still act on. */
import type { Device } from '../../lib/devices.svelte.ts';
import { presenceOf } from '../../lib/presence.ts';
import type { Presence } from '../../lib/presence.ts';

export interface QuietDevice {
  device: Device;
  presence: Exclude<Presence, 'live'>;
  lastSeenMs: number;
}

export function quietDevices(devices: readonly Device[], nowMs: number): QuietDevice[] {
  const quiet: QuietDevice[] = [];
  for (const device of devices) {
    const row = device.peek();
    const presence = presenceOf(row, nowMs);
    if (presence !== 'live') quiet.push({ device, presence, lastSeenMs: row.lastSeenMs });
  }
  return quiet.sort((a, b) => b.lastSeenMs - a.lastSeenMs || a.device.id - b.device.id);
}
