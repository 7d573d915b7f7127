/** Rows of the broker that tests of the record share. */
import type {
  BrokerState,
  MessageRow,
  OutgoingRow,
  RetainedRow,
  SessionRow,
  SubscriptionRow,
} from '../../core/store/mqtt-types.ts';

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function session(id: number, over: Partial<SessionRow> = {}): SessionRow {
  return {
    id,
    clientId: `client${id}`,
    protocolLevel: 5,
    username: null,
    expirySeconds: 0xffff_ffff,
    createdMs: 1,
    leftMs: 0,
    will: null,
    ...over,
  };
}

export function subscription(
  ofSession: number,
  filter: string,
  over: Partial<SubscriptionRow> = {},
): SubscriptionRow {
  return { session: ofSession, filter, options: 1, subscriptionId: 0, ...over };
}

export function message(id: number, over: Partial<MessageRow> = {}): MessageRow {
  return {
    id,
    topic: `plant/${id}`,
    payload: bytesOf(`value ${id}`),
    properties: new Uint8Array(0),
    qos: 1,
    expiresMs: 0,
    ...over,
  };
}

export function outgoing(
  order: number,
  ofSession: number,
  ofMessage: number,
  over: Partial<OutgoingRow> = {},
): OutgoingRow {
  return {
    order,
    session: ofSession,
    message: ofMessage,
    qos: 1,
    state: 0,
    packetId: 0,
    flags: 0,
    subscriptionIds: null,
    ...over,
  };
}

export function retained(topic: string, over: Partial<RetainedRow> = {}): RetainedRow {
  return {
    topic,
    payload: bytesOf('on'),
    properties: new Uint8Array(0),
    qos: 0,
    expiresMs: 0,
    client: 'gauge',
    receivedMs: 5.25,
    ...over,
  };
}

/** Every kind of row, with every field at something that could get lost. In the order of `BrokerState`. */
export function everyRow(): BrokerState {
  return {
    sessions: [
      session(1, {
        clientId: '',
        protocolLevel: 3,
        username: 'anna',
        expirySeconds: 0,
        createdMs: 1_790_000_000_000.5,
        leftMs: 1_790_000_000_001,
        will: {
          topic: 'gone/ü',
          payload: bytesOf('bye'),
          qos: 2,
          retain: true,
          properties: Uint8Array.of(1, 1),
          expirySeconds: 0,
          delaySeconds: 0xffff_ffff,
        },
      }),
      session(2, {
        will: {
          topic: 'w',
          payload: new Uint8Array(0),
          qos: 0,
          retain: false,
          properties: new Uint8Array(0),
          expirySeconds: null,
          delaySeconds: 0,
        },
      }),
      session(5_000_000_000),
    ],
    subscriptions: [
      subscription(1, '#', { options: 0x2e, subscriptionId: 268_435_455 }),
      subscription(1, '$share/g/a b/+'),
      subscription(5_000_000_000, '#'),
    ],
    messages: [
      message(3, { payload: new Uint8Array(0), qos: 2, expiresMs: 1_790_000_000_000.25 }),
      message(6_000_000_000, { topic: 'x'.repeat(65_535), properties: Uint8Array.of(0, 255), qos: 0 }),
    ],
    outgoing: [
      outgoing(10, 2, 3, { qos: 2, state: 2, packetId: 65_535, flags: 1, subscriptionIds: [1, 268_435_455] }),
      outgoing(11, 1, 6_000_000_000, { subscriptionIds: [] }),
      outgoing(7_000_000_000, 2, 0, { qos: 2, state: 3, packetId: 1 }),
    ],
    incoming: [
      { session: 1, packetId: 1 },
      { session: 1, packetId: 65_535 },
      { session: 5_000_000_000, packetId: 1 },
    ],
    retained: [
      retained('/', { client: null, qos: 2, expiresMs: 9 }),
      retained('a/b', { payload: new Uint8Array(70_000).fill(7), properties: Uint8Array.of(3) }),
    ],
  };
}

/** The part of a journal that puts rows. */
interface Takes {
  putSession(row: SessionRow): void;
  putSubscription(row: SubscriptionRow): void;
  addMessage(row: MessageRow): void;
  putOutgoing(row: OutgoingRow): void;
  addIncoming(session: number, packetId: number): void;
  putRetained(row: RetainedRow): void;
}

export function putAll(into: Takes, state: BrokerState): void {
  for (const row of state.sessions) into.putSession(row);
  for (const row of state.subscriptions) into.putSubscription(row);
  for (const row of state.messages) into.addMessage(row);
  for (const row of state.outgoing) into.putOutgoing(row);
  for (const row of state.incoming) into.addIncoming(row.session, row.packetId);
  for (const row of state.retained) into.putRetained(row);
}
