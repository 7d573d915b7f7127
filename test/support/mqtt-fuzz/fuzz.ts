import { ManualClock } from '../../../core/base/manual-clock.ts';
import { silentLog } from '../../../core/base/log.ts';
import { Broker } from '../../../core/mqtt/broker.ts';
import type { BrokerState } from '../../../core/mqtt/journal.ts';
import type { BrokerOptions } from '../../../core/mqtt/options.ts';
import { ACK_NEVER } from '../../../core/mqtt/types.ts';
import { MemoryJournal } from '../memory-journal.ts';
import { authenticate, beginAuth } from './access.ts';
import { FuzzClient } from './client.ts';
import { differenceOf } from './kept.ts';
import { Random } from './random.ts';
import { Witness } from './witness.ts';

/** What went wrong, and how to see it again. */
export class FuzzFailure extends Error {
  readonly cycle: number;

  constructor(message: string, seed: number, cycle: number, client: FuzzClient | null) {
    const reads = client?.recent.map((read) => `\n  ${read.toString('hex').slice(0, 400)}`).join('') ?? '';
    super(`${message}\nseed ${seed}, cycle ${cycle}${reads === '' ? '' : `, the last reads:${reads}`}`);
    this.name = 'FuzzFailure';
    this.cycle = cycle;
  }
}

export interface FuzzCounts {
  cycles: number;
  connections: number;
  packets: number;
  reads: number;
  refused: number;
  crashes: number;
}

export interface FuzzOptions {
  /** Skips the cycles before, for a failure that a fresh broker shows too. */
  firstCycle?: number;
  /** After so many cycles each the station is killed and comes back with what is on its disk; 0: never. */
  crashEvery?: number;
}

/**
 * A real broker under clients that send what they should not, several at once, in reads of any size, beside a witness
 * pair that must not notice. Everything follows from the seed. Small limits, so that the broker comes to all of them
 * and then stays as large as it is.
 */
export class Fuzzing {
  readonly counts: FuzzCounts = { cycles: 0, connections: 0, packets: 0, reads: 0, refused: 0, crashes: 0 };
  readonly #seed: number;
  readonly #crashEvery: number;
  #clock = new ManualClock();
  readonly #errors: string[] = [];
  #cycle: number;
  #taken = 0;
  /** Why the last connection was closed. */
  #closing = '';
  #journal = new MemoryJournal();
  #broker: Broker;
  #witness: Witness;

  constructor(seed: number, { firstCycle = 0, crashEvery = 0 }: FuzzOptions = {}) {
    this.#seed = seed;
    this.#cycle = firstCycle;
    this.#crashEvery = crashEvery;
    this.#broker = new Broker(this.#options());
    this.#broker.start();
    this.#witness = new Witness(this.#broker);
  }

  /** One round of clients, from their CONNECT to their end. Throws `FuzzFailure`. */
  async cycle(): Promise<void> {
    const random = Random.of(this.#seed, this.#cycle);
    const clients: FuzzClient[] = [];
    let toCome = 3 + random.below(10);
    while (toCome > 0 || clients.some(({ talks }) => talks)) {
      if (toCome > 0 && (clients.length === 0 || random.chance(0.1))) {
        toCome--;
        this.counts.connections++;
        clients.push(new FuzzClient(this.#broker, random));
      }
      this.#step(random, random.pick(clients), clients);
      if (random.chance(0.02)) await turn();
    }
    for (const client of clients) this.counts.packets += client.sent;
    this.counts.cycles++;
    if (this.#crashEvery > 0 && this.counts.cycles % this.#crashEvery === 0) await this.#crash();
    else await this.#end(clients);
    this.#cycle++;
  }

  /** Takes leave of everything. Returns the broker's counters. */
  async stop(): Promise<Record<string, number>> {
    this.#broker.stop();
    await turn();
    return { ...this.#broker.counters };
  }

  #options(): BrokerOptions {
    return {
      clock: this.#clock,
      log: {
        ...silentLog,
        debug: (_message, fields) => (this.#closing = String(fields?.['reason'])),
        error: (message, fields) => void this.#errors.push(`${message} ${JSON.stringify(fields ?? {})}`),
      },
      journal: this.#journal,
      limits: {
        maxAbsentSessions: 12,
        maxRetainedMessages: 100,
        maxRetainedBytes: 200_000,
        maxSubscriptions: 2_000,
        maxKeptBytes: 4_000_000,
        highWaterBytes: 20_000,
        hardLimitBytes: 400_000,
        maxPendingAcksPerConnection: 50,
        topicCacheEntries: 256,
      },
      clientLimits: { maxPacketBytes: 50_000, queueMessages: 50, queueBytes: 100_000, maxSubscriptions: 40 },
      // A message of the witness is always taken in, of the others nearly always.
      intake: {
        take: ({ topic }) =>
          topic.startsWith('f') && ++this.#taken % 997 === 0 ? ACK_NEVER : this.#journal.mark(),
      },
      authorize: ({ topic }) => !topic.startsWith('reply'),
      authenticate,
      beginAuth,
    };
  }

  #step(random: Random, client: FuzzClient, clients: FuzzClient[]): void {
    const before = this.#broker.counters.malformedPackets;
    const what = random.below(100);
    if (what < 79) this.#feed(client);
    else if (what < 85) this.#broker.flush();
    else if (what < 89) this.#witness.publish();
    else if (what < 93) this.#commit();
    else if (what < 95) client.sink.frozen = !client.sink.frozen;
    else if (what < 96) {
      client.sink.thaw();
      client.connection.drained();
    } else if (what < 97) client.lose();
    else if (what < 98) this.#operate(random);
    else this.#clock.advance(random.pick([1, 100, 1_000, 1_000, 5_000, 40_000]));
    this.#judge(clients, this.#broker.counters.malformedPackets - before);
    this.#witness.answer();
    this.#report(clients);
    this.#check(client);
  }

  #feed(client: FuzzClient): void {
    if (client.closed) return;
    const read = client.step();
    if (read === null) return;
    this.counts.reads++;
    try {
      client.connection.feed(read);
    } catch (error) {
      throw this.#failure(`feed threw ${String(error)}`, client);
    }
  }

  /** What people and the station itself do meanwhile. */
  #operate(random: Random): void {
    const clientId = `fuzz-${random.below(24)}`;
    switch (random.below(5)) {
      case 0:
        this.#broker.disconnect(clientId);
        break;
      case 1:
        this.#broker.removeSession(clientId);
        break;
      case 2:
        this.#broker.accessChanged();
        break;
      default: {
        const payload = random.bytes(random.below(100));
        const qos = random.pick([0, 1, 2] as const);
        this.#broker.publish({
          topic: random.pick(['f/a', '$SYS/x']),
          payload,
          qos,
          retain: random.chance(0.5),
        });
      }
    }
  }

