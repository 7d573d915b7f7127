import type { CodedError } from '../../base/errors.ts';
import { addressText } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import { coapError } from '../errors.ts';

/** What is told to all who waited for something: `coap.handshake` when it never was open, else `coap.closed`. */
export function endOf(
  address: PeerAddress,
  wasOpen: boolean,
  reason: string,
  detail: Record<string, unknown> | undefined,
): CodedError {
  const where = addressText(address);
  return wasOpen
    ? coapError('coap.closed', `The connection to ${where} has ended: ${reason}.`, detail)
    : coapError('coap.handshake', `No CoAP connection to ${where}: ${reason}.`, detail);
}

export function notOpen(address: PeerAddress): CodedError {
  return coapError('coap.closed', `The connection to ${addressText(address)} has ended.`);
}

export function tooMuchWaits(address: PeerAddress): CodedError {
  return coapError('coap.busy', `Too much waits for ${addressText(address)} already.`);
}
