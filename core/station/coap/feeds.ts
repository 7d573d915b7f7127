import type { CoapDelta, CoapSnapshot } from '../../contract/coap.ts';
import type { Feed, SubscriptionHandlers } from '../../rpc/types.ts';
import type { CoapDesk } from './desk.ts';
import { CodedError } from '../../base/errors.ts';
import type { CoapHandlerParts } from './handlers.ts';

type CoapTopics =
  'coap' | 'coapWatch' | 'coapExchange' | 'coapScan' | 'coapDirectory' | 'coapProxy' | 'coapServer';

/** CoAP's share of what screens hear. */
export function coapFeeds(parts: CoapHandlerParts): Pick<SubscriptionHandlers, CoapTopics> {
  const later = (): never => {
    throw new CodedError('coap.scheme', 'Under way.');
  };
  return {
    coap: ({ authority }, dirty) => coapFeed(parts.desk, authority, dirty),
    coapWatch: later,
    coapExchange: later,
    coapScan: later,
    coapDirectory: later,
    coapProxy: later,
    coapServer: later,
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
