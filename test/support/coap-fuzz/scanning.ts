import { encode } from 'dns-packet';
import { systemClock } from '../../../core/base/clock.ts';
import { newMdnsCounters } from '../../../core/coap/discovery/mdns.ts';
import { Scan } from '../../../core/coap/discovery/scan.ts';
import { secureRandom } from '../../../core/coap/random.ts';
import { readLinkText } from '../../../core/station/coap/scan-desk.ts';
import type { Random } from '../mqtt-fuzz/random.ts';
import type { Rig } from './rig.ts';
import { links, options, spoil } from './traffic.ts';

const MAX_FOUND = 50;
const LOCAL = {
  name: 'fuzz0',
  loopback: false,
  addresses: [{ address: '198.18.0.77', family: 4 as const, network: '198.18.0.0/16' }],
};

/** Scans of a network whose mDNS responders, groups and directory tell anything, one after the other. */
export class Scanning {
  readonly counters = newMdnsCounters();
  scans = 0;
  found = 0;
  complaint: string | null = null;
  readonly #random: Random;
  readonly #rig: Rig;
  readonly #authorities: readonly string[];
  #scan: Scan | undefined;
  #running: Promise<void> | undefined;
  #left = 0;

  constructor(random: Random, rig: Rig, authorities: readonly string[]) {
    this.#random = random;
    this.#rig = rig;
    this.#authorities = authorities;
  }

  act(): void {
    if (this.#scan === undefined) this.#begin();
    else if (--this.#left <= 0) this.#scan.stop();
  }

  async stop(): Promise<void> {
    this.#scan?.stop();
    await this.#running;
  }

  #begin(): void {
    const { endpoint, desk } = this.#rig;
    const random = this.#random;
    const scan = new Scan({
      clock: systemClock,
      random: secureRandom(),
      interfaces: () => [LOCAL],
      openMdns: (_target, receive) => {
        const timer = setInterval(() => {
          const from = { address: `198.18.0.${random.below(256)}`, port: 5_353, family: 4 as const };
          receive(this.#records(), random.chance(0.9) ? from : { ...from, address: '203.0.113.1' });
        }, 5);
        return Promise.resolve({ send() {}, close: () => clearInterval(timer) });
      },
      askGroup: (_question, onAnswer, signal) =>
        new Promise((resolve) => {
          const timer = setInterval(() => {
            const from = { address: `127.0.0.1`, port: 1 + random.below(65_535), family: 4 as const };
            const payload = Buffer.from(links(random, 0.4));
            onAnswer({
              message: { code: random.pick([69, 69, 132]), options: options(random), payload },
              from,
            });
          }, 10);
          signal.addEventListener('abort', () => {
            clearInterval(timer);
            resolve();
          });
        }),
      probe: (uri, signal) => endpoint.ping(uri, { signal }),
      readLinks: (uri, signal) => readLinkText(endpoint, uri, signal).then(({ text }) => text),
      discover: (authority, signal) => endpoint.discover(authority, { signal }),
      mdnsCounters: this.counters,
      maxFound: MAX_FOUND,
    });
    scan.discovered.on(({ authority, links: told }) => desk.told(authority, told));
    this.#left = 1 + random.below(400);
    this.#scan = scan;
    this.scans++;
    this.#running = scan
      .start({
        multicast: true,
        mdns: true,
        directory: random.pick(this.#authorities),
        range: '127.0.0.1-127.0.0.4',
        port: 1,
      })
      .then(() => {
        const { found, state } = scan.view();
        this.found += found.length;
        if (found.length > MAX_FOUND) this.complaint ??= `a scan keeps ${found.length} servers`;
        if (state === 'running') this.complaint ??= 'a scan that has ended says that it runs';
        this.#scan = undefined;
      });
  }

  #records(): Uint8Array {
    const random = this.#random;
    const name = `${random.pick(['Lamp', 'é', 'x.y', '', '__proto__'])}${random.below(2_000)}._coap._udp.local`;
    const host = `h${random.below(2_000)}.local`;
    const ttl = random.pick([0, 120, 120]);
    const bytes = encode({
      type: random.chance(0.95) ? 'response' : 'query',
      id: 0,
      answers: [
        { type: 'PTR', name: '_coap._udp.local', ttl, data: name },
        { type: 'SRV', name, ttl, data: { target: host, port: random.below(65_536) } },
        {
          type: 'A',
          name: host,
          ttl,
          data: random.pick(['127.0.0.1', '198.18.0.5', '224.0.0.1', '0.0.0.0']),
        },
      ],
    });
    return random.chance(0.4) ? spoil(random, bytes) : bytes;
  }
}
