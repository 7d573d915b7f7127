import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { Timer } from '../../base/clock.ts';
import type { Broker } from '../broker.ts';
import { DEFAULT_CLIENT_LIMITS } from '../options.ts';
import type { ListenerProfile, PeerCertificate } from '../origin.ts';
import { Acceptor } from './acceptor.ts';
import { TlsAcceptor } from './tls.ts';
import type {
  ListenOptions,
  SecureListener,
  SecureOptions,
  TransportListener,
} from './transport-listener.ts';
import { refuseUpgrade, subprotocolOf } from './websocket-guard.ts';
import { serveWebSocket, type WebSocketSink } from './websocket-sink.ts';

const MAX_HEADER_BYTES = 8_192;
/** Of a message beyond the largest packet: several may share one message. */
const MESSAGE_SLACK_BYTES = 65_536;
const PING_INTERVAL_MS = 30_000;

/** `path` is where clients find MQTT, such as `/mqtt`. */
export interface WebSocketOptions {
  path: string;
}

/** MQTT over WebSocket (MQTT 5 §6). Fails like `listenTcp`. */
export async function listenWebSocket(
  broker: Broker,
  options: ListenOptions & WebSocketOptions,
): Promise<TransportListener> {
  const acceptor = new Acceptor(broker, options, (socket) => upgrades.take(socket, socket, null));
  const upgrades = new Upgrades(acceptor, options.path);
  await acceptor.listen();
  return acceptor;
}

/** The same over TLS. Fails like `listenTls`. */
export async function listenSecureWebSocket(
  broker: Broker,
  options: SecureOptions & WebSocketOptions,
): Promise<SecureListener> {
  const acceptor = new TlsAcceptor(broker, options, (raw, socket, certificate) =>
    upgrades.take(raw, socket, certificate),
  );
  const upgrades = new Upgrades(acceptor, options.path);
  await acceptor.listen();
  return acceptor;
}

/** The HTTP in front of the WebSockets of one listener. */
class Upgrades {
  readonly #acceptor: Acceptor;
  readonly #path: string;
  readonly #http: Server;
  readonly #origins = new WeakMap<Duplex, { raw: Socket; certificate: PeerCertificate | null }>();
  readonly #sinks = new Set<WebSocketSink>();
  #server: { profile: ListenerProfile; webSockets: WebSocketServer } | undefined;
  #pings: Timer | undefined;

  constructor(acceptor: Acceptor, path: string) {
    this.#acceptor = acceptor;
    this.#path = path;
    // It never listens: the acceptor gives it sockets, and watches how long they take.
    this.#http = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (_request, response) => {
      acceptor.counters.upgradesRefused++;
      response.writeHead(426, { connection: 'close', upgrade: 'websocket', 'content-type': 'text/plain' });
      response.end(`MQTT over WebSocket is spoken at ${path} here.\n`);
    });
    this.#http.on('upgrade', (request, stream, head) => this.#upgrade(request, stream, head));
    this.#http.on('clientError', (_error, stream) => {
      acceptor.counters.upgradesRefused++;
      refuse(stream, '400 Bad Request', 'This is not HTTP.');
    });
  }

  take(raw: Socket, stream: Socket, certificate: PeerCertificate | null): void {
    this.#origins.set(stream, { raw, certificate });
    this.#http.emit('connection', stream);
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', () => stream.destroy());
    const { profile, host } = this.#acceptor;
    const origin = this.#origins.get(stream);
    const refusal = refuseUpgrade(request, {
      path: this.#path,
      listenHost: host,
      anonymous: profile.anonymous,
    });
    if (origin === undefined || refusal !== null) {
      this.#acceptor.counters.upgradesRefused++;
      refuse(stream, refusal?.status ?? '400 Bad Request', refusal?.text ?? '');
      return;
    }
    this.#serverOf(profile).handleUpgrade(request, stream, head, (webSocket) => {
      const sink = serveWebSocket(this.#acceptor, { ...origin, stream, webSocket });
      this.#sinks.add(sink);
      this.#pings ??= this.#acceptor.clock.after(PING_INTERVAL_MS, () => this.#ping());
      webSocket.once('close', () => {
        this.#sinks.delete(sink);
        if (this.#sinks.size > 0) return;
        this.#pings?.cancel();
        this.#pings = undefined;
      });
    });
  }

  /** The WebSocket side of one profile: its largest message is part of it. */
  #serverOf(profile: ListenerProfile): WebSocketServer {
    if (this.#server?.profile === profile) return this.#server.webSockets;
    const webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload:
        (profile.limits.maxPacketBytes ?? DEFAULT_CLIENT_LIMITS.maxPacketBytes) + MESSAGE_SLACK_BYTES,
      handleProtocols: (offered) => subprotocolOf([...offered]) ?? false,
    });
    this.#server = { profile, webSockets };
    return webSockets;
  }

  #ping(): void {
    this.#pings = this.#acceptor.clock.after(PING_INTERVAL_MS, () => this.#ping());
    for (const sink of this.#sinks) sink.ping();
  }
}

function refuse(stream: Duplex, status: string, text: string): void {
  if (!stream.writable) {
    stream.destroy();
    return;
  }
  const body = `${text}\n`;
  stream.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
