/** A whole endpoint on a network in memory, with a device whose every message is the test's: exact bytes and times. */
import { codeOf } from '../../core/base/errors.ts';
import type { Log } from '../../core/base/log.ts';
import { ManualClock } from '../../core/base/manual-clock.ts';
import type { RequestOptions } from '../../core/coap/client/request-options.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { TYPE_NAMES, codeText } from '../../core/coap/codec/codes.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import type { CoapEndpointOptions } from '../../core/coap/endpoint.ts';
import type { CoapRandom } from '../../core/coap/random.ts';
import { HandPeer, MemoryDatagrams, MemoryNet, STATION, ipv4 } from './coap-net.ts';

/** A resource of the device. */
export const URI = 'coap://10.0.0.7/temp';

/** Tokens and ids count up; the random part of every wait is none unless given: waits are exact. */
export function countingRandom(fraction = 0): CoapRandom {
  let counter = 0;
  return {
    bytes: (count) => {
      counter++;
      return Uint8Array.from({ length: count }, (_, i) => (counter >> (8 * i)) & 255);
    },
    fraction: () => fraction,
  };
}

export interface Outcome {
  response?: CoapResponse;
  error?: string;
}

export class EndpointRig {
  readonly clock = new ManualClock();
  readonly net = new MemoryNet();
  readonly datagrams = new MemoryDatagrams(this.net, STATION);
  readonly device = new HandPeer(this.net, ipv4(7));
  readonly endpoint: CoapEndpoint;
  /** What was logged, but for debugging. */
  readonly problems: string[] = [];

  constructor(options: Partial<CoapEndpointOptions> = {}) {
    const keep = (message: string) => void this.problems.push(message);
    const log: Log = { debug: () => undefined, info: keep, warn: keep, error: keep };
    const { clock, datagrams } = this;
    this.endpoint = new CoapEndpoint({ clock, log, datagrams, random: countingRandom(), ...options });
  }

  async start(): Promise<this> {
    await this.endpoint.start({ host: STATION.address, port: STATION.port });
    return this;
  }

  /** A request whose end can be looked at while it runs. */
  ask(uri = URI, options: RequestOptions = {}): Outcome {
    const outcome: Outcome = {};
    void this.endpoint.request(uri, options).then(
      (response) => (outcome.response = response),
      (error: unknown) => (outcome.error = codeOf(error)),
    );
    return outcome;
  }

  /** What the device has received: `CON 0.01, ACK 0.00`. */
  seen(): string {
    const texts = this.device.received.map(
      ({ message }) => `${TYPE_NAMES[message.type]} ${codeText(message.code)}`,
    );
    return texts.join(', ');
  }

  /** Moves time in steps small enough that what is sent on the way arrives on the way. */
  async pass(totalMs: number, stepMs = 100): Promise<void> {
    for (let passed = 0; passed < totalMs; passed += stepMs) {
      this.clock.advance(Math.min(stepMs, totalMs - passed));
      await this.net.settle();
    }
  }

  async stop(): Promise<void> {
    await this.endpoint.stop();
    await this.net.settle();
  }
}
