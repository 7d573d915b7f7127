/** The one connection of this screen, and what is known of it. */
import type { ConnectionState, RpcClient } from '../../../core/rpc/types.ts';
import type { Role } from '../../../core/contract/roles.ts';
import type { StationInfo, StationStatus } from '../../../core/contract/station.ts';
import { connect } from './connect.ts';
import { faultsOf } from './faults.ts';
import { now } from './now.svelte.ts';
import { Trends } from './trend.svelte.ts';

let client: RpcClient | undefined;

/** The client that every page calls and subscribes with. It reconnects and resubscribes by itself. */
export function getClient(): RpcClient {
  client ??= connect();
  return client;
}

class Station {
  connection = $state<ConnectionState>('connecting');
  /** Why the connection is as it is, one line for people. */
  reason = $state('');
  /** When the connection was lost (host time), null while it is open or was never open. */
  lostSinceMs = $state<number | null>(null);
  role = $state<Role | null>(null);
  info = $state.raw<StationInfo | null>(null);
  status = $state.raw<StationStatus | null>(null);
  /** False whenever what is on the screen may be old: every value is then marked as not live. */
  live = $derived(this.connection === 'open');
  /** What is wrong with the station itself, most urgent first. */
  faults = $derived(this.status === null ? [] : faultsOf(this.status));
  readonly trends = new Trends();
  #everOpen = false;
  #stop: (() => void)[] = [];

  start(): void {
    if (this.#stop.length > 0) return;
    const rpc = getClient();
    const take = (state: ConnectionState, reason: string) => {
      if (state === 'open') {
        this.#everOpen = true;
        this.lostSinceMs = null;
        this.role = rpc.role;
        void this.#readInfo(rpc);
      } else if (this.#everOpen) this.lostSinceMs ??= now.exactMs();
      this.connection = state;
      this.reason = reason;
    };
    this.#stop.push(rpc.onState(take));
    take(rpc.state, '');
    const takeStatus = (status: StationStatus) => {
      now.setOffset(rpc.clockOffsetMs);
      this.status = status;
      this.trends.take(status);
    };
    this.#stop.push(rpc.subscribe('station', {}, { snapshot: takeStatus, delta: takeStatus }, { maxHz: 2 }));
  }

  stop(): void {
    for (const stop of this.#stop.splice(0)) stop();
  }

  async #readInfo(rpc: RpcClient): Promise<void> {
    try {
      this.info = await rpc.call('station.info', {});
    } catch {
      // The next connection asks again; until then the frame shows what the status says.
    }
  }
}

export const station = new Station();
