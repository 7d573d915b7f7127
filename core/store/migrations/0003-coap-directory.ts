import type { Migration } from '../migrate.ts';

/** Who is registered in the CoAP resource directory (RFC 9176); `registration` is JSON, whole. */
export const coapDirectory: Migration = {
  version: 3,
  sql: `
    CREATE TABLE coap_registration (location TEXT PRIMARY KEY, registration TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
};
