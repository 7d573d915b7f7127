import type { ClientLimits } from './origin.ts';
import type { Session } from './session.ts';

/** What client and broker agreed on with CONNECT and CONNACK. */
export interface Terms {
  session: Session;
  username: string | null;
  limits: ClientLimits;
  keepAliveSeconds: number;
  /** The client's Maximum Packet Size; Infinity for none. */
  maximumPacketBytes: number;
  /** The client's Topic Alias Maximum. */
  topicAliasMaximum: number;
}
