import type { CoapResource } from '../../../../../core/contract/coap.ts';

/** One CoAP server in the list. */
export interface Server {
  authority: string;
  resources: number;
  /** Observations that are active or starting. */
  observed: number;
  /** Observations that are not: stale, retried or ended. */
  troubled: number;
}

const collator = new Intl.Collator('en', { numeric: true });

/** Servers of these resources, in a fixed order; `also` is one that may have none yet. */
export function serversOf(resources: readonly CoapResource[], also: string | null): Server[] {
  const servers = new Map<string, Server>();
  const of = (authority: string): Server => {
    const server = servers.get(authority) ?? { authority, resources: 0, observed: 0, troubled: 0 };
    servers.set(authority, server);
    return server;
  };
  if (also !== null) of(also);
  for (const { authority, observation } of resources) {
    const server = of(authority);
    server.resources++;
    if (observation === null) continue;
    if (observation.state === 'active' || observation.state === 'starting') server.observed++;
    else server.troubled++;
  }
  return [...servers.values()].sort((a, b) => collator.compare(a.authority, b.authority));
}
