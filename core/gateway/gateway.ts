/** The station's HTTP side: the console's files, sign-in, health, and the WebSocket of the screens. */
import { createServer } from 'node:http';
import { BackOff } from '../base/back-off.ts';
import { CodedError, messageOf } from '../base/errors.ts';
import { readConsoleFiles } from './console-files.ts';
import { Routes } from './routes.ts';
import { Screens } from './screens.ts';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Access } from '../access/access.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { RpcHost } from '../rpc/host.ts';
import type { HcProxy } from './hc/types.ts';
import type { GatewayCounters, GatewayParts } from './parts.ts';

export const RPC_PATH = '/rpc';
const MAX_CONNECTIONS = 512;
const FORGET_WRONG_TOKENS_MS = 10 * 60_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** For the largest body of the proxy over a slow line. Small bodies and idle senders are cut much earlier. */
const REQUEST_TIMEOUT_MS = 180_000;

export interface GatewayOptions {
  rpcHost: RpcHost;
  access: Pick<Access, 'roleOf'>;
  log: Log;
  clock: Clock;
  /** Where the built console lies; it is read once, here. */
  consoleFolder: string;
  /** More names under which people reach this station, for the Host check. */
  allowedNames?: readonly string[];
  /** Prometheus text for `GET /metrics`, made anew for each request. Without it that is not found. */
  metrics?: () => string;
  /** The HTTP-to-CoAP proxy at `/hc/`. Without it that is not found. */
  proxy?: HcProxy;
}

export interface ListeningGateway {
  /** `127.0.0.1:8080`, `[::1]:8080`. */
  readonly address: string;
  /** `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  readonly screens: number;
  readonly counters: Readonly<GatewayCounters>;
  /** Ends every connection. Idempotent; resolves when the port is free. */
  close(): Promise<void>;
}

export interface Gateway {
  /** Fails `listen.port_taken`, `listen.not_allowed`, `listen.bad_address`, `listen.failed`. Port 0 = any free one. */
  listen(at: { host: string; port: number }): Promise<ListeningGateway>;
}

export function createGateway(options: GatewayOptions): Gateway {
  const files = readConsoleFiles(options.consoleFolder);
  if (!files.has('/')) options.log.warn('the console is not built; only the rpc is served');
  return {
    async listen({ host, port }) {
      let actualPort = port;
      const parts: GatewayParts = {
        rpcHost: options.rpcHost,
        access: options.access,
        log: options.log,
        clock: options.clock,
        attempts: new BackOff(options.clock, { forgetAfterMs: FORGET_WRONG_TOKENS_MS }),
        guard: {
          listenHost: host,
          allowedNames: (options.allowedNames ?? []).map((name) => name.toLowerCase()),
        },
        port: () => actualPort,
        metrics: options.metrics,
        proxy: options.proxy,
        counters: {
          requests: 0,
          badRequests: 0,
          refusedHosts: 0,
          refusedOrigins: 0,
          wrongTokens: 0,
          throttled: 0,
          badMessages: 0,
          helloTimeouts: 0,
          tooManyScreens: 0,
          proxyBusy: 0,
          proxyTooLarge: 0,
          proxySlow: 0,
        },
      };
      const screens = new Screens(parts);
      const server = createHttpServer(parts, new Routes(parts, files), screens);
      await listening(server, host, port);
      // Rare ones, such as no file handle left for one more connection: that connection fails, not the station.
      server.on('error', (error) => options.log.error('the http listener reported', { error }));
      actualPort = (server.address() as AddressInfo).port;
      const address = addressText(server.address() as AddressInfo);
      return {
        address,
        url: `http://${address}`,
        port: actualPort,
        get screens() {
          return screens.size;
        },
        counters: parts.counters,
        close: () => closing(server, screens),
      };
    },
  };
}

function createHttpServer(parts: GatewayParts, routes: Routes, screens: Screens): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: 10_000,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 5_000,
    connectionsCheckingInterval: 2_000,
    // Other upgrades that a client may offer (curl --http2) are for us to ignore, not to refuse (RFC 9110 §7.8).
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request, response) => void routes.answer(request, response));
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (request.url === RPC_PATH) screens.upgrade(request, socket, head);
    else socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  // CoAP has no tunnels (RFC 7252 §10.2), and without a listener the line would be cut without a word.
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy());
    socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    parts.counters.badRequests++;
    const status =
      error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    else socket.destroy();
  });
  return server;
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, port));
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): CodedError {
  const at = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const options = { detail: { host, port }, cause: error };
  switch (error.code) {
    case 'EADDRINUSE':
      return new CodedError(
        'listen.port_taken',
        `The console cannot listen on ${at}: another program holds port ${port}. Stop it or choose another port.`,
        options,
      );
    case 'EACCES':
      return new CodedError(
        'listen.not_allowed',
        `The console may not listen on ${at}: this user has no right to port ${port}. Choose one above 1023.`,
        options,
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new CodedError(
        'listen.bad_address',
        `The console cannot listen on ${at}: this machine has no such address.`,
        options,
      );
    default:
      return new CodedError(
        'listen.failed',
        `The console cannot listen on ${at}: ${messageOf(error)}.`,
        options,
      );
  }
}

function closing(server: Server, screens: Screens): Promise<void> {
  screens.close();
  return new Promise((resolve) => {
    // Fails only when it is closed already, and then there is nothing to wait for.
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function addressText({ address, port, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
