import { CodedError } from '../../base/errors.ts';
import type { coapMethods } from '../../contract/methods-coap.ts';
import type { MethodHandlers } from '../../rpc/types.ts';
import type { CoapDesk } from './desk.ts';

export interface CoapHandlerParts {
  desk: CoapDesk;
}

/** CoAP's share of the contract. Each line is one method; what it does is in the part it names. */
export function coapHandlers(
  parts: CoapHandlerParts,
  onceKept: <T>(result: T | Promise<T>) => Promise<T>,
): Pick<MethodHandlers, keyof typeof coapMethods> {
  const { desk } = parts;
  const later = (): never => {
    throw new CodedError('coap.scheme', 'Under way.');
  };
  return {
    'coap.discover': ({ uri }, { signal }) => onceKept(desk.discover(uri, signal)),
    'coap.request': (input, { signal }) => desk.request(input, signal),
    'coap.ping': later,
    'coap.observe': ({ uri, accept }) => onceKept(desk.observe(uri, accept)),
    'coap.cancelObserve': ({ uri }) => onceKept(desk.cancelObserve(uri)),
    'coap.resources': ({ authority }) => ({ resources: desk.resources(authority) }),
    'coap.forget': later,
    'coap.savedRequests': later,
    'coap.saveRequest': later,
    'coap.removeRequest': later,
    'coap.interfaces': later,
    'coap.scan': later,
    'coap.scanStop': later,
    'coap.removeRegistration': later,
    'coap.setProxy': later,
    'coap.setServer': later,
    'coap.addListener': later,
    'coap.changeListener': later,
    'coap.removeListener': later,
    'coap.startListener': later,
    'coap.stopListener': later,
  };
}
