/** The WebSocket door `/rpc`: who may pass becomes a session of the rpc host. */
import { WebSocketServer } from 'ws';
import { PROTOCOL_VERSION } from '../contract/frames.ts';
import { HOST_INBOUND_LIMITS } from '../rpc/client-codec.ts';
import { checkFrame } from '../rpc/host-frames.ts';
import { tokenFromCookie } from './cookie.ts';
import { isOwnHost, isOwnOrigin, plainAddress } from './origin.ts';
import { cookieRole, signIn } from './sign-in.ts';
import { CLOSE_REFUSED, CLOSE_TRY_LATER, webSocketTransport } from './websocket-host.ts';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import type { WireError } from '../contract/frames.ts';
import type { Role } from '../contract/roles.ts';
import type { GatewayParts } from './parts.ts';
import type { WebSocketTransport } from './websocket-host.ts';

export const MAX_SCREENS = 64;
/** Connections that have not said yet who they are. */
export const MAX_NEWCOMERS = 32;
export const HELLO_TIMEOUT_MS = 5_000;
/** What a connection may send before it has said who it is. */
const MAX_HELLO_BYTES = 4 * 1024;

export class Screens {
  readonly #parts: GatewayParts;
  readonly #server: WebSocketServer;
  readonly #open = new Set<WebSocketTransport>();
  readonly #newcomers = new Set<WebSocketTransport>();

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: HOST_INBOUND_LIMITS.maxBytes,
      maxFragments: 1_024,
    });
  }

  get size(): number {
    return this.#open.size;
  }

  /** Answers an upgrade request for `/rpc`. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { counters, guard, log } = this.#parts;
    const { host, origin } = request.headers;
    const address = plainAddress(request.socket.remoteAddress ?? '');
    if (!isOwnHost(host, request.socket.localAddress, guard)) {
      counters.refusedHosts++;
      log.warn('screen refused: foreign Host', { address, host: host?.slice(0, 100) });
      refuseUpgrade(socket, '421 Misdirected Request');
    } else if (!isOwnOrigin(origin, host)) {
      counters.refusedOrigins++;
      log.warn('screen refused: foreign Origin', { address, origin: origin?.slice(0, 100) });
      refuseUpgrade(socket, '403 Forbidden');
    } else if (this.#newcomers.size >= MAX_NEWCOMERS) {
      counters.tooManyScreens++;
      refuseUpgrade(socket, '503 Service Unavailable');
    } else {
      this.#server.handleUpgrade(request, socket, head, (webSocket) =>
        this.#greet(webSocket, request, address),
      );
    }
  }

  close(): void {
    for (const transport of [...this.#newcomers, ...this.#open]) {
      transport.closeWith(1001, 'the station is stopping');
    }
    this.#server.close();
  }

  /**
   * The first frame of a screen is hello. Its token decides; where that is empty the browser's cookie does. A screen
   * with a good cookie may also say nothing, or begin at once.
   */
  #greet(webSocket: WebSocket, request: IncomingMessage, address: string): void {
    const { clock, counters, port, log } = this.#parts;
    const transport = webSocketTransport(webSocket, clock, (why) => {
      counters.badMessages++;
      log.warn('bad message, screen dropped', { address, why });
    });
    if (this.#isFull(transport)) return;
    const byCookie = cookieRole(this.#parts, tokenFromCookie(request.headers.cookie, port()), address);
    this.#newcomers.add(transport);
    const forgetSize = byCookie === null ? limitHello(webSocket, request) : () => undefined;
    const timeout = clock.after(HELLO_TIMEOUT_MS, () => {
      settle();
      if (byCookie !== null) return this.#admit(transport, byCookie, address);
      counters.helloTimeouts++;
      refuse(transport, { code: 'rpc.token_needed', message: 'The screen did not say who it is.' });
    });
    const settle = (): void => {
      timeout.cancel();
      forgetSize();
      this.#newcomers.delete(transport);
    };
    transport.onClose(settle);
    transport.onFrame((first) => {
      settle();
      this.#firstFrame(transport, first, byCookie, address);
    });
  }

  #firstFrame(transport: WebSocketTransport, raw: unknown, byCookie: Role | null, address: string): void {
    const frame = checkFrame(raw);
    if (frame?.kind !== 'hello') {
      if (byCookie !== null) this.#admit(startingWith(transport, raw), byCookie, address);
      else refuse(transport, { code: 'rpc.token_needed', message: 'The first frame must be hello.' });
      return;
    }
    if (frame.version !== PROTOCOL_VERSION) {
      const message = `This station speaks version ${PROTOCOL_VERSION} of the protocol. Load the console anew.`;
      refuse(transport, { code: 'rpc.version', message });
    } else if (frame.token !== '') {
      const result = signIn(this.#parts, frame.token, address);
      if ('role' in result) this.#admit(transport, result.role, address);
      else if (result.retryAfterMs > 0) refuse(transport, result.error, CLOSE_TRY_LATER);
      else refuse(transport, result.error);
    } else if (byCookie !== null) {
      this.#admit(transport, byCookie, address);
    } else {
      const message = 'Sign in with one of the tokens that the station printed when it started.';
      refuse(transport, { code: 'rpc.token_needed', message });
    }
  }

  /** Asked again when a newcomer is admitted: others were while it said who it is. */
  #isFull(transport: WebSocketTransport): boolean {
    if (this.#open.size < MAX_SCREENS) return false;
    this.#parts.counters.tooManyScreens++;
    const message = `This station already serves ${MAX_SCREENS} screens. Close one of them.`;
    refuse(transport, { code: 'rpc.too_many_screens', message }, CLOSE_TRY_LATER);
    return true;
  }

  #admit(transport: WebSocketTransport, role: Role, address: string): void {
    if (this.#isFull(transport)) return;
    this.#open.add(transport);
    this.#parts.log.debug('screen joined', { address, role });
    this.#parts.rpcHost.accept(transport, {
      role,
      name: address,
      onEnd: () => void this.#open.delete(transport),
    });
  }
}

/**
 * Cuts the connection when more comes in than any hello has. The socket's own limit is that of a known screen, and
 * 32 strangers must not make the station hold 8 MiB each.
 */
function limitHello(webSocket: WebSocket, request: IncomingMessage): () => void {
  let bytes = 0;
  let settled = false;
  const count = (chunk: Buffer): void => {
    bytes += chunk.byteLength;
    // A hello that came in this very chunk was taken already, and what lies behind it is the screen's business.
    if (!settled && bytes > MAX_HELLO_BYTES) webSocket.terminate();
  };
  request.socket.on('data', count);
  return () => {
    settled = true;
    request.socket.off('data', count);
  };
}

/** The same transport, with a frame that was already taken from it given first. */
function startingWith(transport: WebSocketTransport, first: unknown): WebSocketTransport {
  return {
    ...transport,
    onFrame(listener) {
      transport.onFrame(listener);
      listener(first as never);
    },
  };
}

function refuse(transport: WebSocketTransport, error: WireError, code = CLOSE_REFUSED): void {
  transport.send({ kind: 'err', id: 0, error });
  transport.closeWith(code, error.code);
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
