import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryJournal } from '../../test/support/memory-journal.ts';
import { BrokerBench, type MemoryClient, publishPacket } from '../../test/support/mqtt-broker.ts';
import type { Packet } from './codec/packet.ts';

const lasting = { cleanStart: false };

/** A publisher that remembers what was not acknowledged, and begins again where it was (v5 §4.4). */
class Publisher {
  readonly open = new Map<number, { text: string; qos: 1 | 2; released: boolean }>();
  client!: MemoryClient;
  #lastId = 0;

  connect(bench: BrokerBench): void {
    this.client = bench.client('writer', lasting);
    for (const [id, { text, qos, released }] of this.open) {
      if (released) this.client.tell({ type: 'pubrel', packetId: id });
      else this.client.tell(publishPacket('a', text, qos, id, { dup: true }));
    }
  }

  publish(text: string, qos: 1 | 2): void {
    const id = ++this.#lastId;
    this.open.set(id, { text, qos, released: false });
    this.client.tell(publishPacket('a', text, qos, id));
  }

  work(): void {
    for (const packet of this.client.look()) {
      if (packet.type === 'puback' || packet.type === 'pubcomp') this.open.delete(packet.packetId);
      else if (packet.type === 'pubrec') {
        const exchange = this.open.get(packet.packetId);
        if (exchange !== undefined) exchange.released = true;
        this.client.tell({ type: 'pubrel', packetId: packet.packetId });
      }
    }
  }
}

/** A subscriber that remembers which QoS 2 ids it has. */
class Reader {
  readonly got: string[] = [];
  readonly #held = new Set<number>();
  client!: MemoryClient;

  connect(bench: BrokerBench): void {
    this.client = bench.client('reader', lasting);
  }

  work(most = Infinity): void {
    const packets = this.client.look();
    this.client.unlook(packets.slice(most));
    for (const packet of packets.slice(0, most)) this.#answer(packet);
  }

  #answer(packet: Packet): void {
    if (packet.type === 'pubrel') {
      this.#held.delete(packet.packetId);
      this.client.tell({ type: 'pubcomp', packetId: packet.packetId });
    } else if (packet.type === 'publish') {
      const { packetId, qos } = packet;
      if (qos === 1 || !this.#held.has(packetId)) this.got.push(Buffer.from(packet.payload).toString());
      if (qos === 2) this.#held.add(packetId);
      this.client.tell({ type: qos === 1 ? 'puback' : 'pubrec', packetId });
    }
  }
}

type Step =
  'one' | 'two' | 'write' | 'read' | 'read some' | 'commit' | 'crash' | 'lose reader' | 'lose writer';

describe('a broker that is killed at any moment', () => {
  it('loses no acknowledged message, delivers every QoS 2 message once, and leaves nothing behind', () => {
    const step = fc.constantFrom<Step>(
      ...(['one', 'two', 'two', 'write', 'write', 'read', 'read', 'read some', 'commit', 'commit'] as const),
      ...(['crash', 'lose reader', 'lose writer'] as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        let journal = new MemoryJournal();
        let bench = new BrokerBench({ journal, limits: { inflightWindow: 4 } });
        const [writer, reader] = [new Publisher(), new Reader()];
        const commit = (): void => bench.broker.release(journal.commit());
        writer.connect(bench);
        reader.connect(bench);
        reader.client.subscribe('a', 2);
        commit();
        const sent: { text: string; qos: 1 | 2 }[] = [];
        const send = (qos: 1 | 2): void => {
          const text = `${sent.length}q${qos}`;
          sent.push({ text, qos });
          writer.publish(text, qos);
        };
        const crash = (): void => {
          const state = journal.state();
          journal = new MemoryJournal(state);
          bench = new BrokerBench({ journal, limits: { inflightWindow: 4 } }, (broker) =>
            broker.restore(state),
          );
          writer.connect(bench);
          reader.connect(bench);
        };
        const does: Record<Step, () => void> = {
          one: () => send(1),
          two: () => send(2),
          write: () => writer.work(),
          read: () => reader.work(),
          'read some': () => reader.work(1),
          commit,
          crash,
          'lose reader': () => {
            reader.client.lose();
            reader.connect(bench);
          },
          'lose writer': () => {
            writer.client.lose();
            writer.connect(bench);
          },
        };
        for (const one of steps) does[one]();
        for (let round = 0; round < sent.length * 6 + 10; round++) {
          commit();
          writer.work();
          reader.work();
        }
        expect(writer.open.size).toBe(0);
        const times = new Map<string, number>();
        for (const text of reader.got) times.set(text, (times.get(text) ?? 0) + 1);
        for (const { text, qos } of sent) {
          if (qos === 2) expect([text, times.get(text)]).toEqual([text, 1]);
          else expect(times.get(text) ?? 0).toBeGreaterThanOrEqual(1);
        }
        // Of one QoS in the order of publication [MQTT-4.6.0-6].
        const twos = reader.got.filter((text) => text.endsWith('q2'));
        expect(twos).toEqual(sent.filter(({ qos }) => qos === 2).map(({ text }) => text));
        expect([journal.messages.size, journal.outgoing.size, journal.incoming.size]).toEqual([0, 0, 0]);
      }),
      { numRuns: 400 },
    );
  });
});
