import type { Migration } from '../migrate.ts';

/**
 * Ids are given by the station. Keys carry no UNIQUE constraint on purpose: a constraint that fails would hold up
 * the whole batch and with it the recorder, and the station already keeps them unique.
 *
 * Times are REAL ms since the epoch. `received` is NULL when it equals `t`, which costs no byte in the row.
 */
export const firstRecord: Migration = {
  version: 1,
  sql: `
    CREATE TABLE device (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL, protocols TEXT NOT NULL,
      coap_authority TEXT, first_seen REAL NOT NULL, last_seen REAL NOT NULL
    ) STRICT;

    CREATE TABLE series (
      id INTEGER PRIMARY KEY, device_id INTEGER NOT NULL, name TEXT NOT NULL, quantity TEXT, unit TEXT NOT NULL
    ) STRICT;

    CREATE TABLE topic_name (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;

    CREATE TABLE topic (
      name_id INTEGER PRIMARY KEY, device_id INTEGER, messages INTEGER NOT NULL, received REAL NOT NULL,
      qos INTEGER NOT NULL, retain INTEGER NOT NULL, client TEXT, payload BLOB NOT NULL,
      payload_bytes INTEGER NOT NULL, raw_reason TEXT
    ) STRICT;

    CREATE TABLE resource (
      uri TEXT PRIMARY KEY, authority TEXT NOT NULL, path TEXT NOT NULL, attributes TEXT NOT NULL,
      observed INTEGER NOT NULL, accept INTEGER, removed INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- seq tells readings of one series at the same t apart, in order of arrival; it is 0 for nearly all.
    CREATE TABLE reading_head (
      series INTEGER NOT NULL, t REAL NOT NULL, seq INTEGER NOT NULL, v REAL NOT NULL, received REAL,
      PRIMARY KEY (series, t, seq)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE message (
      id INTEGER PRIMARY KEY, topic_id INTEGER NOT NULL, received REAL NOT NULL, qos INTEGER NOT NULL,
      retain INTEGER NOT NULL, client TEXT, payload BLOB NOT NULL, bytes INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX message_by_topic ON message (topic_id); -- ends with the id, so newest-first needs no sort

    -- How far the record has come; one row, rewritten by every batch in the batch's own transaction.
    CREATE TABLE progress (
      one INTEGER PRIMARY KEY CHECK (one = 1), run TEXT NOT NULL, batch INTEGER NOT NULL,
      readings INTEGER NOT NULL, message_bytes INTEGER NOT NULL
    ) STRICT;
    INSERT INTO progress VALUES (1, '', 0, 0, 0);
  `,
};
