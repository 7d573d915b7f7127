import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import { CoapClient } from './client/client.ts';
import type { RequestOptions } from './client/client.ts';
import type { Datagrams } from './transports/datagrams.ts';
import { coapError } from './errors.ts';
import type { ExchangeContext } from './client/exchange.ts';
import type { Link } from './links/link-format.ts';
import { MessageLayer } from './messages/message-layer.ts';
import { Observation } from './client/observation.ts';
import type { ObserveHandlers } from './client/observation.ts';
import { DEFAULT_OBSERVE_POLICY } from './client/observe-policy.ts';
import type { ObservePolicy } from './client/observe-policy.ts';
import { DEFAULT_LIMITS, DEFAULT_PARAMETERS, newCounters } from './parameters.ts';
import type { CoapCounters, CoapLimits, TransmissionParameters } from './parameters.ts';
import { secureRandom } from './random.ts';
import type { CoapRandom } from './random.ts';
import { checkHost, systemResolver } from './resolve.ts';
import type { HostResolver } from './resolve.ts';
import type { CoapResponse } from './client/response.ts';
import { answerWith, serveNothing } from './server/server.ts';
import { UdpDatagrams } from './transports/udp.ts';
import { parseCoapUri } from './uri.ts';

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
}

const TICK_MS = 100;

/**
 * One CoAP endpoint: a UDP port that asks, observes and answers (RFC 7252, 7641, 7959, 6690). Everything that goes
 * wrong is a CodedError of `CoapErrorCode`; nothing that a peer sends makes it throw.
 */
export class CoapEndpoint {
  /** What was done and what was refused, since the endpoint was made. Read only. */
  readonly counters: Readonly<CoapCounters>;
  readonly #options: CoapEndpointOptions;
  readonly #datagrams: Datagrams;
  readonly #wheel: TimerWheel;
  readonly #layer: MessageLayer;
  readonly #client: CoapClient;
  readonly #exchangeContext: ExchangeContext;
  readonly #limits: CoapLimits;
  readonly #counters = newCounters();
  readonly #random: CoapRandom;
  readonly #observations = new Set<Observation>();
  #running = false;

  constructor(options: CoapEndpointOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.counters = this.#counters;
    this.#datagrams = options.datagrams ?? new UdpDatagrams(log);
    this.#random = options.random ?? secureRandom();
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#wheel = new TimerWheel(clock, { tickMs: options.tickMs ?? TICK_MS });
    const parameters = { ...DEFAULT_PARAMETERS, ...options.parameters };
    this.#layer = new MessageLayer({
      clock,
      log,
      parameters,
      wheel: this.#wheel,
      random: this.#random,
      limits: this.#limits,
      counters: this.#counters,
      datagrams: this.#datagrams,
      serve: answerWith(serveNothing),
    });
    this.#exchangeContext = {
      clock,
      parameters,
      wheel: this.#wheel,
      layer: this.#layer,
      counters: this.#counters,
    };
    this.#client = new CoapClient({
      ...this.#exchangeContext,
      resolver: options.resolver ?? systemResolver,
      maxBodyBytes: this.#limits.bodyBytes,
      randomBytes: (count) => this.#random.bytes(count),
    });
  }

  /** Opens the port; 0 takes a free one. Resolves to where it listens. Fails with `listen.*`. */
  async start(at: { host: string; port: number }): Promise<{ host: string; port: number }> {
    if (this.#running) throw coapError('listen.failed', 'The CoAP endpoint is already running.');
    this.#running = true;
    this.#layer.start();
    try {
      return await this.#datagrams.start(at, (bytes, from, serves) => {
        if (this.#running) this.#layer.receive(bytes, from, serves);
      });
    } catch (error) {
      this.#running = false;
      this.#layer.stop();
      this.#wheel.stop();
      throw error;
    }
  }

  /**
   * Ends all observations (their servers are told), fails what is under way with `coap.cancelled`, and closes the
   * port. May be called again.
   */
  async stop(): Promise<void> {
    if (!this.#running) return;
    for (const observation of this.#observations) observation.stop();
    this.#running = false;
    this.#layer.stop();
    this.#wheel.stop();
    await this.#datagrams.stop();
  }

  /** See `CoapClient.request`. Also fails with `coap.not_running`. */
  async request(uri: string, options: RequestOptions = {}): Promise<CoapResponse> {
    this.#mustRun();
    return this.#client.request(uri, options);
  }

  /** See `CoapClient.ping`. */
  async ping(uri: string, options: { signal?: AbortSignal } = {}): Promise<{ rttMs: number }> {
    this.#mustRun();
    return this.#client.ping(uri, options.signal);
  }

  /** See `CoapClient.discover`. */
  async discover(uri: string, options: { signal?: AbortSignal } = {}): Promise<Link[]> {
    this.#mustRun();
    return this.#client.discover(uri, options);
  }

  /**
   * Observes until it is cancelled or the server refuses it. Throws `coap.bad_uri`, `coap.busy` or
   * `coap.not_running`; everything later is told by the observation. Handlers are never called before it returns.
   */
  observe(uriText: string, options: { accept?: number }, handlers: ObserveHandlers): Observation {
    this.#mustRun();
    const uri = parseCoapUri(uriText);
    checkHost(uri);
    if (this.#observations.size >= this.#limits.observations) {
      this.#counters.droppedByLimit++;
      throw coapError('coap.busy', `The station observes ${this.#observations.size} resources already.`);
    }
    const observation = new Observation(
      {
        ...this.#exchangeContext,
        log: this.#options.log,
        client: this.#client,
        resolver: this.#options.resolver ?? systemResolver,
        policy: { ...DEFAULT_OBSERVE_POLICY, ...this.#options.observe },
        fraction: () => this.#random.fraction(),
        ended: (one) => {
          if (this.#observations.delete(one)) this.#counters.observations--;
        },
      },
      uri,
      options.accept,
      handlers,
    );
    this.#observations.add(observation);
    this.#counters.observations++;
    observation.start();
    return observation;
  }

  #mustRun(): void {
    if (!this.#running)
      throw coapError('coap.not_running', 'CoAP does not run: its listener could not start, or was stopped.');
  }
}
