/** The scan and the directory of the station, shared by all that show them. */
import type { CoapDirectory, CoapScan } from '../../../../../core/contract/coap-discovery.ts';
import { Whole } from '../../../lib/broker-feeds.svelte.ts';
import { getClient } from '../../../lib/station.svelte.ts';

export const scan = new Whole<CoapScan>((take, error) =>
  getClient().subscribe(
    'coapScan',
    {},
    { snapshot: take, delta: take, error: ({ message }) => error(message) },
    { maxHz: 5 },
  ),
);

export const directory = new Whole<CoapDirectory>((take, error) =>
  getClient().subscribe(
    'coapDirectory',
    {},
    { snapshot: take, delta: take, error: ({ message }) => error(message) },
    { maxHz: 2 },
  ),
);
