import type { CoapResponse } from '../../coap/client/response.ts';
import type { CoapResource } from '../../contract/coap.ts';
import type { CoapNotification, CoapWatch, CoapWatchDelta } from '../../contract/coap-browser.ts';
import type { Feed } from '../../rpc/types.ts';
import type { CoapDesk } from './desk.ts';
import type { NumberPreview } from './number-preview.ts';
import { notificationView } from './views.ts';

const MAX_WAITING = 200;

/** One screen that looks on while a resource is observed. */
export function watchFeed(
  parts: { desk: CoapDesk; preview: NumberPreview },
  { uri, accept }: { uri: string; accept?: number | undefined },
  dirty: () => void,
): Feed<CoapWatch, CoapWatchDelta> {
  const { desk, preview } = parts;
  let waiting: CoapNotification[] = [];
  let leftOut = 0;
  let changed = false;
  // It is told of before `watch` is there: beginning to observe is a change already.
  let resource: CoapResource | null = null;
  const known = (): CoapResource => resource ?? watch.resource;
  const hear = (response: CoapResponse, receivedMs: number): void => {
    if (waiting.length === MAX_WAITING) {
      waiting.shift();
      leftOut++;
    }
    const { authority, uri: own } = known();
    const path = own.slice(authority.length);
    const values = preview.of(authority, path, response.contentFormat, response.payload, receivedMs);
    waiting.push(notificationView(response, receivedMs, values));
  };
  const watch = desk.watch(uri, accept, {
    changed: (view) => {
      resource = view;
      changed = true;
      dirty();
    },
    notified: hear,
  });
  const take = (): CoapWatch => {
    const notifications = waiting;
    waiting = [];
    changed = false;
    return { resource: known(), notifications, leftOut };
  };
  return { snapshot: take, drain: () => (changed ? take() : null), close: watch.close };
}
