/** Puts services together from the records that come in, and knows what is still missing (RFC 6763 §4, §5). */
import { canonicalAddress, isLoopback, isMulticast, isUnspecified } from '../address.ts';
import type { PeerAddress } from '../address.ts';
import type { Question, ServiceRecord } from './mdns-message.ts';

/** What is asked for, and by which scheme it is reached. TCP and DTLS servers are named and not asked further. */
export const SERVICE_TYPES = [
  { type: '_coap._udp', scheme: 'coap' },
  { type: '_coap._tcp', scheme: 'coap+tcp' },
  { type: '_coaps._udp', scheme: 'coaps' },
] as const;

export interface MdnsService {
  scheme: (typeof SERVICE_TYPES)[number]['scheme'];
  /** Instance name for people: `Lamp in the hall`. */
  name: string;
  address: PeerAddress;
}

const MAX_INSTANCES = 1_000;
const MAX_ADDRESSES = 8;
/** So often is one record asked for. */
const MAX_ASKED = 3;

interface Instance {
  labels: string[];
  scheme: MdnsService['scheme'];
  host: string | undefined;
  port: number;
  told: boolean;
}

export class ServiceCollector {
  readonly #interfaceName: string;
  readonly #loopback: boolean;
  /** By whole name in lower case: names do not differ by case (RFC 6762 §16). */
  readonly #instances = new Map<string, Instance>();
  readonly #hosts = new Map<string, PeerAddress[]>();
  readonly #asked = new Map<string, number>();
  /** Instances and addresses past the bounds. */
  leftOut = 0;

  constructor(on: { name: string; loopback: boolean }) {
    this.#interfaceName = on.name;
    this.#loopback = on.loopback;
  }

  /** Takes one packet's records, whatever their order, and gives the services that they completed. */
  take(records: readonly ServiceRecord[]): MdnsService[] {
    for (const record of records) if (record.type === 'PTR') this.#takeInstance(record.name, record.target);
    for (const record of records) if (record.type === 'SRV') this.#takePlace(record);
    for (const record of records) {
      if (record.type === 'A' || record.type === 'AAAA') this.#takeAddress(record.name, record.address);
    }
    const complete: MdnsService[] = [];
    for (const instance of this.#instances.values()) {
      const address = this.#addressOf(instance);
      if (instance.told || address === undefined) continue;
      instance.told = true;
      complete.push({ scheme: instance.scheme, name: instance.labels[0]!, address });
    }
    return complete;
  }

  /** What to ask next; each record a few times only, as some never come. */
  missing(max: number): Question[] {
    const questions: Question[] = [];
    for (const { labels, host, told } of this.#instances.values()) {
      if (told) continue;
      const wanted: Question[] =
        host === undefined
          ? [{ labels, type: 'SRV' }]
          : [
              { labels: host.split('.'), type: 'A' },
              { labels: host.split('.'), type: 'AAAA' },
            ];
      for (const question of wanted) {
        if (questions.length >= max) return questions;
        const key = `${question.type} ${question.labels.join('.').toLowerCase()}`;
        const asked = this.#asked.get(key) ?? 0;
        if (asked >= MAX_ASKED) continue;
        this.#asked.set(key, asked + 1);
        questions.push(question);
      }
    }
    return questions;
  }

  #takeInstance(service: string, instance: string): void {
    const key = instance.toLowerCase();
    const known = SERVICE_TYPES.find(({ type }) => service.toLowerCase() === `${type}.local`);
    if (known === undefined || this.#instances.has(key) || !key.endsWith(`.${known.type}.local`)) return;
    if (this.#instances.size >= MAX_INSTANCES) {
      this.leftOut++;
      return;
    }
    const label = instance.slice(0, -`.${known.type}.local`.length);
    const labels = [label, ...known.type.split('.'), 'local'];
    this.#instances.set(key, { labels, scheme: known.scheme, host: undefined, port: 0, told: false });
  }

  #takePlace({ name, target, port }: Extract<ServiceRecord, { type: 'SRV' }>): void {
    const instance = this.#instances.get(name.toLowerCase());
    // Port 0 and the root as a target say that there is no such service (RFC 2782).
    if (instance === undefined || instance.told || port === 0 || target === '.') return;
    instance.host = target;
    instance.port = port;
    if (!this.#hosts.has(target.toLowerCase())) this.#hosts.set(target.toLowerCase(), []);
  }

  #takeAddress(host: string, text: string): void {
    const addresses = this.#hosts.get(host.toLowerCase());
    if (addresses === undefined) return;
    const linkLocal = /^fe[89ab][0-9a-f]:/i.test(text);
    const address = canonicalAddress(linkLocal ? `${text}%${this.#interfaceName}` : text, 0);
    if (address === undefined || isMulticast(address) || isUnspecified(address)) return;
    // Nobody out there tells us what runs on this machine.
    if (isLoopback(address) && !this.#loopback) return;
    if (addresses.some((one) => one.address === address.address)) return;
    if (addresses.length >= MAX_ADDRESSES) this.leftOut++;
    else addresses.push(address);
  }

  /** IPv4 first, as the ranges and most multicast answers have it; then IPv6, link-local last. */
  #addressOf({ host, port }: Instance): PeerAddress | undefined {
    const addresses = host === undefined ? undefined : this.#hosts.get(host.toLowerCase());
    const best =
      addresses?.find((one) => one.family === 4) ??
      addresses?.find((one) => !one.address.includes('%')) ??
      addresses?.[0];
    return best === undefined ? undefined : { ...best, port };
  }
}
