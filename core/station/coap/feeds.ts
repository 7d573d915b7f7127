import type { Signal } from '../../base/events.ts';
import type { CoapDelta, CoapSnapshot } from '../../contract/coap.ts';
import type { Feed, SubscriptionHandlers } from '../../rpc/types.ts';
import { wholeFeed } from '../feeds-broker.ts';
import type { CoapDesk } from './desk.ts';
import type { CoapHandlerParts } from './handlers.ts';
import { serverStatus } from './server-status.ts';
import { watchFeed } from './watch-feed.ts';

type CoapTopics =
  'coap' | 'coapWatch' | 'coapExchange' | 'coapScan' | 'coapDirectory' | 'coapProxy' | 'coapServer';

/** CoAP's share of what screens hear. `status` says when counters may have moved. */
export function coapFeeds(
  parts: CoapHandlerParts,
  status: Signal<void>,
): Pick<SubscriptionHandlers, CoapTopics> {
  const { desk, exchanges, scanDesk, directoryDesk, proxy, coapListeners } = parts;
  return {
    coap: ({ authority }, dirty) => coapFeed(desk, authority, dirty),
    coapWatch: (params, dirty) => watchFeed(parts, params, dirty),
    coapExchange: ({ exchange }, dirty) => exchanges.openFeed(exchange, dirty),
    coapScan: (_params, dirty) => wholeFeed(() => scanDesk.view(), [scanDesk.changed], dirty),
    coapDirectory: (_params, dirty) => wholeFeed(() => directoryDesk.view(), [directoryDesk.changed], dirty),
    coapProxy: (_params, dirty) => wholeFeed(() => proxy.status(), [proxy.changed, status], dirty),
    coapServer: (_params, dirty) =>
      wholeFeed(() => serverStatus(parts), [coapListeners.changed, status], dirty),
  };
}

function coapFeed(
  desk: CoapDesk,
  authority: string | undefined,
  dirty: () => void,
): Feed<CoapSnapshot, CoapDelta> {
  const changed = new Set<string>();
  const inScope = (uri: string) =>
    authority === undefined || uri.startsWith(`${authority}/`) || uri === authority;
  const remove = desk.changed.on((uri) => {
    if (!inScope(uri)) return;
    changed.add(uri);
    dirty();
  });
  return {
    snapshot: () => {
      changed.clear();
      return { resources: desk.resources(authority) };
    },
    drain: () => {
      if (changed.size === 0) return null;
      const delta: CoapDelta = { upsert: [], removed: [] };
      for (const uri of changed) {
        const resource = desk.resource(uri);
        if (resource === undefined) delta.removed.push(uri);
        else delta.upsert.push(resource);
      }
      changed.clear();
      return delta;
    },
    close: remove,
  };
}
