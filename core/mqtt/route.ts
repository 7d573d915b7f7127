import type { Session } from './session.ts';
import { SharedGroup } from './shared-groups.ts';
import { type Grant, sameGrant } from './subscription.ts';

/** Who gets a message: sessions and what each is granted, side by side, and groups that pick one of theirs. */
export interface Route {
  readonly sessions: Session[];
  readonly grants: Grant[];
  readonly groups: SharedGroup[];
}

/** What subscribes in the tree. */
export type Subscriber = Session | SharedGroup;

export const NO_ROUTE: Route = { sessions: [], grants: [], groups: [] };

/**
 * Makes equal routes the same object: messages of different topics with the same receivers travel together, and ten
 * thousand receivers of everything are one list and not one for each topic.
 */
export class RouteTable {
  readonly #routes = new Map<number, Route[]>();
  /** Of all routes together. */
  receivers = 0;

  of(subscribers: Map<Subscriber, Grant>): Route {
    if (subscribers.size === 0) return NO_ROUTE;
    let hash = subscribers.size;
    for (const [{ serial }, { qos }] of subscribers) hash = (Math.imul(hash ^ serial, 0x01000193) + qos) | 0;
    const known = this.#routes.get(hash);
    const same = known?.find((route) => isRouteOf(route, subscribers));
    if (same !== undefined) return same;
    const made = build(subscribers);
    this.receivers += subscribers.size;
    if (known === undefined) this.#routes.set(hash, [made]);
    else known.push(made);
    return made;
  }

  clear(): void {
    this.#routes.clear();
    this.receivers = 0;
  }
}

function build(subscribers: Map<Subscriber, Grant>): Route {
  const route: Route = { sessions: [], grants: [], groups: [] };
  for (const [subscriber, grant] of subscribers) {
    if (subscriber instanceof SharedGroup) route.groups.push(subscriber);
    else {
      route.sessions.push(subscriber);
      route.grants.push(grant);
    }
  }
  return route;
}

function isRouteOf(route: Route, subscribers: Map<Subscriber, Grant>): boolean {
  const { sessions, grants, groups } = route;
  if (sessions.length + groups.length !== subscribers.size) return false;
  let session = 0;
  let group = 0;
  for (const [subscriber, grant] of subscribers) {
    if (subscriber instanceof SharedGroup) {
      if (groups[group++] !== subscriber) return false;
    } else if (sessions[session] !== subscriber || !sameGrant(grants[session++]!, grant)) return false;
  }
  return true;
}
