/** A scan in words. Pure. */
import type { CoapScan, CoapScanKind, CoapScanStep } from '../../../../../core/contract/coap-discovery.ts';
import { formatCount, formatDuration, plural } from '../../../lib/format.ts';

export const KIND_NAMES: Record<CoapScanKind, string> = {
  multicast: 'Multicast',
  mdns: 'mDNS',
  directory: 'Directory',
  range: 'Addresses',
};

/** `1.2 of 2 s` waited for a group, `120 of 254` asked of a range. */
export function progressText({ kind, state, done, total }: CoapScanStep): string {
  if (state === 'waiting') return 'waits';
  if (kind === 'multicast' || kind === 'mdns') {
    return state === 'done'
      ? formatDuration(total)
      : `${(done / 1000).toFixed(1)} of ${formatDuration(total)}`;
  }
  return `${formatCount(done)} of ${formatCount(total)}`;
}

/** Share that is done, 0 to 1; steps count alike. */
export function scanShare({ steps }: Pick<CoapScan, 'steps'>): number {
  if (steps.length === 0) return 0;
  const done = steps.map(({ state, done: part, total }) =>
    state === 'waiting' ? 0 : state === 'running' ? part / Math.max(1, total) : 1,
  );
  return done.reduce((sum, one) => sum + one, 0) / steps.length;
}

export function scanText(scan: CoapScan): string {
  const found = plural(scan.found.length + scan.leftOut, 'server');
  if (scan.state === 'running') return `Looking: ${found} so far`;
  if (scan.state === 'idle') return '';
  return scan.state === 'done' ? `${found} found` : `Stopped: ${found} found`;
}
