/** Wires all parts of the station; the only file that knows them all. */
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { Access } from './access/access.ts';
import { systemClock } from './base/clock.ts';
import type { Clock } from './base/clock.ts';
import { CodedError } from './base/errors.ts';
import type { Unsubscribe } from './base/events.ts';
import type { Log } from './base/log.ts';
import type { Role } from './contract/roles.ts';
import type { StationInfo } from './contract/station.ts';
import { ReadingsHub } from './devices/readings-hub.ts';
import { DeviceRegistry } from './devices/registry.ts';
import { TopicTree } from './devices/topic-tree.ts';
import { createGateway } from './gateway/gateway.ts';
import type { Gateway, ListeningGateway } from './gateway/gateway.ts';
import { createRpcHost } from './rpc/host.ts';
import type { RpcHost } from './rpc/host.ts';
import type { HostTransport } from './rpc/types.ts';
import { createBrokerParts, startBroker, stopBroker } from './station/broker-parts.ts';
import type { BrokerParts } from './station/broker-parts.ts';
import { createCoapParts, startCoap, stopCoap } from './station/coap/parts.ts';
import type { CoapParts } from './station/coap/parts.ts';
import { collectStatus } from './station/collect.ts';
import { consoleFolder } from './station/console-folder.ts';
import { createHandlers } from './station/handlers.ts';
import { Intake } from './station/intake.ts';
import { allListeners, ListenerBoard } from './station/listeners.ts';
import { metricsOf } from './station/metrics-source.ts';
import type { StationOptions } from './station/options.ts';
import { StatusBoard } from './station/status.ts';
import { Record } from './store/record.ts';
import { Telemetry } from './telemetry/telemetry.ts';
import { VERSION } from './version.ts';

/** What `serve` prints when the station runs. A listener that failed is null. */
export interface ReadyLine {
  ready: true;
  mqtt: string | null;
  coap: string | null;
  http: string | null;
  token: string;
}

/** Everything that is there between `start` and `stop`. */
interface Running extends BrokerParts, CoapParts {
  record: Record;
  status: StatusBoard;
  rpc: RpcHost;
  gateway: Gateway;
  /** The gateway where it listens. */
  screensGate: ListeningGateway | null;
  listeners: ListenerBoard;
  listening: Unsubscribe[];
}

/**
 * One station on one data folder. `start` may fail (folder locked, unreadable record) and then leaves nothing behind;
 * a listener that fails does not: it is a status, and the station runs without it.
 */
