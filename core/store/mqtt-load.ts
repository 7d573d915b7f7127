/** What the broker left in the record, read at a start. */
import type Database from 'better-sqlite3';
import {
  columnsOf,
  INCOMING,
  MESSAGE,
  numbersOf,
  OUTGOING,
  RETAINED,
  SESSION,
  stateToColumns,
  SUBSCRIPTION,
} from './mqtt-columns.ts';
import type { BrokerColumns } from './mqtt-columns.ts';
import { emptyBrokerState } from './mqtt-types.ts';
import type {
  IncomingRow,
  MessageRow,
  OutgoingRow,
  RetainedRow,
  SessionRow,
  SubscriptionRow,
} from './mqtt-types.ts';

/** Record version that brought the tables. */
const SINCE_VERSION = 2;

/*
 * What belongs together may be split over two commits, and a kill may fall between them: a message without anyone that
 * it is for was never acknowledged, or is done with, and what it should have gone out as is not complete without it.
 */
const OF_A_SESSION = 'session IN (SELECT id FROM mqtt_session)';
const COMPLETE = `${OF_A_SESSION} AND (message = 0 OR message IN (SELECT id FROM mqtt_message))`;
/** Nearly always empty, and an object of its own for each row is what reading costs most. */
const PROPERTIES = "nullif(properties, x'')";
const NOTHING = new Uint8Array(0);

const WANTED = 'id IN (SELECT message FROM mqtt_outgoing)';

/** Deletes what belongs to nobody. Only while no batch waits that could bring the other half. */
export function sweepBroker(db: Database.Database): void {
  db.prepare(`DELETE FROM mqtt_subscription WHERE NOT ${OF_A_SESSION}`).run();
  db.prepare(`DELETE FROM mqtt_incoming WHERE NOT ${OF_A_SESSION}`).run();
  db.prepare(`DELETE FROM mqtt_outgoing WHERE NOT (${COMPLETE})`).run();
  db.prepare(`DELETE FROM mqtt_message WHERE NOT ${WANTED}`).run();
}

/** Everything, in the order that `BrokerState` says, without what belongs to nobody. */
export function loadBroker(db: Database.Database): BrokerColumns {
  // A record that can only be read may be of an older version.
  if ((db.pragma('user_version', { simple: true }) as number) < SINCE_VERSION) {
    return stateToColumns(emptyBrokerState());
  }
  const each = (sql: string): Iterable<unknown[]> =>
    db.prepare(sql).raw().iterate() as IterableIterator<unknown[]>;
  return {
    sessions: columnsOf(SESSION, map(each('SELECT * FROM mqtt_session ORDER BY id'), sessionRow)),
    subscriptions: columnsOf(
      SUBSCRIPTION,
      map(
        each(`SELECT * FROM mqtt_subscription WHERE ${OF_A_SESSION} ORDER BY session, filter`),
        subscriptionRow,
      ),
    ),
    messages: columnsOf(
      MESSAGE,
      map(
        each(
          `SELECT id, topic, payload, ${PROPERTIES}, qos, expires FROM mqtt_message WHERE ${WANTED} ORDER BY id`,
        ),
        messageRow,
      ),
    ),
    outgoing: columnsOf(
      OUTGOING,
      map(each(`SELECT * FROM mqtt_outgoing WHERE ${COMPLETE} ORDER BY order_no`), outgoingRow),
    ),
    incoming: columnsOf(
      INCOMING,
      map(each(`SELECT * FROM mqtt_incoming WHERE ${OF_A_SESSION} ORDER BY session, packet_id`), incomingRow),
    ),
    retained: columnsOf(
      RETAINED,
      map(
        each(
          `SELECT topic, payload, ${PROPERTIES}, qos, expires, client, received FROM mqtt_retained ORDER BY topic`,
        ),
        retainedRow,
      ),
    ),
  };
}

function* map<R>(rows: Iterable<unknown[]>, rowOf: (values: never) => R): Generator<R> {
  for (const values of rows) yield rowOf(values as never);
}

type Qos = 0 | 1 | 2;
type WillValues = [Uint8Array, Qos, number, Uint8Array, number | null, number];

function sessionRow(
  values: [number, string, number, string | null, number, number, number, string | null, ...WillValues],
): SessionRow {
  const [id, clientId, protocolLevel, username, expirySeconds, createdMs, leftMs, topic] = values;
  const row = { id, clientId, protocolLevel, username, expirySeconds, createdMs, leftMs };
  if (topic === null) return { ...row, will: null };
  const [payload, qos, retain, properties, willExpirySeconds, delaySeconds] = values.slice(8) as WillValues;
  return {
    ...row,
    will: {
      topic,
      payload,
      qos,
      retain: retain === 1,
      properties,
      expirySeconds: willExpirySeconds,
      delaySeconds,
    },
  };
}

function subscriptionRow(values: [number, string, number, number]): SubscriptionRow {
  const [session, filter, options, subscriptionId] = values;
  return { session, filter, options, subscriptionId };
}

function messageRow(values: [number, string, Uint8Array, Uint8Array | null, Qos, number]): MessageRow {
  const [id, topic, payload, properties, qos, expiresMs] = values;
  return { id, topic, payload, properties: properties ?? NOTHING, qos, expiresMs };
}

function outgoingRow(
  values: [number, number, number, Qos, number, number, number, string | null],
): OutgoingRow {
  const [order, session, message, qos, state, packetId, flags, ids] = values;
  const subscriptionIds = ids === null ? null : numbersOf(ids);
  return { order, session, message, qos, state, packetId, flags, subscriptionIds };
}

function incomingRow([session, packetId]: [number, number]): IncomingRow {
  return { session, packetId };
}

function retainedRow(
  values: [string, Uint8Array, Uint8Array | null, Qos, number, string | null, number],
): RetainedRow {
  const [topic, payload, properties, qos, expiresMs, client, receivedMs] = values;
  return { topic, payload, properties: properties ?? NOTHING, qos, expiresMs, client, receivedMs };
}
