/** Is this HTTP request a CoAP client's, and may it come from where it comes? (RFC 8323 §4.1, RFC 6455 §4.2.2) */
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { canonicalAddress, isLoopback } from '../address.ts';
import { WEBSOCKET_PATH, WEBSOCKET_PROTOCOL } from './websocket-pipe.ts';

export interface UpgradeRefusal {
  status: string;
  /** For the person who reads the client's log. */
  text: string;
}

/**
 * Null when the request may become a connection. A page anywhere can make its visitor's browser open WebSockets to
 * the visitor's own machine, but it cannot choose the Host and Origin headers: pages of other hosts are refused, and
 * so is a name that was only pointed here (DNS rebinding): from a page always, on a loopback listener from anybody.
 */
export function refuseUpgrade(request: IncomingMessage, listenHost: string): UpgradeRefusal | null {
  if ((request.url ?? '').split('?', 1)[0] !== WEBSOCKET_PATH) {
    return { status: '404 Not Found', text: `CoAP is spoken at ${WEBSOCKET_PATH} here.` };
  }
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(WEBSOCKET_PROTOCOL)) {
    return { status: '400 Bad Request', text: 'The client must offer the WebSocket subprotocol coap.' };
  }
  const { host, origin } = request.headers;
  const asked = hostName(host);
  if (isLocalName(listenHost) && !(asked !== undefined && (isLocalName(asked) || asked === listenHost))) {
    return { status: '403 Forbidden', text: 'This listener is for this machine only.' };
  }
  if (origin !== undefined) {
    if (asked === undefined || originName(origin) !== asked) {
      return { status: '403 Forbidden', text: 'Pages of other hosts may not use this listener.' };
    }
    if (!isOwnName(asked, listenHost)) {
      return {
        status: '403 Forbidden',
        text: `A page may use this listener by its address, not as ${asked}.`,
      };
    }
  }
  return null;
}

/** An address cannot be pointed elsewhere, and nobody else gives out the names of this machine. */
function isOwnName(name: string, listenHost: string): boolean {
  const own = hostname().toLowerCase();
  return (
    isIP(name) !== 0 || isLocalName(name) || [listenHost.toLowerCase(), own, `${own}.local`].includes(name)
  );
}

function isLocalName(name: string): boolean {
  const address = canonicalAddress(name, 0);
  return name === 'localhost' || (address !== undefined && isLoopback(address));
}

/** Splits `host`, `host:port`, `[v6]`, `[v6]:port`. Undefined when it is none of them. */
function hostName(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** The name in `http://name:port`; undefined for `null`, which a sandboxed frame of any page has. */
function originName(origin: string): string | undefined {
  return hostName(/^https?:\/\/(.+)$/i.exec(origin)?.[1]);
}
