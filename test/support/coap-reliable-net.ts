/** Listeners and connectors on loopback, and the least of an asking side to try them with. */
import { issue, makeAuthority } from '../../core/access/certificates/make.ts';
import type { MadePair } from '../../core/access/certificates/make.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import type { Log } from '../../core/base/log.ts';
import { TimerWheel } from '../../core/base/timer-wheel.ts';
import type { Carrier } from '../../core/coap/carrier.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { textOption, URI_PATH } from '../../core/coap/codec/options.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import { newCounters } from '../../core/coap/parameters.ts';
import type { CoapCounters } from '../../core/coap/parameters.ts';
import type { ReliableTransport } from '../../core/coap/reliable/acceptor.ts';
import { ReliableConnector } from '../../core/coap/reliable/connector.ts';
import type { ConnectorOptions } from '../../core/coap/reliable/connector.ts';
import { openReliableListener } from '../../core/coap/reliable/listener.ts';
import type { ReliableListener, ReliableListenOptions } from '../../core/coap/reliable/listener.ts';
import type { IncomingRequest } from '../../core/coap/server/types.ts';
import { parseCoapUri } from '../../core/coap/uri.ts';
import type { CoapUri } from '../../core/coap/uri.ts';

export const SCHEMES = { tcp: 'coap+tcp', tls: 'coaps+tcp', ws: 'coap+ws', wss: 'coaps+ws' } as const;

export interface Plant {
  authority: MadePair;
  server: MadePair;
  device: MadePair;
}

/** An authority, a server certificate for loopback and a device certificate. */
export async function plant(): Promise<Plant> {
  const nowMs = Date.now();
  const authority = await makeAuthority('Test plant', nowMs);
  const hosts = ['127.0.0.1', '::1', 'localhost'];
  const server = await issue(authority, { kind: 'server', commonName: 'station', hosts, days: 2 }, nowMs);
  const device = await issue(authority, { kind: 'device', commonName: 'pump-1', hosts: [], days: 2 }, nowMs);
  return { authority, server, device };
}

/** Everything that a test opened, closed in reverse. */
export class ReliableNet {
  readonly wheel = new TimerWheel(systemClock, { tickMs: 10 });
  readonly listenerCounters: CoapCounters = newCounters();
  readonly connectorCounters: CoapCounters = newCounters();
  readonly requests: IncomingRequest[] = [];
  readonly lines: string[] = [];
  /** What requests are answered with: their payload. */
  serve: (request: IncomingRequest) => void = (request) =>
    request.answer({ code: 0x45, options: [], payload: request.payload });
  readonly #close: (() => Promise<void>)[] = [];

  #common() {
    const write = (message: string, fields?: Record<string, unknown>): void =>
      void this.lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
    const log: Log = { ...silentLog, warn: write, error: write };
    return { clock: systemClock, wheel: this.wheel, log };
  }

  async listen(
    transport: ReliableTransport,
    options: Partial<ReliableListenOptions> = {},
  ): Promise<ReliableListener> {
    const listener = await openReliableListener({
      ...this.#common(),
      transport,
      host: '127.0.0.1',
      port: 0,
      counters: this.listenerCounters,
      sink: (request) => {
        this.requests.push(request);
        this.serve(request);
      },
      ...options,
    });
    this.#close.push(() => listener.close());
    return listener;
  }

  connector(options: Partial<ConnectorOptions> = {}): ReliableConnector {
    const connector = new ReliableConnector({
      ...this.#common(),
      counters: this.connectorCounters,
      sink: (request) => request.answer({ code: 0x84, options: [], payload: new Uint8Array(0) }),
      ...options,
    });
    this.#close.push(() => connector.stop());
    return connector;
  }

  async close(): Promise<void> {
    for (const close of this.#close.reverse()) await close();
    this.wheel.stop();
  }
}

export function uriOf(transport: ReliableTransport, port: number, rest = '/', host = '127.0.0.1'): CoapUri {
  return parseCoapUri(`${SCHEMES[transport]}://${host}:${port}${rest}`);
}

export function pathOptions(path: string): CoapOption[] {
  return path.split('/').map((segment) => textOption(URI_PATH, segment));
}

/** One request and its response. */
export function ask(
  carrier: Carrier,
  payload: Uint8Array = new Uint8Array(0),
  request: { code?: number; options?: CoapOption[] } = {},
): Promise<CoapMessage> {
  return new Promise((resolve, reject) => {
    const token = carrier.freshToken();
    const owner = {
      onResponse: (message: CoapMessage) => {
        carrier.disown(token, owner);
        sending.release();
        resolve(message);
      },
      onBrokenResponse: reject,
    };
    carrier.own(token, owner);
    const { code = 1, options = [] } = request;
    const sending = carrier.send(
      { confirmable: true, code, token, options, payload },
      { acknowledged: () => undefined, failed: reject },
    );
  });
}

/** Until `condition` holds; fails after five seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
