import type { CodedError } from '../../base/errors.ts';
import { canonicalAddress } from '../address.ts';
import type { Carrier, CarrierSource, CoapTransport } from '../carrier.ts';
import { Deadline } from '../deadline.ts';
import { cancelled, coapError } from '../errors.ts';
import { systemResolver } from '../resolve.ts';
import type { HostResolver } from '../resolve.ts';
import type { CoapScheme, CoapUri } from '../uri.ts';
import { ReliableConnection } from './connection.ts';
import { CONNECTOR_IDLE_CLOSE_MS, contextOf } from './context.ts';
import type { ReliableContext, ReliableOptions } from './context.ts';
import { addressesOf, dialTcp, orAborted, upgrade } from './dial.ts';
import type { MessagePipe } from './pipe.ts';
import { SocketPipe, plugSocket } from './socket-pipe.ts';
import { isTlsAlert, secure, tlsProblem } from './tls-client.ts';
import type { TlsFor } from './tls-client.ts';
import { WebSocketPipe, plugWebSocket } from './websocket-pipe.ts';

const TRANSPORTS: Readonly<Partial<Record<CoapScheme, CoapTransport>>> = {
  'coap+tcp': 'tcp',
  'coaps+tcp': 'tls',
  'coap+ws': 'ws',
  'coaps+ws': 'wss',
};

export interface ConnectorOptions extends ReliableOptions {
  resolver?: HostResolver;
  /** Asked for each connection that is opened. Public authorities and no client certificate unless given. */
  tlsFor?: TlsFor;
}

/** For servers to close when the connector stops. */
const CLOSING_PATIENCE_MS = 1_000;

interface Opening {
  done: Promise<ReliableConnection>;
  /** Who waits for it. When nobody does any more, it is given up. */
  waiting: number;
  giveUp: AbortController;
}

/**
 * The way to servers over TCP, TLS and WebSockets: one connection for each scheme, host and port, opened when it is
 * first needed, shared by all requests, and closed when it is idle.
 */
export class ReliableConnector implements CarrierSource {
  readonly #context: ReliableContext;
  readonly #resolver: HostResolver;
  readonly #tlsFor: TlsFor;
  /** By authority, the one used longest ago first. */
  readonly #open = new Map<string, ReliableConnection>();
  readonly #openings = new Map<string, Opening>();
  /** Also those that are about to end. */
  readonly #all = new Set<ReliableConnection>();
  /** Servers that do not want to be called before a time (Hold-Off, RFC 8323 §5.5). */
  readonly #heldOff = new Map<string, number>();
  #stopped = false;
  #onIdle: () => void = () => undefined;

  constructor(options: ConnectorOptions) {
    this.#context = contextOf(options, { idleCloseMs: CONNECTOR_IDLE_CLOSE_MS });
    this.#resolver = options.resolver ?? systemResolver;
    this.#tlsFor = options.tlsFor ?? (() => ({}));
  }

  /** Open, and not about to end. */
  get connections(): number {
    return this.#open.size;
  }

  static serves(scheme: CoapScheme): boolean {
    return TRANSPORTS[scheme] !== undefined;
  }

