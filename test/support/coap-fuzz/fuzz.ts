import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Random } from '../mqtt-fuzz/random.ts';
import { Asking } from './asking.ts';
import { HostileClients } from './hostile-clients.ts';
import { HostileConnections } from './hostile-connections.ts';
import { HostileServers } from './hostile-servers.ts';
import { Rig } from './rig.ts';
import { Scanning } from './scanning.ts';
import { Witness } from './witness.ts';

/** The fuzz found something. */
export class FuzzFailure extends Error {
  readonly cycle: number;

  constructor(cycle: number, message: string) {
    super(`cycle ${cycle}: ${message}`);
    this.cycle = cycle;
  }
}

const ACTS_PER_CYCLE = 40;
/** For the loop between cycles, so that sockets and the witness get their turn. */
const PAUSE_MS = 4;

/** A rig, everything hostile around it, and a witness that must not feel it. */
export class Fuzzing {
  cycles = 0;
  readonly rig = new Rig();
  readonly loop = monitorEventLoopDelay({ resolution: 10 });
  /** The largest that each bounded thing has been. */
  readonly highest = new Map<string, { most: number; bound: number }>();
  readonly #seed: number;
  readonly #random: Random;
  readonly #witness: Witness;
  readonly #servers: HostileServers;
  readonly #rejections: string[] = [];
  readonly #onRejection = (error: unknown): void => {
    this.#rejections.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  };
  #clients!: HostileClients;
  #connections!: HostileConnections;
  #asking!: Asking;
  #scanning!: Scanning;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#servers = new HostileServers(Random.of(seed, 1));
    this.#witness = new Witness(this.rig);
  }

  async start(): Promise<void> {
    process.on('unhandledRejection', this.#onRejection);
    process.on('uncaughtException', this.#onRejection);
    await this.rig.start();
    await this.#servers.start();
    await this.#witness.start();
    const { ports } = this.rig;
    const { authorities } = this.#servers;
    this.#clients = new HostileClients(Random.of(this.#seed, 2), ports.udp);
    this.#connections = new HostileConnections(Random.of(this.#seed, 3), ports);
    this.#asking = new Asking(Random.of(this.#seed, 4), this.rig, authorities);
    this.#scanning = new Scanning(Random.of(this.#seed, 5), this.rig, authorities);
    this.loop.enable();
  }

  async cycle(): Promise<void> {
    const random = this.#random;
    for (let act = 0; act < ACTS_PER_CYCLE; act++) {
      const who = random.below(100);
      if (who < 55) await this.#clients.act();
      else if (who < 75) this.#connections.act();
      else if (who < 85) this.#asking.act();
      else if (who < 95) this.#servers.act();
      else this.#scanning.act();
    }
    // What is found is kept; people forget it now and then, so that the table is not simply full.
    if (random.chance(0.005)) this.#forgetServers();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    this.check();
    this.cycles++;
  }

  /** Throws a FuzzFailure for the first thing that is not as it has to be. */
  check(): void {
    for (const [name, now, most] of this.rig.bounds()) {
      const seen = this.highest.get(name);
      if (seen === undefined || now > seen.most) this.highest.set(name, { most: now, bound: most });
      if (now > most) this.#fail(`${now} ${name}, more than ${most}`);
    }
    this.#witness.check();
    const complaint =
      this.#rejections[0] ??
      this.rig.faults[0] ??
      this.#asking.complaints[0] ??
      this.#scanning.complaint ??
      this.#witness.complaints[0];
    if (complaint !== undefined) this.#fail(complaint);
  }

  counts(): { [name: string]: number } {
    const { server, endpoint, directory } = this.rig;
    return {
      cycles: this.cycles,
      'datagrams sent': this.#clients.sent,
      'connections opened': this.#connections.opened,
      'frames sent': this.#connections.sent,
      'answers of hostile servers': this.#servers.answered,
      'requests served': server.counters.requests,
      malformed: endpoint.counters.malformed,
      duplicates: endpoint.counters.duplicates,
      unmatched: endpoint.counters.unmatched,
      'dropped by limit': endpoint.counters.droppedByLimit,
      'echo challenges': server.counters.echoChallenges,
      'addresses verified': server.counters.addressesVerified,
      'bad options': server.counters.badOption,
      'handler errors': server.counters.handlerErrors,
      registrations: directory.counters.registered,
      scans: this.#scanning.scans,
      'mdns packets': this.#scanning.counters.packets,
      'witness exchanges': this.#witness.exchanges,
      'witness notifications': this.#witness.notifications,
    };
  }

  get ends(): ReadonlyMap<string, number> {
    return this.#asking.ends;
  }

  get witnessSlow(): ReadonlyMap<string, number> {
    return this.#witness.slow;
  }

  get witnessTimes(): readonly number[] {
    return this.#witness.times;
  }

  /** Everything has to end in good order, and leave nothing behind. */
  async stop(): Promise<void> {
    this.loop.disable();
    await this.#scanning.stop();
    this.#clients.stop();
    this.#connections.stop();
    await this.#asking.stop();
    await this.#witness.stop();
    await this.rig.stop();
    await this.#servers.stop();
    process.off('unhandledRejection', this.#onRejection);
    process.off('uncaughtException', this.#onRejection);
    const { exchanges, observations, responding } = this.rig.endpoint.counters;
    const { peers, rememberedIds, serving } = this.rig.endpoint.holdings;
    const left = { exchanges, observations, responding, peers, rememberedIds, serving };
    for (const [name, count] of Object.entries({ ...left, ...this.rig.server.holdings })) {
      if (count !== 0) this.#fail(`${count} ${name} are left after the end`);
    }
    if (this.#rejections[0] !== undefined) this.#fail(this.#rejections[0]);
  }

  #forgetServers(): void {
    const { desk } = this.rig;
    const authorities = new Set(desk.resources().map(({ authority }) => authority));
    for (const authority of authorities) {
      const observed = desk.resources(authority).some(({ observation }) => observation?.policy === 'always');
      if (!observed) desk.forget(authority);
    }
  }

  #fail(message: string): never {
    throw new FuzzFailure(this.cycles, message);
  }
}
