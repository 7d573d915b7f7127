import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Acceptor } from './acceptor.ts';
import { refuseUpgrade } from './upgrade-rules.ts';
import {
  WEBSOCKET_OPTIONS,
  WEBSOCKET_PATH,
  WEBSOCKET_PROTOCOL,
  WebSocketPipe,
  plugWebSocket,
} from './websocket-pipe.ts';

const MAX_HEADER_BYTES = 8_192;

/** The HTTP in front of the WebSockets of one listener. It never listens: the acceptor gives it sockets. */
export class Upgrades {
  readonly #acceptor: Acceptor;
  readonly #http: Server;
  readonly #webSockets: WebSocketServer;
  readonly #origins = new WeakMap<Duplex, { raw: Socket; identity: string | null }>();

  constructor(acceptor: Acceptor) {
    this.#acceptor = acceptor;
    this.#webSockets = new WebSocketServer({
      ...WEBSOCKET_OPTIONS,
      noServer: true,
      clientTracking: false,
      maxPayload: acceptor.context.limits.maxMessageBytes,
      handleProtocols: () => WEBSOCKET_PROTOCOL,
    });
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (_request, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket', 'content-type': 'text/plain' });
      response.end(`CoAP over WebSocket is spoken at ${WEBSOCKET_PATH} here.\n`);
    });
    this.#http.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head));
    this.#http.on('clientError', (_error, stream) => refuse(stream, '400 Bad Request', 'This is not HTTP.'));
  }

  take(raw: Socket, stream: Socket, identity: string | null): void {
    this.#origins.set(stream, { raw, identity });
    this.#http.emit('connection', stream);
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', () => stream.destroy());
    const origin = this.#origins.get(stream);
    const refusal = refuseUpgrade(request, this.#acceptor.host);
    if (origin === undefined || refusal !== null) {
      this.#acceptor.seldom.warn('a WebSocket client was turned away', { reason: refusal?.text });
      refuse(stream, refusal?.status ?? '400 Bad Request', refusal?.text ?? '');
      return;
    }
    this.#webSockets.handleUpgrade(request, stream, head, (webSocket) => {
      const pipe = new WebSocketPipe(webSocket, stream);
      const connection = this.#acceptor.admit(origin.raw, pipe, origin.identity);
      if (connection !== undefined)
        plugWebSocket(this.#acceptor.context, connection, pipe, webSocket, stream);
    });
  }
}

function refuse(stream: Duplex, status: string, text: string): void {
  if (!stream.writable) {
    stream.destroy();
    return;
  }
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\n`;
  stream.end(`${head}Content-Length: ${Buffer.byteLength(text) + 1}\r\n\r\n${text}\n`);
}
