/**
 * A station with nothing behind it but made-up data, for looking at the console and measuring it:
 * `node test/support/console-host.ts [CONSOLE_FOLDER]` prints an address for each role. Not a mock of the broker's
 * behaviour: scenarios run against the real station.
 */
import { join } from 'node:path';
import { silentLog } from '../../core/base/log.ts';
import { systemClock } from '../../core/base/clock.ts';
import { createGateway } from '../../core/gateway/gateway.ts';
import { createRpcHost } from '../../core/rpc/host.ts';
import { consoleHandlers } from './console-handlers.ts';
import type { MadeUpTopicsOptions } from './console-topics.ts';
import type { Role } from '../../core/contract/roles.ts';

export interface ConsoleHostOptions {
  consoleFolder: string;
  clients?: number;
  /** Clients whose figures change, per second. */
  changesPerSecond?: number;
  port?: number;
  topics?: MadeUpTopicsOptions;
}

export interface ConsoleHost {
  /** The console's address with the token of a role. */
  url(role: Role): string;
  stop(): Promise<void>;
}

const TOKENS: Record<Role, string> = { view: 'v'.repeat(43), operate: 'o'.repeat(43), admin: 'a'.repeat(43) };

export async function startConsoleHost(options: ConsoleHostOptions): Promise<ConsoleHost> {
  const made = consoleHandlers(options.clients ?? 10_000, options.changesPerSecond ?? 1_000, options.topics);
  const rpcHost = createRpcHost(made.handlers, {
    clock: systemClock,
    log: silentLog,
    stationName: () => 'North plant',
  });
  const roleOf = (token: string): Role | null =>
    (Object.keys(TOKENS) as Role[]).find((role) => TOKENS[role] === token) ?? null;
  const gateway = await createGateway({
    rpcHost,
    access: { roleOf },
    log: silentLog,
    clock: systemClock,
    consoleFolder: options.consoleFolder,
  }).listen({ host: '127.0.0.1', port: options.port ?? 0 });
  return {
    url: (role) => `${gateway.url}/?token=${TOKENS[role]}`,
    async stop() {
      made.stop();
      rpcHost.stop();
      await gateway.close();
    },
  };
}

if (import.meta.main) {
  const consoleFolder = process.argv[2] ?? join(import.meta.dirname, '..', '..', 'dist', 'console');
  const host = await startConsoleHost({ consoleFolder });
  for (const role of ['view', 'operate', 'admin'] as const)
    process.stdout.write(`${role}: ${host.url(role)}\n`);
}
