import type Database from 'better-sqlite3';
import type { BrokerRows } from './mqtt-batch.ts';
import { eachOf, INCOMING, MESSAGE, OUTGOING, RETAINED, SESSION, SUBSCRIPTION } from './mqtt-columns.ts';
import type { BrokerColumns } from './mqtt-columns.ts';
import type { SessionRow } from './mqtt-types.ts';

/** Writes what the broker keeps. Runs inside the caller's transaction. */
export class MqttRows {
  readonly #putSession: Database.Statement;
  readonly #putSubscription: Database.Statement;
  readonly #putMessage: Database.Statement;
  readonly #putOutgoing: Database.Statement;
  readonly #putIncoming: Database.Statement;
  readonly #putRetained: Database.Statement;
  /** The session, and what belongs to it. */
  readonly #removeSession: Database.Statement[];
  readonly #removeSubscription: Database.Statement;
  readonly #removeMessage: Database.Statement;
  readonly #removeOutgoing: Database.Statement;
  readonly #removeIncoming: Database.Statement;
  readonly #removeRetained: Database.Statement;

  constructor(db: Database.Database) {
    this.#putSession = db.prepare(
      'INSERT OR REPLACE INTO mqtt_session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    );
    this.#putSubscription = db.prepare('INSERT OR REPLACE INTO mqtt_subscription VALUES (?, ?, ?, ?)');
    this.#putMessage = db.prepare('INSERT OR REPLACE INTO mqtt_message VALUES (?, ?, ?, ?, ?, ?)');
    this.#putOutgoing = db.prepare('INSERT OR REPLACE INTO mqtt_outgoing VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.#putIncoming = db.prepare('INSERT OR REPLACE INTO mqtt_incoming VALUES (?, ?)');
    this.#putRetained = db.prepare('INSERT OR REPLACE INTO mqtt_retained VALUES (?, ?, ?, ?, ?, ?, ?)');
    this.#removeSession = [
      db.prepare('DELETE FROM mqtt_session WHERE id = ?'),
      db.prepare('DELETE FROM mqtt_subscription WHERE session = ?'),
      db.prepare('DELETE FROM mqtt_outgoing WHERE session = ?'),
      db.prepare('DELETE FROM mqtt_incoming WHERE session = ?'),
    ];
    this.#removeSubscription = db.prepare('DELETE FROM mqtt_subscription WHERE session = ? AND filter = ?');
    this.#removeMessage = db.prepare('DELETE FROM mqtt_message WHERE id = ?');
    this.#removeOutgoing = db.prepare('DELETE FROM mqtt_outgoing WHERE order_no = ?');
    this.#removeIncoming = db.prepare('DELETE FROM mqtt_incoming WHERE session = ? AND packet_id = ?');
    this.#removeRetained = db.prepare('DELETE FROM mqtt_retained WHERE topic = ?');
  }

  /** Removals first: a session that ended and another one of its id may come in one batch. */
  apply({ gone, put }: BrokerRows): void {
    for (const id of gone.sessions) for (const statement of this.#removeSession) statement.run(id);
    for (const { session, filter } of gone.subscriptions) this.#removeSubscription.run(session, filter);
    for (const id of gone.messages) this.#removeMessage.run(id);
    for (const order of gone.outgoing) this.#removeOutgoing.run(order);
    for (const row of eachOf(INCOMING, gone.incoming)) this.#removeIncoming.run(row.session, row.packetId);
    for (const topic of gone.retained) this.#removeRetained.run(topic);
    this.put(put);
  }

  put(rows: BrokerColumns): void {
    for (const row of eachOf(SESSION, rows.sessions)) this.#session(row);
    for (const row of eachOf(SUBSCRIPTION, rows.subscriptions)) {
      this.#putSubscription.run(row.session, row.filter, row.options, row.subscriptionId);
    }
    for (const row of eachOf(MESSAGE, rows.messages)) {
      this.#putMessage.run(row.id, row.topic, row.payload, row.properties, row.qos, row.expiresMs);
    }
    for (const row of eachOf(OUTGOING, rows.outgoing)) {
      const { order, session, message, qos, state, packetId, flags, subscriptionIds } = row;
      const ids = subscriptionIds?.join() ?? null;
      this.#putOutgoing.run(order, session, message, qos, state, packetId, flags, ids);
    }
    for (const row of eachOf(INCOMING, rows.incoming)) this.#putIncoming.run(row.session, row.packetId);
    for (const row of eachOf(RETAINED, rows.retained)) {
      const { topic, payload, properties, qos, expiresMs, client, receivedMs } = row;
      this.#putRetained.run(topic, payload, properties, qos, expiresMs, client, receivedMs);
    }
  }

  #session(row: SessionRow): void {
    const { id, clientId, protocolLevel, username, expirySeconds, createdMs, leftMs, will } = row;
    this.#putSession.run(
      id,
      clientId,
      protocolLevel,
      username,
      expirySeconds,
      createdMs,
      leftMs,
      will?.topic ?? null,
      will?.payload ?? null,
      will?.qos ?? null,
      will === null ? null : Number(will.retain),
      will?.properties ?? null,
      will?.expirySeconds ?? null,
      will?.delaySeconds ?? null,
    );
  }
}
