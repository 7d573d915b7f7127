import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import type { PeerAddress } from './address.ts';
import type { Carrier, CarrierSource, CoapTransport, WireTap } from './carrier.ts';
import { Carriers } from './client/carriers.ts';
import { CoapClient } from './client/client.ts';
import type { BlockResponse, RequestOptions } from './client/client.ts';
import type { ExchangeContext } from './client/exchange.ts';
import { Observation } from './client/observation.ts';
import type { ObserveHandlers } from './client/observation.ts';
import { DEFAULT_OBSERVE_POLICY } from './client/observe-policy.ts';
import type { ObservePolicy } from './client/observe-policy.ts';
import type { CoapResponse } from './client/response.ts';
import { Traces } from './client/trace.ts';
import { coapError } from './errors.ts';
import type { Link } from './links/link-format.ts';
import type { GroupAnswer, GroupRequest } from './messages/group-request.ts';
import { MessageLayer } from './messages/message-layer.ts';
import { tokenKey } from './messages/peer.ts';
import { DEFAULT_LIMITS, DEFAULT_PARAMETERS, newCounters } from './parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from './parameters.ts';
import { secureRandom } from './random.ts';
import { ReliableConnector } from './reliable/connector.ts';
import type { ReliableLimits } from './reliable/context.ts';
import { openReliableListener } from './reliable/listener.ts';
import type { ReliableListenOptions, ReliableListener } from './reliable/listener.ts';
import type { TlsFor } from './reliable/tls-client.ts';
import type { CoapRandom } from './random.ts';
import { Hosts, systemResolver } from './resolve.ts';
import type { HostResolver } from './resolve.ts';
import { CoapServer } from './server/coap-server.ts';
import type { RequestSink } from './server/types.ts';
import type { Datagrams } from './transports/datagrams.ts';
import { UdpDatagrams } from './transports/udp.ts';

export interface CoapEndpointOptions {
  clock: Clock;
  log: Log;
  random?: CoapRandom;
  /** UDP unless given. */
  datagrams?: Datagrams;
  resolver?: HostResolver;
  parameters?: Partial<TransmissionParameters>;
  limits?: Partial<CoapLimits>;
  observe?: Partial<ObservePolicy>;
  /** Precision of every wait, 100 ms unless given. */
  tickMs?: number;
  /** What others ask, over every transport. Without it everything is answered with 4.04 and an empty list of links. */
  serve?: RequestSink;
  /** Interfaces (`eth0`) on which the groups of CoAP are heard (RFC 7252 §8); none unless given. */
  groups?: readonly string[];
  /** How TLS servers are to be known. Public authorities and no client certificate unless given. */
  tlsFor?: TlsFor;
  /** Of connections, opened and accepted, where they differ from `DEFAULT_RELIABLE_LIMITS`. */
  reliableLimits?: Partial<ReliableLimits>;
  /** Where connections (TCP, TLS, WebSockets) come from instead of the endpoint's own connector. */
  connector?: CarrierSource;
}

/** What a listener needs besides what it shares with its endpoint. */
export type ListenOptions = Pick<ReliableListenOptions, 'transport' | 'host' | 'port' | 'tls'> & {
  limits?: Partial<ReliableLimits>;
};

const TICK_MS = 100;

/**
 * One CoAP endpoint: a UDP port and connections that ask, observe and answer (RFC 7252, 7641, 7959, 6690, 8323).
 * Everything that goes wrong is a CodedError of `CoapErrorCode`; nothing that a peer sends makes it throw.
 */
export class CoapEndpoint {
  /** What was done and what was refused over all transports, since the endpoint was made. Read only. */
  readonly counters: Readonly<CoapCounters>;
  /** For whatever waits on behalf of this endpoint, its server for one. Stops with the endpoint. */
  readonly wheel: TimerWheel;
  readonly #options: CoapEndpointOptions;
  readonly #datagrams: Datagrams;
  readonly #layer: MessageLayer;
  readonly #carriers: Carriers;
  readonly #client: CoapClient;
  readonly #exchangeContext: ExchangeContext;
  readonly #limits: CoapLimits;
  readonly #counters = newCounters();
  readonly #random: CoapRandom;
  readonly #traces: Traces;
  readonly #taps = new Set<WireTap>();
  #tap: WireTap | undefined;
  /** The ear of the traces, one of `#taps`. */
  #traceTap: WireTap | undefined;
  readonly #observations = new Set<Observation>();
  readonly #observedTokens = new Map<string, Observation>();
  readonly #serve: RequestSink;
  #connector: ReliableConnector | undefined;
  readonly #listeners = new Set<ReliableListener>();
  #running = false;
  #listening: { host: string; port: number } | null = null;

