/**
 * Is this HTTP request an MQTT client's, and may it come from where it comes? A page anywhere can make its
 * visitor's browser open WebSockets to that visitor's own machine, but it cannot choose the Host and Origin headers.
 */
import type { IncomingMessage } from 'node:http';
import { isLoopback } from './loopback.ts';

export interface WebSocketRules {
  path: string;
  /** What the listener was told to listen on. */
  listenHost: string;
  /** Whether whoever comes in need not say who they are. */
  anonymous: boolean;
}

export interface UpgradeRefusal {
  status: string;
  /** For the person who reads the client's log. */
  text: string;
}

/** RFC 6455 §4.2.2 and MQTT 5 §6; null when the request may become a connection. */
export function refuseUpgrade(request: IncomingMessage, rules: WebSocketRules): UpgradeRefusal | null {
  if ((request.url ?? '').split('?', 1)[0] !== rules.path) {
    return { status: '404 Not Found', text: `MQTT is spoken at ${rules.path} here.` };
  }
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (subprotocolOf(offered) === undefined) {
    return { status: '400 Bad Request', text: 'The client must offer the WebSocket subprotocol mqtt.' };
  }
  if (!isLoopback(rules.listenHost)) return null;
  // DNS rebinding: a page at evil.example whose name now points at 127.0.0.1 gives itself away by its Host.
  const { host, origin } = request.headers;
  if (!isOwnName(hostNameOf(host), rules.listenHost)) {
    return { status: '403 Forbidden', text: 'This listener is for this machine only.' };
  }
  // Where users have to sign in, a page of another origin gains nothing: no browser sends credentials by itself.
  if (!rules.anonymous || origin === undefined || isOwnName(originName(origin), rules.listenHost))
    return null;
  return {
    status: '403 Forbidden',
    text: 'Pages of other origins may not use a listener that lets everyone in.',
  };
}

/** `mqtt` [MQTT-6.0.0-3]; MQTT 3.1 clients of old offer `mqttv3.1`. Undefined when neither is offered. */
export function subprotocolOf(offered: string[]): 'mqtt' | 'mqttv3.1' | undefined {
  return (['mqtt', 'mqttv3.1'] as const).find((name) => offered.includes(name));
}

function isOwnName(name: string | undefined, listenHost: string): boolean {
  return name !== undefined && (isLoopback(name) || name === listenHost.toLowerCase());
}

/** Splits `host`, `host:port`, `[v6]`, `[v6]:port`. Undefined when it is none of them. */
function hostNameOf(header: string | undefined): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/i.exec(header ?? '');
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}

/** The name in `http://name:port`; undefined for `null`, which a sandboxed frame of any page has. */
function originName(origin: string): string | undefined {
  const match = /^https?:\/\/(.+)$/i.exec(origin);
  return hostNameOf(match?.[1]);
}
