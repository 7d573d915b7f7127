/** The scan and the directory of the station, shared by all that show them. */
import type { CoapDirectory, CoapScan } from '../../../../../core/contract/coap-discovery.ts';
import { Whole } from '../../../lib/broker-feeds.svelte.ts';
import { getClient } from '../../../lib/station.svelte.ts';

export const scan = new Whole<CoapScan>((listener) =>
  getClient().subscribe('coapScan', {}, listener, { maxHz: 5 }),
);

export const directory = new Whole<CoapDirectory>((listener) =>
  getClient().subscribe('coapDirectory', {}, listener, { maxHz: 2 }),
);
