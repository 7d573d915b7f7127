import type { CoapCounters } from '../parameters.ts';
import type { Impatience } from './patience.ts';

export const NOT_READ = 'the other end does not read what it is sent';
export const RELEASED = 'it was released';

/** What can be done to a connection that has lasted too long. */
export interface KeptConnection {
  /** Abort. */
  refuse(diagnostic: string): void;
  release(diagnostic: string): void;
  /** Ends it after what was sent, without a word of signalling. */
  hangUp(reason: string): void;
  destroy(reason: string): void;
  keepAlive(): void;
}

/** Does what the verdict asks for, and counts it. After a Ping or a Release the connection lives on. */
export function actOn(verdict: Impatience, connection: KeptConnection, counters: CoapCounters): void {
  switch (verdict) {
    case 'no_csm':
      connection.refuse('no CSM came in time');
      return;
    case 'unfinished':
      counters.droppedByLimit++;
      connection.refuse('a message took too long');
      return;
    case 'stalled':
      counters.droppedByLimit++;
      connection.destroy(NOT_READ);
      return;
    case 'unanswered':
      counters.timeouts++;
      connection.destroy('the other end gives no sign of life');
      return;
    case 'release_over':
      connection.hangUp(RELEASED);
      return;
    case 'ping_now':
      connection.keepAlive();
      return;
    case 'idle':
      connection.release('idle');
  }
}