  constructor(options: CoapEndpointOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.counters = this.#counters;
    this.#datagrams =
      options.datagrams ?? new UdpDatagrams(log, { groups: { interfaces: options.groups ?? 'none' } });
    this.#random = options.random ?? secureRandom();
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.wheel = new TimerWheel(clock, { tickMs: options.tickMs ?? TICK_MS });
    const parameters = { ...DEFAULT_PARAMETERS, ...options.parameters };
    this.#serve =
      options.serve ?? new CoapServer({ clock, log, wheel: this.wheel, random: this.#random }).sink;
    this.#layer = new MessageLayer({
      clock,
      log,
      parameters,
      wheel: this.wheel,
      random: this.#random,
      limits: this.#limits,
      counters: this.#counters,
      datagrams: this.#datagrams,
      serve: this.#serve,
      stray: (token, from) => this.#observedTokens.get(tokenKey(token))?.onStray(from),
    });
    this.#traces = new Traces(log, (tap) => {
      if (this.#traceTap !== undefined) this.#taps.delete(this.#traceTap);
      this.#traceTap = tap;
      if (tap !== undefined) this.#taps.add(tap);
      this.#retap();
    });
    this.#carriers = new Carriers({
      hosts: new Hosts(options.resolver ?? systemResolver, clock),
      udp: (address) => this.#layer.carrier(address),
      reliable: () => options.connector ?? this.#connector,
    });
    this.#exchangeContext = { clock, parameters, wheel: this.wheel, counters: this.#counters };
    this.#client = new CoapClient({
      ...this.#exchangeContext,
      carriers: this.#carriers,
      traces: this.#traces,
      maxBodyBytes: this.#limits.bodyBytes,
      randomBytes: (count) => this.#random.bytes(count),
    });
  }

  /** What it keeps for peers over UDP now, each bounded by `CoapLimits`; `peers` twice, as those that only ask count apart. */
  get holdings(): Record<'peers' | 'rememberedIds' | 'serving', number> {
    const { peerCount, rememberedIds, serving } = this.#layer;
    return { peers: peerCount, rememberedIds, serving };
  }

  /** Where it listens over UDP, null while it does not. `::` hears IPv4 too. */
  get listening(): Readonly<{ host: string; port: number }> | null {
    return this.#listening;
  }

  /** Opens the port; 0 takes a free one. Resolves to where it listens. Fails with `listen.*`. */
  async start(at: { host: string; port: number }): Promise<{ host: string; port: number }> {
    if (this.#running) throw coapError('listen.failed', 'The CoAP endpoint is already running.');
    this.#running = true;
    this.#layer.start();
    const { resolver, tlsFor } = this.#options;
    this.#connector = new ReliableConnector({
      ...this.#reliableOptions(),
      ...(resolver === undefined ? {} : { resolver }),
      ...(tlsFor === undefined ? {} : { tlsFor }),
    });
    try {
      this.#listening = await this.#datagrams.start(at, (bytes, from, arrival) => {
        if (this.#running) this.#layer.receive(bytes, from, arrival);
      });
      return this.#listening;
    } catch (error) {
      this.#running = false;
      this.#layer.stop();
      await this.#connector.stop();
      throw error;
    }
  }

  /**
   * Ends all observations (their servers are told), fails what is under way with `coap.cancelled` or `coap.closed`,
   * and closes port, connections and listeners. May be called again.
   */
  async stop(): Promise<void> {
    for (const observation of this.#observations) observation.stop();
    const wasRunning = this.#running;
    this.#running = false;
    this.#listening = null;
    this.#layer.stop();
    // At once: a port that is just being opened must not open after this.
    const closed = wasRunning ? this.#datagrams.stop() : undefined;
    await Promise.all([...this.#listeners].map((listener) => listener.close()));
    if (!wasRunning) return;
    await this.#connector?.stop();
    this.wheel.stop();
    await closed;
  }

  /**
   * Opens a listener over TCP, TLS or WebSockets (RFC 8323), which is asked like the UDP port. It closes by itself when
   * the endpoint stops, and does not need it to run. Fails with `listen.*`.
   */
  async listenReliable({ limits, ...options }: ListenOptions): Promise<ReliableListener> {
    const shared = this.#reliableOptions();
    const listener = await openReliableListener({
      ...shared,
      ...options,
      limits: { ...shared.limits, ...limits },
    });
    this.#listeners.add(listener);
    return {
      transport: listener.transport,
      get address() {
        return listener.address;
      },
      get connections() {
        return listener.connections;
      },
      setTls: (tls) => listener.setTls(tls),
      close: () => {
        this.#listeners.delete(listener);
        return listener.close();
      },
    };
  }

  #reliableOptions() {
    const { clock, log, reliableLimits } = this.#options;
    return {
      clock,
      log,
      wheel: this.wheel,
      counters: this.#counters,
      sink: this.#serve,
      random: this.#random,
      limits: { ...reliableLimits },
      tap: () => this.#tap,
    };
  }

  /** See `CoapClient.request`. Also fails with `coap.not_running`. */
  request(uri: string, options?: RequestOptions): Promise<CoapResponse> {
    const problem = this.#notRunning();
    return problem === undefined ? this.#client.request(uri, options) : Promise.reject(problem);
  }

  /** See `CoapClient.requestBlock`. Also fails with `coap.not_running`. */
  async requestBlock(
    uri: string,
    options: RequestOptions & { number: number; blockBytes: number },
  ): Promise<BlockResponse> {
    this.#mustRun();
    return this.#client.requestBlock(uri, options);
  }

  /** See `CoapClient.ping`. */
  async ping(
    uri: string,
    options: { signal?: AbortSignal } = {},
  ): Promise<{ rttMs: number; peer: PeerAddress; transport: CoapTransport }> {
    this.#mustRun();
    return this.#client.ping(uri, options.signal);
  }

  /** See `CoapClient.discover`. */
  async discover(
    uri: string,
    options: Pick<RequestOptions, 'signal' | 'onWire' | 'onProgress' | 'resolver'> = {},
  ): Promise<Link[]> {
    this.#mustRun();
    return this.#client.discover(uri, options);
  }

  /** See `MessageLayer.askGroup`. Resolves when nobody is listened for any more, also when `signal` ended it. */
  async askGroup(
    request: GroupRequest,
    onAnswer: (answer: GroupAnswer) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#mustRun();
    await this.#layer.askGroup(request, onAnswer, signal);
  }

  /**
   * Observes until it is cancelled or the server refuses it. Throws `coap.bad_uri`, `coap.scheme`, `coap.busy` or
   * `coap.not_running`; everything later is told by the observation. Handlers are never called before it returns.
   * `onWire` hears every message of it, until it has ended and its cancellation is answered.
   */
  observe(
    uriText: string,
    options: { accept?: number; resolver?: HostResolver; onWire?: WireTap },
    handlers: ObserveHandlers,
  ): Observation {
    this.#mustRun();
    const target = this.#carriers.target(uriText);
    if (this.#observations.size >= this.#limits.observations) {
      this.#counters.droppedByLimit++;
      throw coapError('coap.busy', `The station observes ${this.#observations.size} resources already.`);
    }
    const observation = new Observation(
      {
        ...this.#exchangeContext,
        log: this.#options.log,
        client: this.#client,
        carriers: this.#carriers,
        policy: { ...DEFAULT_OBSERVE_POLICY, ...this.#options.observe },
        tokens: this.#observedTokens,
        fraction: () => this.#random.fraction(),
        ended: (one) => {
          if (this.#observations.delete(one)) this.#counters.observations--;
        },
      },
      { target, accept: options.accept, resolver: options.resolver },
      handlers,
      options.onWire === undefined ? undefined : this.#traces.open(options.onWire),
    );
    this.#observations.add(observation);
    this.#counters.observations++;
    observation.start();
    return observation;
  }

  /** `onWire` hears the messages of an observation from now on; undefined: nobody does. */
  traceObservation(observation: Observation, onWire: WireTap | undefined): void {
    observation.traceTo(onWire === undefined ? undefined : this.#traces.open(onWire));
  }

  /** The way to a server, as requests take it. Fails like `CarrierSource.reach`. */
  async carrierFor(uri: string, signal?: AbortSignal): Promise<Carrier> {
    this.#mustRun();
    return this.#carriers.reach(this.#carriers.target(uri).uri, signal);
  }

  /** Hears every message in and out over every transport. Call what it returns to hear no more. */
  tap(listener: WireTap): () => void {
    const own: WireTap = (event) => {
      try {
        listener(event);
      } catch (error) {
        this.#options.log.error('a listener to the messages of CoAP failed', { error });
      }
    };
    this.#taps.add(own);
    this.#retap();
    return () => {
      if (this.#taps.delete(own)) this.#retap();
    };
  }

  #retap(): void {
    const taps = [...this.#taps];
    if (taps.length <= 1) this.#tap = taps[0];
    else {
      this.#tap = (event) => {
        for (const tap of taps) tap(event);
      };
    }
    this.#layer.tap = this.#tap;
  }

  #notRunning(): Error | undefined {
    if (this.#running) return undefined;
    return coapError('coap.not_running', 'CoAP does not run: its listener could not start, or was stopped.');
  }

  #mustRun(): void {
    const problem = this.#notRunning();
    if (problem !== undefined) throw problem;
  }
}
