/** Sessions of a busy plant, made up from a seed: what the Broker page shows without a broker. */
import type { ClientDetail, ClientRow, MqttTransport } from '../../core/contract/broker.ts';

/** Small and the same everywhere (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const LISTENERS: { id: string; transport: MqttTransport }[] = [
  { id: 'plant', transport: 'tcp' },
  { id: 'plant-tls', transport: 'tls' },
  { id: 'dashboards', transport: 'wss' },
  { id: 'bench', transport: 'ws' },
];
const KINDS = ['thermo', 'hygro', 'pump', 'valve', 'meter', 'gateway'];

export class ConsoleClients {
  readonly rows: ClientRow[] = [];
  readonly #random = seeded(7);

  constructor(count: number, nowMs: number) {
    for (let index = 0; index < count; index++) this.rows.push(this.#make(index, nowMs));
  }

  #make(index: number, nowMs: number): ClientRow {
    const random = this.#random;
    const kind = KINDS[index % KINDS.length]!;
    const special = index < 3;
    const connected = special || random() < 0.94;
    const slow = connected && (index === 1 || random() < 0.002);
    const listener = LISTENERS[random() < 0.6 ? 0 : random() < 0.8 ? 1 : random() < 0.7 ? 2 : 3]!;
    const queued = slow ? 400 + Math.floor(random() * 9_000) : connected ? 0 : Math.floor(random() * 300);
    const dropped = slow && random() < 0.7 ? Math.floor(random() * 5_000) : random() < 0.001 ? 12 : 0;
    const leftMs = connected ? 0 : nowMs - Math.floor(random() * 6 * 3_600_000);
    return {
      clientId: special
        ? ['scada-historian', 'wallboard-2', 'mqttx_4f21ab90'][index]!
        : `${kind}-${String(index).padStart(5, '0')}`,
      connected,
      protocolLevel: random() < 0.55 ? 5 : random() < 0.93 ? 4 : 3,
      transport: listener.transport,
      listener: listener.id,
      address: `10.${20 + (index >> 12)}.${(index >> 4) & 255}.${10 + (index & 15)}:${49_152 + Math.floor(random() * 16_000)}`,
      username: random() < 0.15 ? null : special ? 'operations' : `${kind}s`,
      keepAliveSeconds: [60, 60, 30, 300, 0][Math.floor(random() * 5)]!,
      connectedMs: (connected ? nowMs : leftMs) - Math.floor(random() * 9 * 86_400_000),
      leftMs,
      lastPacketMs: connected ? nowMs - Math.floor(random() * 50_000) : leftMs,
      sessionExpirySeconds: connected
        ? [0, 0, 3_600, 86_400, 0xffff_ffff][Math.floor(random() * 5)]!
        : 86_400,
      subscriptions: index === 0 ? 214 : 1 + Math.floor(random() * 6),
      inFlight: slow ? 20 : random() < 0.05 ? 1 + Math.floor(random() * 4) : 0,
      queued,
      queuedBytes: queued * (60 + Math.floor(random() * 120)),
      dropped,
      messagesIn: Math.floor(random() * 400_000),
      messagesOut: Math.floor(random() * 60_000),
      bytesIn: Math.floor(random() * 60_000_000),
      bytesOut: Math.floor(random() * 9_000_000),
      slow,
    };
  }

  /** `count` of them send something; gives the changed rows anew, as a host does. */
  step(count: number, nowMs: number): ClientRow[] {
    const random = this.#random;
    const changed = new Map<string, ClientRow>();
    while (changed.size < Math.min(count, this.rows.length)) {
      const index = Math.floor(random() * this.rows.length);
      const row = this.rows[index]!;
      if (changed.has(row.clientId)) continue;
      const messages = 1 + Math.floor(random() * 8);
      const next: ClientRow = row.connected
        ? {
            ...row,
            lastPacketMs: nowMs,
            messagesIn: row.messagesIn + messages,
            bytesIn: row.bytesIn + messages * 96,
            messagesOut: row.messagesOut + 2,
            bytesOut: row.bytesOut + 180,
            queued: row.slow ? row.queued + 3 : row.queued,
            dropped: row.slow && row.dropped > 0 ? row.dropped + 2 : row.dropped,
            inFlight: row.slow ? 20 : random() < 0.05 ? 2 : 0,
          }
        : { ...row, queued: row.queued + 1, queuedBytes: row.queuedBytes + 96 };
      this.rows[index] = next;
      changed.set(row.clientId, next);
    }
    return [...changed.values()];
  }

  detail(clientId: string): ClientDetail | null {
    const row = this.rows.find((one) => one.clientId === clientId);
    if (row === undefined) return null;
    const topic = (index: number): string =>
      `plant/hall${1 + (index % 4)}/line${index % 7}/sensor${index}/temperature`;
    const list = <T>(count: number, make: (index: number) => T): T[] =>
      Array.from({ length: Math.min(200, count) }, (_, index) => make(index));
    return {
      row,
      subscriptions: list(row.subscriptions, (index) => ({
        filter: index === 0 ? 'plant/#' : index === 1 ? '$share/history/plant/+/+/+/humidity' : topic(index),
        qos: (index % 3) as 0 | 1 | 2,
        noLocal: index % 5 === 1,
        retainAsPublished: index % 4 === 2,
        retainHandling: (index % 6 === 3 ? 2 : 0) as 0 | 2,
        subscriptionId: index % 3 === 1 ? index : 0,
      })),
      inFlight: list(row.inFlight, (index) => ({
        packetId: 4_711 + index,
        qos: (index % 3 === 2 ? 2 : 1) as 1 | 2,
        state: (['puback', 'puback', 'pubcomp'] as const)[index % 3]!,
        topic: index % 3 === 2 ? null : topic(index),
      })),
      queued: list(row.queued, (index) => ({
        topic: topic(index),
        qos: (index % 2) as 0 | 1,
        bytes: 60 + ((index * 37) % 300),
      })),
      will:
        row.protocolLevel === 5
          ? { topic: `plant/status/${row.clientId}`, qos: 1, retain: true, bytes: 7, delaySeconds: 30 }
          : null,
      receiveMaximum: row.protocolLevel === 5 ? 20 : 65_535,
      maximumPacketBytes: 1_048_576,
      topicAliasMaximum: row.protocolLevel === 5 ? 10 : 0,
      userProperties:
        row.protocolLevel === 5
          ? [
              ['firmware', '4.12.0'],
              ['site', 'north'],
            ]
          : [],
    };
  }
}
