/** The CoAP server and the proxy as the station has them. */
import type { CoapProxyStatus, CoapServerStatus } from '../../../../../core/contract/coap-server.ts';
import { Whole } from '../../../lib/broker-feeds.svelte.ts';
import { getClient } from '../../../lib/station.svelte.ts';

export const coapServer = new Whole<CoapServerStatus>((listener) =>
  getClient().subscribe('coapServer', {}, listener, { maxHz: 2 }),
);

export const coapProxy = new Whole<CoapProxyStatus>((listener) =>
  getClient().subscribe('coapProxy', {}, listener, { maxHz: 2 }),
);
