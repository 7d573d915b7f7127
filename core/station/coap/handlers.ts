import type { coapMethods } from '../../contract/methods-coap.ts';
import type { MethodHandlers } from '../../rpc/types.ts';
import type { CoapParts } from './parts.ts';
import { serverStatus } from './server-status.ts';

export type CoapHandlerParts = Pick<
  CoapParts,
  | 'desk'
  | 'requests'
  | 'scanDesk'
  | 'directory'
  | 'directoryDesk'
  | 'proxy'
  | 'server'
  | 'serverSettings'
  | 'coapListeners'
  | 'exchanges'
  | 'preview'
>;

/** CoAP's share of the contract. `onceKept`: an answer that waits for the disk. */
export function coapHandlers(
  parts: CoapHandlerParts,
  onceKept: <T>(result: T | Promise<T>) => Promise<T>,
): Pick<MethodHandlers, keyof typeof coapMethods> {
  const { desk, requests, scanDesk, directoryDesk, proxy, serverSettings, coapListeners } = parts;
  return {
    'coap.discover': ({ uri }, { signal }) => onceKept(desk.discover(uri, signal)),
    'coap.request': (input, { signal }) => desk.request(input, signal),
    'coap.ping': ({ uri }, { signal }) => desk.ping(uri, signal),
    'coap.observe': ({ uri, accept }) => onceKept(desk.observe(uri, accept)),
    'coap.cancelObserve': ({ uri }) => onceKept(desk.cancelObserve(uri)),
    'coap.resources': ({ authority }) => ({ resources: desk.resources(authority) }),
    'coap.forget': ({ authority }) => onceKept({ removed: desk.forget(authority) }),

    'coap.savedRequests': () => ({ requests: requests.list() }),
    'coap.saveRequest': (request) => requests.save(request),
    'coap.removeRequest': ({ id }) => {
      requests.remove(id);
      return { removed: true };
    },

    'coap.interfaces': () => ({ interfaces: scanDesk.interfaces() }),
    'coap.scan': (input) => scanDesk.start(input),
    'coap.scanStop': () => scanDesk.stopScan(),

    'coap.removeRegistration': ({ location }) => {
      directoryDesk.remove(location);
      return onceKept({ removed: true as const });
    },

    'coap.setProxy': (settings) => proxy.set(settings),
    'coap.setServer': ({ others }) => {
      serverSettings.change({ others });
      coapListeners.changed.emit();
      return serverStatus(parts);
    },
    'coap.addListener': (config) => coapListeners.add(config),
    'coap.changeListener': (config) => coapListeners.change(config),
    'coap.removeListener': async ({ id }) => {
      await coapListeners.remove(id);
      return { removed: true };
    },
    'coap.startListener': ({ id }) => coapListeners.startOne(id),
    'coap.stopListener': ({ id }) => coapListeners.stopOne(id),
  };
}
