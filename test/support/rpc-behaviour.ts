/** How rpc behaves, the same over every transport: each transport's test file runs this suite. */
import { afterEach, beforeEach, describe } from 'vitest';
import { RpcBench } from './rpc-bench.ts';
import { describeCalls } from './rpc-behaviour-calls.ts';
import { describeConnections } from './rpc-behaviour-connections.ts';
import { describeSubscriptions } from './rpc-behaviour-subscriptions.ts';
import type { RpcHost } from '../../core/rpc/host.ts';
import type { RpcRig } from './rpc-bench.ts';

export function describeRpc(transport: string, openRig: (host: RpcHost) => Promise<RpcRig>): void {
  describe(`rpc over ${transport}`, () => {
    const bench = new RpcBench(openRig);
    beforeEach(() => bench.start());
    afterEach(() => bench.stop());
    describeCalls(bench);
    describeSubscriptions(bench);
    describeConnections(bench);
  });
}
