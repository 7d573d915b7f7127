import type { Session } from './session.ts';
import { viewOf } from './session-view.ts';
import type { ClientView } from './types.ts';

export interface ChangedClients {
  upsert: ClientView[];
  /** Client ids that have no session any more. */
  removed: string[];
  /** For the next look. */
  stamp: number;
  /** False when more went than is remembered since that look: take `upsert` for everything there is. */
  complete: boolean;
}

const MAX_REMEMBERED = 20_000;

/**
 * Which sessions changed since somebody looked. Every session carries the stamp of the look that its last change came
 * before; a look steps it. So a change costs one store, and a look one pass over the sessions.
 */
export class ClientChanges {
  stamp = 1;
  #removed: { stamp: number; clientId: string }[] = [];
  /** Looks before this one may miss a removal. */
  #knownFrom = 0;

  remove(clientId: string): void {
    this.#removed.push({ stamp: this.stamp, clientId });
    if (this.#removed.length <= MAX_REMEMBERED) return;
    this.#removed = this.#removed.slice(MAX_REMEMBERED / 2);
    this.#knownFrom = this.#removed[0]!.stamp + 1;
  }

  /** Everything that changed since the look that returned `since`; 0: everything. */
  since(since: number, sessions: ReadonlyMap<string, Session>): ChangedClients {
    const complete = since === 0 || since >= this.#knownFrom;
    const upsert: ClientView[] = [];
    for (const session of sessions.values()) {
      if (!session.hidden && (!complete || session.stamp >= since)) upsert.push(viewOf(session));
    }
    const removed = new Set<string>();
    if (since > 0) {
      for (let index = this.#removed.length - 1; index >= 0; index--) {
        const { stamp, clientId } = this.#removed[index]!;
        if (stamp < since) break;
        if (!sessions.has(clientId)) removed.add(clientId);
      }
    }
    return { upsert, removed: [...removed], stamp: ++this.stamp, complete };
  }
}
