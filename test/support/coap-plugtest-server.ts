/** Our server with the resources that the plugtests of ETSI ask for, over UDP, TCP and TLS on loopback. */
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import type { CoapEndpointOptions } from '../../core/coap/endpoint.ts';
import { secureRandom } from '../../core/coap/random.ts';
import type { ReliableListener } from '../../core/coap/reliable/listener.ts';
import { CoapServer } from '../../core/coap/server/coap-server.ts';
import type { ServerLimits } from '../../core/coap/server/limits.ts';
import type { IncomingRequest } from '../../core/coap/server/types.ts';
import { SCHEME_OF } from './coap-plugtest-libcoap.ts';
import type { Way } from './coap-plugtest-libcoap.ts';
import { PlugtestResources } from './coap-plugtest-resources.ts';
import type { PlugtestCertificates } from './coap-plugtest-tls.ts';
import { WireLog } from './coap-plugtest-wire.ts';

/** The empty ACK goes out after this; `/separate` takes longer. */
const PIGGYBACK_MS = 50;

export interface PlugtestServerOptions {
  /** TCP and TLS listeners are opened too, TLS only with certificates. */
  reliable?: boolean;
  certificates?: PlugtestCertificates;
  parameters?: CoapEndpointOptions['parameters'];
  limits?: Partial<ServerLimits>;
  /** Looks at requests, and may change them, before they are served. */
  see?: (request: IncomingRequest) => IncomingRequest;
}

export class PlugtestServer {
  readonly resources: PlugtestResources;
  readonly server: CoapServer;
  readonly endpoint: CoapEndpoint;
  readonly wire: WireLog;
  readonly #ports: Partial<Record<'udp' | 'tcp' | 'tls', number>> = {};

  private constructor({ parameters, limits, see }: PlugtestServerOptions) {
    this.endpoint = new CoapEndpoint({
      clock: systemClock,
      log: silentLog,
      tickMs: 10,
      parameters: { piggybackMs: PIGGYBACK_MS, ...parameters },
      serve: (request) => this.server.sink(see === undefined ? request : see(request)),
    });
    this.server = new CoapServer({
      clock: systemClock,
      wheel: this.endpoint.wheel,
      log: silentLog,
      random: secureRandom(),
      ...(limits === undefined ? {} : { limits }),
    });
    this.resources = new PlugtestResources(this.server);
    this.wire = new WireLog(this.endpoint);
  }

  static async start(options: PlugtestServerOptions = {}): Promise<PlugtestServer> {
    const made = new PlugtestServer(options);
    const host = '127.0.0.1';
    const { certificates } = options;
    made.#ports.udp = (await made.endpoint.start({ host, port: 0 })).port;
    const listen = async (listener: Promise<ReliableListener>): Promise<number> =>
      (await listener).address.port;
    if (options.reliable === true) {
      made.#ports.tcp = await listen(made.endpoint.listenReliable({ transport: 'tcp', host, port: 0 }));
    }
    if (certificates !== undefined) {
      const tls = { cert: certificates.serverCert, key: certificates.serverKey };
      made.#ports.tls = await listen(made.endpoint.listenReliable({ transport: 'tls', host, port: 0, tls }));
    }
    return made;
  }

  port(way: Way): number {
    const port = this.#ports[way === 'udp' || way === 'tcp' ? way : 'tls'];
    if (port === undefined) throw new Error(`the plugtest server has no listener for ${way}`);
    return port;
  }

  /** `coap+tcp://127.0.0.1:4711`, no slash at the end. */
  base(way: Way): string {
    return `${SCHEME_OF[way]}://127.0.0.1:${this.port(way)}`;
  }

  async stop(): Promise<void> {
    this.wire.close();
    this.resources.stop();
    this.server.stop();
    await this.endpoint.stop();
  }
}