  #commit(): void {
    this.#broker.release(this.#journal.commit());
    this.#journal.log.length = 0;
  }

  /** `refusals` connections were refused in this step: whether each was closed, and told why in its own words. */
  #judge(clients: FuzzClient[], refusals: number): void {
    const ended = clients.filter(({ sink, judged }) => !judged && (sink.ended || sink.destroyed));
    for (const client of ended) client.judged = true;
    if (refusals === 0) return;
    this.counts.refused += refusals;
    let explained = 0;
    for (const client of ended) {
      const { last } = client;
      const { protocolLevel } = client.connection;
      if (last?.type === 'disconnect' && protocolLevel !== 5) {
        throw this.#failure('a DISCONNECT to a client below level 5', client);
      }
      const code = last?.type === 'disconnect' || last?.type === 'connack' ? last.reasonCode : 0;
      // Others may end in the same step, of keep-alive for example: only clients of bad manners explain a refusal.
      if (!client.polite && (code >= 0x80 || protocolLevel !== 5 || client.sink.frozen)) explained++;
    }
    if (explained >= refusals) return;
    const good = ended.find(({ polite }) => polite);
    if (good !== undefined) throw this.#failure(`a good client was refused: ${this.#closing}`, good);
    throw this.#failure(`refused, but not closed with a reason code: ${this.#closing}`, ended[0]);
  }

  /** Tells the broker of ended connections, as a transport does in a later turn. */
  #report(clients: FuzzClient[]): void {
    for (const client of clients) {
      if (!client.closed || client.reported) continue;
      client.reported = true;
      client.connection.closed('the network connection ended');
    }
  }

  /** Everybody leaves; then the witness has all its messages, and the disk holds what the broker holds. */
  async #end(clients: FuzzClient[]): Promise<void> {
    for (const client of clients) {
      this.#check(client);
      if (client.sink.frozen) client.sink.thaw();
      client.lose();
    }
    this.#report(clients);
    for (let round = 0; round < 40 && (round < 6 || !this.#witness.complete); round++) {
      this.#broker.flush();
      this.#commit();
      this.#witness.answer();
      await turn();
    }
    this.#check(null);
    if (!this.#witness.complete) throw this.#failure('the witness misses messages', null);
    const left = this.#broker.connectionCount - 2;
    if (left !== 0) throw this.#failure(`${left} connections are left behind`, null);
    const difference = differenceOf(this.#broker.state(), this.#journal.state(), this.#clock.now());
    if (difference !== null) throw this.#failure(`the disk holds something else: ${difference}`, null);
  }

  /** The process ends between two instructions. What comes back is what was committed, and it is all there. */
  async #crash(): Promise<void> {
    this.counts.crashes++;
    const state = this.#journal.state();
    this.#journal = new MemoryJournal(state);
    // The dead broker's timers die with it, and with them all that they hold.
    this.#clock = new ManualClock(this.#clock.now());
    this.#broker = new Broker(this.#options());
    this.#broker.restore(structuredClone(state));
    // Whoever was there left with the crash.
    const goneOf = (kept: BrokerState): BrokerState => ({
      ...kept,
      sessions: kept.sessions.map((row) => ({ ...row, leftMs: 0 })),
    });
    const difference = differenceOf(goneOf(this.#broker.state()), goneOf(state), this.#clock.now());
    if (difference !== null) throw this.#failure(`a restart changes what is kept: ${difference}`, null);
    this.#broker.start();
    this.#witness = new Witness(this.#broker);
    await turn();
    this.#check(null);
  }

  #check(client: FuzzClient | null): void {
    const complaint = this.#errors[0] ?? client?.complaint ?? this.#witness.complaint;
    if (complaint != null) throw this.#failure(complaint, client);
  }

  #failure(message: string, client: FuzzClient | null | undefined): FuzzFailure {
    return new FuzzFailure(message, this.#seed, this.#cycle, client ?? null);
  }
}

/** One turn of the event loop, which lets promises and the broker's own end of turn run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
