/** A message layer alone, without client and server, on a network in memory: every byte and time is the test's. */
import { silentLog } from '../../core/base/log.ts';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { TimerWheel } from '../../core/base/timer-wheel.ts';
import { MessageLayer } from '../../core/coap/messages/message-layer.ts';
import { DEFAULT_LIMITS, DEFAULT_PARAMETERS, newCounters } from '../../core/coap/parameters.ts';
import type { CoapLimits } from '../../core/coap/parameters.ts';
import type { IncomingRequest, RequestSink } from '../../core/coap/server/types.ts';
import { countingRandom } from './coap-endpoint.ts';
import { STATION, MemoryDatagrams, MemoryNet } from './coap-net.ts';

export interface LayerRigOptions {
  limits?: Partial<CoapLimits>;
  /** Instead of keeping requests for the test to answer. */
  serve?: RequestSink;
  /** The random part of every wait, none unless given. */
  fraction?: number;
  groups?: string[];
}

export class LayerRig {
  readonly clock = new ManualClock();
  readonly net = new MemoryNet();
  readonly counters = newCounters();
  readonly datagrams = new MemoryDatagrams(this.net, STATION);
  readonly wheel = new TimerWheel(this.clock);
  readonly layer: MessageLayer;
  /** What came in and is not served otherwise. */
  readonly requests: IncomingRequest[] = [];

  private constructor(options: LayerRigOptions) {
    this.layer = new MessageLayer({
      clock: this.clock,
      wheel: this.wheel,
      log: silentLog,
      random: countingRandom(options.fraction),
      parameters: DEFAULT_PARAMETERS,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      counters: this.counters,
      datagrams: this.datagrams,
      serve: options.serve ?? ((request) => void this.requests.push(request)),
    });
    this.datagrams.groups = options.groups ?? [];
  }

  static async start(options: LayerRigOptions = {}): Promise<LayerRig> {
    const rig = new LayerRig(options);
    rig.layer.start();
    await rig.datagrams.start({ host: STATION.address, port: STATION.port }, (bytes, from, arrival) =>
      rig.layer.receive(bytes, from, arrival),
    );
    return rig;
  }

  /** Moves time in steps small enough that what is sent on the way arrives on the way. */
  async pass(totalMs: number): Promise<void> {
    for (let passed = 0; passed < totalMs; passed += 100) {
      this.clock.advance(Math.min(100, totalMs - passed));
      await this.net.settle();
    }
  }

  async stop(): Promise<void> {
    this.layer.stop();
    this.wheel.stop();
    await this.datagrams.stop();
  }
}