  /** See `CarrierSource`. `coap.busy` also when the server's Hold-Off is not over. */
  async reach(uri: CoapUri, signal?: AbortSignal): Promise<Carrier> {
    if (signal?.aborted === true) throw cancelled();
    if (this.#stopped) throw coapError('coap.not_running', 'CoAP over TCP does not run.');
    const { authority } = uri;
    const there = this.#open.get(authority);
    if (there !== undefined && !there.closed) {
      this.#open.delete(authority);
      this.#open.set(authority, there);
      return there;
    }
    if (there !== undefined) this.#holdOff(authority, there);
    let opening = this.#openings.get(authority);
    if (opening === undefined) {
      this.#mayCall(authority);
      this.#makeRoom();
      opening = this.#begin(uri);
    }
    return this.#await(opening, signal);
  }

  /** Releases what is open, gives up what is being opened. May be called again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { giveUp } of this.#openings.values()) giveUp.abort(cancelled());
    for (const connection of [...this.#all]) connection.release('the station stops');
    this.#open.clear();
    this.#heldOff.clear();
    await Promise.allSettled([...this.#openings.values()].map(({ done }) => done));
    const patience = this.#context.clock.after(CLOSING_PATIENCE_MS, () => {
      for (const connection of [...this.#all]) connection.destroy('the station stops');
    });
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#all.size === 0) resolve();
    });
    patience.cancel();
  }

  #mayCall(authority: string): void {
    const untilMs = this.#heldOff.get(authority);
    if (untilMs === undefined) return;
    const leftMs = untilMs - this.#context.clock.monotonic();
    if (leftMs > 0) {
      const seconds = Math.ceil(leftMs / 1_000);
      throw coapError('coap.busy', `${authority} has asked not to be called again for ${seconds} s.`, {
        retryAfterMs: leftMs,
      });
    }
    this.#heldOff.delete(authority);
  }

  #makeRoom(): void {
    const { limits, counters } = this.#context;
    if (this.#open.size + this.#openings.size < limits.connections) return;
    for (const connection of this.#open.values()) {
      if (connection.busy) continue;
      connection.release('room is needed');
      return;
    }
    counters.droppedByLimit++;
    throw coapError('coap.busy', `The station has ${limits.connections} CoAP connections open already.`);
  }

  #begin(uri: CoapUri): Opening {
    const giveUp = new AbortController();
    const { wheel, limits } = this.#context;
    const late = new Deadline(wheel, () =>
      giveUp.abort(
        coapError(
          'coap.unreachable',
          `${uri.authority} did not answer within ${limits.connectTimeoutMs} ms.`,
        ),
      ),
    );
    late.set(limits.connectTimeoutMs);
    const done = this.#connect(uri, giveUp.signal).finally(() => {
      late.clear();
      this.#openings.delete(uri.authority);
    });
    done.catch(() => undefined); // whoever waits hears of it
    const opening = { done, waiting: 0, giveUp };
    this.#openings.set(uri.authority, opening);
    return opening;
  }

  async #await(opening: Opening, signal: AbortSignal | undefined): Promise<ReliableConnection> {
    opening.waiting++;
    const left = new AbortController();
    const onAbort = (): void => left.abort(cancelled());
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await orAborted(opening.done, left.signal);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      if (--opening.waiting === 0) opening.giveUp.abort(cancelled());
    }
  }

  async #connect(uri: CoapUri, signal: AbortSignal): Promise<ReliableConnection> {
    const transport = TRANSPORTS[uri.scheme];
    if (transport === undefined) throw coapError('coap.scheme', `${uri.scheme} does not run over TCP.`);
    const { clock, limits } = this.#context;
    const addresses = await orAborted(addressesOf(uri, this.#resolver), signal);
    const raw = await dialTcp(addresses, limits.connectStaggerMs, clock, signal);
    raw.on('error', () => undefined); // told by whoever speaks on it
    const isWebSocket = transport === 'ws' || transport === 'wss';
    if (transport === 'tcp' || transport === 'ws') {
      return this.#speak(uri, transport, raw, null, signal);
    }
    const tls = this.#tlsFor(uri);
    const stream = await secure(raw, uri, tls, isWebSocket ? 'http/1.1' : 'coap', signal);
    const proven = stream.authorized || tls.psk !== undefined ? uri.host : null;
    return this.#speak(uri, transport, stream, proven, signal);
  }

  /** CoAP on `stream`, until the server's CSM is there. */
  #speak(
    uri: CoapUri,
    transport: CoapTransport,
    stream: Parameters<typeof plugSocket>[1],
    identity: string | null,
    signal: AbortSignal,
  ): Promise<ReliableConnection> {
    return new Promise((resolve, reject) => {
      let alert: Error | undefined;
      const make = (pipe: MessagePipe): ReliableConnection => {
        const address = canonicalAddress(stream.remoteAddress ?? '', uri.port) ?? {
          address: '::',
          port: uri.port,
          family: 6,
        };
        const place = { role: 'initiator', transport, address, identity } as const;
        const connection = new ReliableConnection(this.#context, pipe, place, {
          ready: () => {
            signal.removeEventListener('abort', onAbort);
            this.#open.set(uri.authority, connection);
            resolve(connection);
          },
          closed: (error) => {
            signal.removeEventListener('abort', onAbort);
            if (this.#open.get(uri.authority) === connection) this.#open.delete(uri.authority);
            this.#holdOff(uri.authority, connection);
            reject(signal.aborted ? signal.reason : alert === undefined ? error : tlsProblem(alert, uri));
          },
          gone: () => {
            this.#all.delete(connection);
            if (this.#all.size === 0) this.#onIdle();
          },
        });
        const onAbort = (): void => connection.destroy('it is no longer wanted');
        signal.addEventListener('abort', onAbort, { once: true });
        this.#all.add(connection);
        return connection;
      };
      if (transport === 'tcp' || transport === 'tls') {
        stream.on('error', (error) => {
          if (isTlsAlert(error)) alert = error;
        });
        plugSocket(make(new SocketPipe(stream)), stream);
        return;
      }
      upgrade(stream, uri, this.#context.limits.maxMessageBytes, signal, (webSocket) => {
        const pipe = new WebSocketPipe(webSocket, stream);
        plugWebSocket(this.#context, make(pipe), pipe, webSocket, stream);
      }).catch((error: CodedError) => reject(error));
    });
  }

  /** Its Release may have said so, before it has ended. */
  #holdOff(authority: string, connection: ReliableConnection): void {
    if (connection.holdOffMs === 0 || this.#stopped || this.#heldOff.has(authority)) return;
    if (this.#heldOff.size >= this.#context.limits.connections) {
      this.#heldOff.delete(this.#heldOff.keys().next().value!);
    }
    this.#heldOff.set(authority, this.#context.clock.monotonic() + connection.holdOffMs);
  }
}
