import type { SessionRow, WillRow } from './journal.ts';
import type { ClientLimits } from './origin.ts';
import type { Session } from './session.ts';
import type { Transport } from './types.ts';

const NOBODY: [string, string][] = [];

/** What is known of a session beside its messages. Counts of traffic are of the present connection, or the last one. */
export class SessionRecord {
  limits: ClientLimits;
  username: string | null = null;
  protocolLevel = 4;
  expirySeconds = 0;
  readonly createdMs: number;
  /** Wall time at which the connection ended; 0 while there is one. */
  leftMs = 0;
  /** To be published unless the client takes leave, or comes back in time. */
  will: WillRow | null = null;
  /** Whether it has a row in the journal. */
  hasRow = false;
  /** Of the whole session: what went while the client was away is what it and its operator want to know. */
  dropped = 0;

  transport: Transport = 'tcp';
  listener = '';
  address = '';
  keepAliveSeconds = 0;
  connectedMs = 0;
  lastPacketMs = 0;
  messagesIn = 0;
  messagesOut = 0;
  bytesIn = 0;
  bytesOut = 0;
  receiveMaximum = 65_535;
  maximumPacketBytes = 0;
  topicAliasMaximum = 0;
  /** Of CONNECT. */
  userProperties: [string, string][] = NOBODY;

  constructor(limits: ClientLimits, createdMs: number) {
    this.limits = limits;
    this.createdMs = createdMs;
  }

  row({ serial, clientId }: Session): SessionRow {
    const { protocolLevel, username, expirySeconds, createdMs, leftMs, will } = this;
    return {
      id: serial,
      clientId,
      protocolLevel,
      username,
      expirySeconds,
      createdMs,
      leftMs,
      will,
    };
  }
}