export class Station {
  readonly #options: StationOptions;
  readonly #clock: Clock;
  readonly #logFor: (part: string) => Log;
  #startedMs = 0;
  #running: Running | null = null;
  #starting: Promise<ReadyLine> | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: StationOptions, context: { logFor: (part: string) => Log; clock?: Clock }) {
    this.#options = options;
    this.#clock = context.clock ?? systemClock;
    this.#logFor = context.logFor;
  }

  /** @throws CodedError `store.locked`, `store.*`, `access.*`, `station.no_listener` */
  start(): Promise<ReadyLine> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<ReadyLine> {
    const clock = this.#clock;
    this.#startedMs = clock.now();
    const record = await Record.open(this.#options.dataFolder, {
      clock,
      log: this.#logFor('record'),
      brokerState: () => this.#running!.broker.state(),
    });
    try {
      const access = Access.open(this.#options.dataFolder, this.#logFor('access'));
      const running = this.#wire(record, access);
      this.#running = running;
      await this.#listen(running);
      return this.#readyLine(running, access);
    } catch (error) {
      await (this.#running === null ? record.close() : this.#shutDown(this.#running));
      throw error;
    }
  }

  /**
   * Closes listeners, writes what is waiting, closes the record. Idempotent. A station that is still starting is
   * stopped once it has started, so that nothing it has opened stays open.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** A screen of the desktop, which has proven itself by holding the port. */
  acceptScreen(transport: HostTransport, role: Role): void {
    if (this.#running === null) transport.close('the station is not running');
    else this.#running.rpc.accept(transport, { role, name: 'desktop' });
  }

  #wire(record: Record, access: Access): Running {
    const clock = this.#clock;
    const logFor = this.#logFor;
    const { catalog } = record;
    const registry = new DeviceRegistry({ sink: record, clock });
    registry.load(catalog);
    const telemetry = new Telemetry({ catalog: registry });
    const topics = new TopicTree({
      sink: record,
      seriesOf: (topic, payload) => telemetry.seriesOfMqtt(topic, payload),
    });
    topics.load(catalog.topics);
    const hub = new ReadingsHub({ values: registry });
    const intake = new Intake({ telemetry, registry, hub, topics, record });
    const brokerParts = createBrokerParts({ options: this.#options, record, intake, clock, logFor });
    const { mqttListeners } = brokerParts;
    const listeners = new ListenerBoard(logFor('station'));
    const coapParts = createCoapParts({
      ...{ options: this.#options, record, registry, topics, intake, broker: brokerParts, clock, logFor },
      httpOrigin: () => consoleUrl(listeners),
    });

    const status = new StatusBoard({
      clock,
      counters: () => ({ messages: intake.messages, readings: intake.readings }),
      collect: () =>
        collectStatus({
          ...running,
          listeners: statuses(),
          intake,
          registry,
          topics,
          telemetry,
          gatewayCounters,
        }),
    });
    const statuses = () => allListeners(running);
    const gatewayCounters = () => running.screensGate?.counters ?? null;
    const info = () => this.#info(running);
    const rpc = createRpcHost(
      createHandlers({ clock, info, status, registry, topics, hub, record, ...brokerParts, ...coapParts }),
      { clock, log: logFor('rpc') },
    );
    const gateway = createGateway({
      rpcHost: rpc,
      access,
      log: logFor('http'),
      clock,
      consoleFolder: consoleFolder(),
      allowedNames: [hostname()],
      metrics: () => metricsOf(running, this.#startedMs),
      proxy: coapParts.proxy,
    });
    const listening = [
      record.statusChanged.on(() => status.touch()),
      listeners.changed.on(() => status.touch()),
      mqttListeners.changed.on(() => status.touch()),
      ...brokerParts.wires,
    ];
    const running: Running = {
      ...brokerParts,
      ...coapParts,
      record,
      status,
      rpc,
      gateway,
      screensGate: null,
      listeners,
      listening,
    };
    return running;
  }

  #info(running: Running): StationInfo {
    return {
      name: hostname(),
      version: VERSION,
      startedMs: this.#startedMs,
      nowMs: this.#clock.now(),
      listeners: allListeners(running),
      dataFolder: resolve(this.#options.dataFolder),
      runtime: {
        node: process.versions.node,
        electron: process.versions['electron'] ?? null,
        platform: `${process.platform} ${process.arch}`,
      },
    };
  }

  async #listen(running: Running): Promise<void> {
    const { record, endpoint, status, gateway, listeners } = running;
    const { coap, http } = this.#options;
    await Promise.all([
      startBroker(running),
      listeners.open('coap', coap, async () => ({
        address: await endpoint.start(coap),
        close: () => endpoint.stop(),
      })),
      listeners.open('http', http, async () => {
        const gate = (running.screensGate = await gateway.listen(http));
        return { address: { host: http.host, port: gate.port }, close: () => gate.close() };
      }),
    ]);
    if (allListeners(running).every(({ state }) => state === 'failed')) {
      throw new CodedError(
        'station.no_listener',
        'None of the listeners could start, so there is nothing to serve.',
      );
    }
    await startCoap(running);
    record.updateRunning({ http: consoleUrl(listeners) });
    status.start();
  }

  #readyLine({ listeners, mqttListeners }: Running, access: Access): ReadyLine {
    return {
      ready: true,
      mqtt: mqttListeners.fixed()?.address ?? null,
      coap: listeners.status('coap')?.address ?? null,
      http: consoleUrl(listeners),
      token: access.tokenOf('admin'),
    };
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    if (this.#running !== null) await this.#shutDown(this.#running);
  }

  async #shutDown(running: Running): Promise<void> {
    const { record, status, rpc, listeners, listening } = running;
    status.stop();
    rpc.stop();
    await stopCoap(running);
    await Promise.all([stopBroker(running), listeners.close()]);
    await record.close();
    for (const remove of listening) remove();
    this.#running = null;
  }
}

/** Where this machine reaches the console: a listener on every address is reached by loopback. */
function consoleUrl(listeners: ListenerBoard): string | null {
  const address = listeners.status('http')?.address;
  if (address == null) return null;
  return `http://${address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:')}`;
}
