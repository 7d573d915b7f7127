/** What is wrong with the station itself, most urgent first, made of its status. Pure. */
import type { StationStatus } from '../../../core/contract/station.ts';
import { formatBytes } from './format.ts';
import { PRIORITIES } from './priority.ts';
import type { Priority } from './priority.ts';

export interface Fault {
  /** Stable, for keys in lists. */
  id: string;
  priority: Priority;
  title: string;
  text: string;
  /** Host time since when, null when the station does not say. */
  sinceMs: number | null;
}

/** Below this the operator is told while there is still time to make room. */
export const LOW_DISK_BYTES = 1_000_000_000;

const RECORDER_TITLES = {
  disk_full: 'Disk full: nothing is recorded',
  read_only: 'Data folder is read-only: nothing is recorded',
  corrupt: 'Record is damaged: nothing is recorded',
  io: 'Record cannot be written',
  backlog: 'Recorder is falling behind',
} as const;

export const LISTENER_TITLES = { mqtt: 'MQTT', coap: 'CoAP', http: 'Console' } as const;

export function faultsOf(status: StationStatus): Fault[] {
  const faults: Fault[] = [];
  const { fault, setAside, freeBytes } = status.recorder;
  if (fault !== null) {
    faults.push({
      id: 'recorder',
      priority: fault.code === 'backlog' ? 'high' : 'critical',
      title: RECORDER_TITLES[fault.code],
      text: fault.message,
      sinceMs: fault.sinceMs,
    });
  }
  for (const listener of status.listeners) {
    if (listener.state !== 'failed') continue;
    faults.push({
      id: `listener.${listener.name}`,
      priority: 'high',
      title: `${LISTENER_TITLES[listener.name]} does not listen on ${listener.requested}`,
      text: listener.error ?? 'The station gave no reason.',
      sinceMs: null,
    });
  }
  if (setAside !== null) {
    faults.push({
      id: 'set-aside',
      priority: 'medium',
      title: 'A damaged record was set aside',
      text: `${setAside.reason} It was kept as ${setAside.file}.`,
      sinceMs: setAside.atMs,
    });
  }
  if (fault === null && freeBytes !== null && freeBytes < LOW_DISK_BYTES) {
    faults.push({
      id: 'low-disk',
      priority: 'medium',
      title: 'Little room left on the disk',
      text: `${formatBytes(freeBytes)} free where the record lies. Make room before it is full.`,
      sinceMs: null,
    });
  }
  return faults.sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority));
}
