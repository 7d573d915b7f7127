import type { Session } from './session.ts';
import type { Qos } from './types.ts';

/** Who gets a message: two columns of the same length. Equal routes are one object, see `RouteTable`. */
export interface Route {
  readonly sessions: Session[];
  readonly granted: Qos[];
}

export const NO_ROUTE: Route = { sessions: [], granted: [] };

/** Larger routes are not compared with each other: the key would cost more than it saves. */
const MAX_SHARED_SESSIONS = 64;

/**
 * Makes equal routes the same object, so that messages of different topics with the same receivers travel
 * together. Forgets everything when the subscriptions change.
 */
export class RouteTable {
  readonly #routes = new Map<string, Route>();

  of(subscribers: Map<Session, Qos>): Route {
    if (subscribers.size === 0) return NO_ROUTE;
    if (subscribers.size > MAX_SHARED_SESSIONS) return build(subscribers);
    let key = '';
    for (const [session, qos] of subscribers) key += `${session.serial}:${qos},`;
    let route = this.#routes.get(key);
    if (route === undefined) this.#routes.set(key, (route = build(subscribers)));
    return route;
  }

  clear(): void {
    this.#routes.clear();
  }
}

function build(subscribers: Map<Session, Qos>): Route {
  return { sessions: [...subscribers.keys()], granted: [...subscribers.values()] };
}
