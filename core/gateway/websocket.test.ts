import { systemClock } from '../base/clock.ts';
import { silentLog } from '../base/log.ts';
import { connectWebSocket, rpcUrlOf } from '../rpc/websocket-client.ts';
import { describeRpc } from '../../test/support/rpc-behaviour.ts';
import { createGateway } from './gateway.ts';

// The whole way: the real gateway on a free port, the global WebSocket against it.
describeRpc('WebSocket', async (rpcHost) => {
  const roles = { v: 'view', o: 'operate', a: 'admin' } as const;
  const gateway = await createGateway({
    rpcHost,
    access: { roleOf: (token) => roles[token as keyof typeof roles] ?? null },
    log: silentLog,
    clock: systemClock,
    consoleFolder: '/nowhere',
  }).listen({ host: '127.0.0.1', port: 0 });
  return {
    connect: (role) => connectWebSocket(rpcUrlOf(gateway.url), role[0]),
    stop: () => gateway.close(),
  };
});
