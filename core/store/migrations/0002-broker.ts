import type { Migration } from '../migrate.ts';

/**
 * What the MQTT broker keeps over a restart. All ids and `order_no` are given by the broker. Times are REAL ms since
 * the epoch, 0 for never.
 *
 * A message has its body once, however many clients it waits for. `mqtt_outgoing_by_session` costs a third more for
 * every row that comes and goes, and makes the end of one session independent of how much waits for all the others.
 */
export const broker: Migration = {
  version: 2,
  sql: `
    CREATE TABLE mqtt_session (
      id INTEGER PRIMARY KEY, client_id TEXT NOT NULL, protocol_level INTEGER NOT NULL, username TEXT,
      expiry_seconds INTEGER NOT NULL, created REAL NOT NULL, left_at REAL NOT NULL,
      -- NULL in will_topic: no will, and the others mean nothing.
      will_topic TEXT, will_payload BLOB, will_qos INTEGER, will_retain INTEGER, will_properties BLOB,
      will_expiry_seconds INTEGER, will_delay_seconds INTEGER
    ) STRICT;

    CREATE TABLE mqtt_subscription (
      session INTEGER NOT NULL, filter TEXT NOT NULL, options INTEGER NOT NULL, subscription_id INTEGER NOT NULL,
      PRIMARY KEY (session, filter)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE mqtt_message (
      id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, properties BLOB NOT NULL,
      qos INTEGER NOT NULL, expires REAL NOT NULL
    ) STRICT;

    -- message is 0 from PUBREC on; subscription_ids are decimal numbers with commas between, NULL for none.
    CREATE TABLE mqtt_outgoing (
      order_no INTEGER PRIMARY KEY, session INTEGER NOT NULL, message INTEGER NOT NULL, qos INTEGER NOT NULL,
      state INTEGER NOT NULL, packet_id INTEGER NOT NULL, flags INTEGER NOT NULL, subscription_ids TEXT
    ) STRICT;
    CREATE INDEX mqtt_outgoing_by_session ON mqtt_outgoing (session);

    CREATE TABLE mqtt_incoming (
      session INTEGER NOT NULL, packet_id INTEGER NOT NULL, PRIMARY KEY (session, packet_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE mqtt_retained (
      topic TEXT PRIMARY KEY, payload BLOB NOT NULL, properties BLOB NOT NULL, qos INTEGER NOT NULL,
      expires REAL NOT NULL, client TEXT, received REAL NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
