/** Steps on the way to a server: its addresses, a TCP connection to one of them, a WebSocket on top. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { messageOf } from '../../base/errors.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { addressText, canonicalAddress, isMulticast, isUnspecified } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import { coapError } from '../errors.ts';
import type { HostResolver } from '../resolve.ts';
import type { CoapUri } from '../uri.ts';
import { WEBSOCKET_OPTIONS, WEBSOCKET_PATH, WEBSOCKET_PROTOCOL } from './websocket-pipe.ts';

const MAX_ADDRESSES = 8;

/** Rejects with the reason of `signal` as soon as it is aborted. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** In the order in which they are to be tried. Fails with `coap.host_not_found` or `coap.bad_uri`. */
export async function addressesOf(uri: CoapUri, resolver: HostResolver): Promise<PeerAddress[]> {
  const numeric = canonicalAddress(uri.host, uri.port);
  const found = numeric === undefined ? await resolved(uri, resolver) : [numeric];
  const usable = found.filter((address) => !isMulticast(address) && !isUnspecified(address));
  if (usable.length === 0) throw coapError('coap.bad_uri', `${uri.host} is not the address of one device.`);
  return usable.slice(0, MAX_ADDRESSES);
}

async function resolved(uri: CoapUri, resolver: HostResolver): Promise<PeerAddress[]> {
  const detail = { host: uri.host };
  let names: string[];
  try {
    names = await resolver(uri.host);
  } catch (error) {
    const text = `The name ${uri.host} cannot be resolved. Check it, or use the address.`;
    throw coapError('coap.host_not_found', text, detail, error);
  }
  const found = names.map((name) => canonicalAddress(name, uri.port)).filter((one) => one !== undefined);
  if (found.length > 0) return found;
  throw coapError('coap.host_not_found', `The name ${uri.host} has no address.`, detail);
}

/**
 * The first address that answers wins. Each next one is tried when the one before fails, or has kept silent for
 * `staggerMs` (RFC 8305 §5). Fails with `coap.unreachable`, or with the reason of `signal`.
 */
export function dialTcp(
  addresses: readonly PeerAddress[],
  staggerMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    /** Those that are being tried, with what hears of their failure. */
    const failed = new Map<Socket, (error: Error) => void>();
    let next = 0;
    let timer: Timer | undefined;
    let isSettled = false;
    const settle = (winner: Socket | undefined, error?: unknown): void => {
      isSettled = true;
      timer?.cancel();
      signal.removeEventListener('abort', onAbort);
      for (const socket of failed.keys()) if (socket !== winner) socket.destroy();
      if (winner === undefined) reject(error);
      else {
        winner.off('error', failed.get(winner)!);
        resolve(winner);
      }
    };
    const onAbort = (): void => settle(undefined, signal.reason);
    const tryNext = (): void => {
      timer?.cancel();
      const address = addresses[next++]!;
      const socket = connect({ host: address.address, port: address.port, noDelay: true });
      const onError = (error: Error): void => {
        if (!failed.delete(socket) || isSettled) return;
        if (next < addresses.length) tryNext();
        else if (failed.size === 0) settle(undefined, unreachable(address, error));
      };
      failed.set(socket, onError);
      socket.once('connect', () => (isSettled ? socket.destroy() : settle(socket)));
      socket.on('error', onError);
      if (next < addresses.length) timer = clock.after(staggerMs, tryNext);
    };
    if (signal.aborted) onAbort();
    else {
      signal.addEventListener('abort', onAbort, { once: true });
      tryNext();
    }
  });
}

function unreachable(address: PeerAddress, error: NodeJS.ErrnoException): Error {
  const where = addressText(address);
  const why =
    error.code === 'ECONNREFUSED'
      ? `Nothing listens on ${where}. Check the port, and whether the device speaks CoAP over TCP.`
      : `${where} cannot be reached: ${messageOf(error)}.`;
  return coapError('coap.unreachable', why, { reason: error.code ?? '' }, error);
}

/**
 * The upgrade of RFC 8323 §4.1 on `stream`. `opened` is called at once, because messages may follow in the same
 * packet. Fails with `coap.handshake`, or with the reason of `signal`.
 */
export function upgrade(
  stream: Socket,
  uri: CoapUri,
  maxMessageBytes: number,
  signal: AbortSignal,
  opened: (webSocket: WebSocket) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const host = uri.host.includes(':') ? `[${uri.host.split('%', 1)[0]}]` : uri.host;
    // TLS, where there is one, lies below already.
    const webSocket = new WebSocket(`ws://${host}:${uri.port}${WEBSOCKET_PATH}`, WEBSOCKET_PROTOCOL, {
      ...WEBSOCKET_OPTIONS,
      maxPayload: maxMessageBytes,
      createConnection: () => stream,
    });
    const onAbort = (): void => fail(signal.reason);
    const fail = (error: unknown): void => {
      signal.removeEventListener('abort', onAbort);
      webSocket.removeAllListeners();
      webSocket.on('error', () => undefined);
      webSocket.terminate();
      stream.destroy();
      reject(error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    webSocket.once('unexpected-response', (_request, response) =>
      fail(refused(uri, `the server answered ${response.statusCode} at ${WEBSOCKET_PATH}`)),
    );
    webSocket.once('error', (error) => fail(refused(uri, messageOf(error))));
    webSocket.once('open', () => {
      signal.removeEventListener('abort', onAbort);
      webSocket.removeAllListeners();
      opened(webSocket);
      resolve();
    });
  });
}

function refused(uri: CoapUri, why: string): Error {
  return coapError('coap.handshake', `No WebSocket for CoAP at ${uri.authority}: ${why}.`);
}
