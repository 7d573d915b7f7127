/** One-shot questions for CoAP services by multicast DNS (RFC 6762 §5.1, RFC 6763). */
import { BlockList } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/errors.ts';
import type { PeerAddress } from '../address.ts';
import { coapError } from '../errors.ts';
import type { CoapRandom } from '../random.ts';
import type { NetworkInterface } from './interfaces.ts';
import { MAX_QUESTIONS, decodeResponse, encodeQuery } from './mdns-message.ts';
import type { Question } from './mdns-message.ts';
import { SERVICE_TYPES, ServiceCollector } from './mdns-services.ts';
import type { MdnsService } from './mdns-services.ts';
import type { MdnsSocket, MdnsTarget, OpenMdnsSocket } from './mdns-socket.ts';

export const MDNS_PORT = 5_353;
export const MDNS_LISTEN_MS = 5_000;
const GROUPS = { 4: '224.0.0.251', 6: 'ff02::fb' } as const;

/** §5.2: the first two questions at least a second apart, then twice that. */
const REPEATS_MS = [1_000, 3_000];
/** What is missing is asked once for all answers that come close together. */
const FOLLOW_UP_MS = 150;
const MAX_PACKETS = 10_000;

/** Only ever grow. */
export interface MdnsCounters {
  packets: number;
  /** No DNS messages. */
  malformed: number;
  /** From elsewhere than this network, or answers to others. */
  ignored: number;
  /** Packets, instances and addresses past the bounds. */
  leftOut: number;
}

export function newMdnsCounters(): MdnsCounters {
  return { packets: 0, malformed: 0, ignored: 0, leftOut: 0 };
}

export interface MdnsParts {
  clock: Clock;
  random: CoapRandom;
  open: OpenMdnsSocket;
  counters: MdnsCounters;
  /** 5353 unless a test says otherwise. */
  port?: number;
}

/**
 * Asks on one interface, over both families that it has, for `MDNS_LISTEN_MS` or until `signal` is aborted. Fails
 * with `coap.unreachable` when no family can be asked.
 */
export async function askMdns(
  on: NetworkInterface,
  parts: MdnsParts,
  found: (service: MdnsService) => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  const ask = new MdnsAsk(on, parts, found);
  try {
    await ask.run(signal);
  } finally {
    ask.stop();
  }
}

class MdnsAsk {
  readonly #on: NetworkInterface;
  readonly #parts: MdnsParts;
  readonly #found: (service: MdnsService) => void;
  readonly #port: number;
  readonly #id: number;
  readonly #services: ServiceCollector;
  readonly #neighbours = new BlockList();
  readonly #timers: Timer[] = [];
  #followUp: Timer | undefined;
  #sockets: MdnsSocket[] = [];
  #packets = 0;
  #stopped = false;

  constructor(on: NetworkInterface, parts: MdnsParts, found: (service: MdnsService) => void) {
    this.#on = on;
    this.#parts = parts;
    this.#found = found;
    this.#port = parts.port ?? MDNS_PORT;
    const [high, low] = parts.random.bytes(2);
    // Never 0: that is what answers to everybody carry (§18.1).
    this.#id = (high! << 8) | low! || 1;
    this.#services = new ServiceCollector(on);
    for (const { network, family } of on.addresses) {
      const [net, bits] = network.split('/');
      this.#neighbours.addSubnet(net!, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    await this.#openAll();
    if (signal.aborted) return;
    const over = new Promise<void>((resolve) => {
      this.#timers.push(clock.after(MDNS_LISTEN_MS, resolve));
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    this.#askForServices();
    for (const delayMs of REPEATS_MS) this.#timers.push(clock.after(delayMs, () => this.#askForServices()));
    await over;
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#followUp?.cancel();
    for (const socket of this.#sockets) socket.close();
    this.#parts.counters.leftOut += this.#services.leftOut;
    this.#services.leftOut = 0;
  }

  async #openAll(): Promise<void> {
    const opening = ([4, 6] as const).flatMap((family) => {
      const addresses = this.#on.addresses.filter((one) => one.family === family);
      const own = addresses.find((one) => one.address.includes('%')) ?? addresses[0];
      return own === undefined ? [] : [this.#open(family, own.address)];
    });
    const opened = await Promise.allSettled(opening);
    this.#sockets = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (this.#sockets.length > 0) return;
    const why = opened.flatMap((one) => (one.status === 'rejected' ? [messageOf(one.reason)] : []));
    throw coapError(
      'coap.unreachable',
      `${this.#on.name} cannot be asked by mDNS: ${why[0] ?? 'no address'}.`,
    );
  }

  #open(family: 4 | 6, interfaceAddress: string): Promise<MdnsSocket> {
    const target: MdnsTarget = {
      group: GROUPS[family],
      family,
      port: this.#port,
      interfaceName: this.#on.name,
      interfaceAddress,
    };
    return this.#parts.open(target, (bytes, from) => this.#receive(bytes, from));
  }

  #askForServices(): void {
    const ptr = SERVICE_TYPES.map(({ type }): Question => ({
      labels: [...type.split('.'), 'local'],
      type: 'PTR',
    }));
    this.#send([...ptr, ...this.#services.missing(MAX_QUESTIONS - ptr.length)]);
  }

  #send(questions: readonly Question[]): void {
    const bytes = encodeQuery(this.#id, questions);
    if (bytes !== undefined) for (const socket of this.#sockets) socket.send(bytes);
  }

  #receive(bytes: Uint8Array, from: PeerAddress): void {
    if (this.#stopped) return;
    const { counters } = this.#parts;
    counters.packets++;
    if (++this.#packets > MAX_PACKETS) {
      counters.leftOut++;
      return;
    }
    // §6, §11: an answer comes from the mDNS port of a neighbour.
    if (from.port !== this.#port || !this.#isNeighbour(from)) {
      counters.ignored++;
      return;
    }
    const records = decodeResponse(bytes, this.#id);
    if (records === undefined) counters.malformed++;
    else if (records === 'ignored') counters.ignored++;
    else {
      for (const service of this.#services.take(records)) this.#found(service);
      this.#followUp ??= this.#parts.clock.after(FOLLOW_UP_MS, () => this.#askForMissing());
    }
  }

  #askForMissing(): void {
    const questions = this.#services.missing(MAX_QUESTIONS);
    const more = questions.length === MAX_QUESTIONS;
    this.#followUp = more ? this.#parts.clock.after(FOLLOW_UP_MS, () => this.#askForMissing()) : undefined;
    this.#send(questions);
  }

  #isNeighbour({ address, family }: PeerAddress): boolean {
    const [plain = '', scope] = address.split('%');
    if (scope !== undefined) return scope === this.#on.name;
    return this.#neighbours.check(plain, family === 4 ? 'ipv4' : 'ipv6');
  }
}
