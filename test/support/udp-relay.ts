import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';

export interface RelayTarget {
  host: string;
  port: number;
}

export interface RelayFaults {
  /** Chances from 0 to 1, each way. */
  loss: number;
  duplicate: number;
  /** A datagram is held back for up to `holdMs`, so that later ones overtake it. */
  reorder: number;
  holdMs: number;
  seed: number;
}

export interface RelayCounts {
  forwarded: number;
  lost: number;
  duplicated: number;
  held: number;
}

/**
 * A bad network on loopback: clients send to `port`, datagrams reach the target from a socket per client, answers go
 * back the same way. What is lost, doubled and held back follows from the seed and the order of arrival.
 */
export class UdpRelay {
  readonly counts: RelayCounts = { forwarded: 0, lost: 0, duplicated: 0, held: 0 };
  #faults: RelayFaults;
  #target: RelayTarget;
  readonly #front: Socket;
  readonly #backs = new Map<string, Socket>();
  readonly #deaf: Socket[] = [];
  readonly #held = new Set<NodeJS.Timeout>();
  #random: number;
  #port = 0;
  #running = false;

  constructor(target: RelayTarget, faults: Partial<RelayFaults>) {
    this.#faults = { loss: 0, duplicate: 0, reorder: 0, holdMs: 20, seed: 1, ...faults };
    this.#target = target;
    this.#random = this.#faults.seed | 0;
    this.#front = createSocket('udp4');
    this.#front.on('message', (bytes, from) => {
      const back = this.#backFor(from);
      this.#pass(() => back.send(bytes, this.#target.port, this.#target.host));
    });
  }

  /** Where clients send to. */
  get port(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#front.once('error', reject);
      this.#front.bind(0, '127.0.0.1', resolve);
    });
    this.#port = this.#front.address().port;
    this.#running = true;
  }

  async stop(): Promise<void> {
    if (!this.#running) return;
    this.#running = false;
    for (const timer of this.#held) clearTimeout(timer);
    const sockets = [this.#front, ...this.#backs.values(), ...this.#deaf.splice(0)];
    this.#backs.clear();
    await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))));
  }

  /** Everything is lost from now on. */
  cut(): void {
    this.#faults = { ...this.#faults, loss: 1 };
  }

  /** Clients come from new ports, as behind a NAT that forgot them: what is sent to the old ones is lost. */
  rebind(): void {
    for (const back of this.#backs.values()) {
      back.removeAllListeners('message');
      this.#deaf.push(back);
    }
    this.#backs.clear();
  }

  /** Another server stands behind the relay; clients see the same address. */
  retarget(target: RelayTarget): void {
    this.#target = target;
  }

  #backFor(client: RemoteInfo): Socket {
    const key = `${client.address} ${client.port}`;
    let back = this.#backs.get(key);
    if (back === undefined) {
      back = createSocket('udp4');
      back.on('message', (bytes) => this.#pass(() => this.#front.send(bytes, client.port, client.address)));
      // A target that is gone makes the system report earlier datagrams; a network would stay silent.
      back.on('error', () => undefined);
      this.#backs.set(key, back);
    }
    return back;
  }

  #pass(forward: () => void): void {
    const { loss, duplicate, reorder, holdMs } = this.#faults;
    if (this.#chance() < loss) {
      this.counts.lost++;
      return;
    }
    const copies = this.#chance() < duplicate ? 2 : 1;
    this.counts.duplicated += copies - 1;
    for (let copy = 0; copy < copies; copy++) {
      this.counts.forwarded++;
      if (this.#chance() >= reorder) {
        forward();
        continue;
      }
      this.counts.held++;
      const timer = setTimeout(() => {
        this.#held.delete(timer);
        forward();
      }, this.#chance() * holdMs);
      this.#held.add(timer);
    }
  }

  /** mulberry32 */
  #chance(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}
