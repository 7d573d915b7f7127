/** A host with test handlers behind a transport, set up anew for every test of the rpc suite. */
import { expect } from 'vitest';
import { CodedError } from '../../core/base/errors.ts';
import { silentLog } from '../../core/base/log.ts';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { createClient } from '../../core/rpc/client.ts';
import { createRpcHost } from '../../core/rpc/host.ts';
import { RawScreen } from './rpc-screen.ts';
import { testHandlers } from './rpc-handlers.ts';
import type { Role } from '../../core/contract/roles.ts';
import type { ClientOptions } from '../../core/rpc/client.ts';
import type { RpcHost } from '../../core/rpc/host.ts';
import type { ClientTransport, RpcClient } from '../../core/rpc/types.ts';
import type { TestHandlers } from './rpc-handlers.ts';

/** A transport under test, in front of a host. */
export interface RpcRig {
  connect(role: Role): ClientTransport;
  stop(): Promise<void>;
}

/** The host's time is the test's to move; clients and transports live in real time. */
export class RpcBench {
  clock!: ManualClock;
  test!: TestHandlers;
  host!: RpcHost;
  rig!: RpcRig;
  /** What the host logged as errors. */
  errors: { message: string; fields: Record<string, unknown> | undefined }[] = [];
  readonly #openRig: (host: RpcHost) => Promise<RpcRig>;
  #clients: RpcClient[] = [];

  constructor(openRig: (host: RpcHost) => Promise<RpcRig>) {
    this.#openRig = openRig;
  }

  async start(): Promise<void> {
    this.clock = new ManualClock();
    this.test = testHandlers();
    this.errors = [];
    const error = (message: string, fields?: Record<string, unknown>): void =>
      void this.errors.push({ message, fields });
    this.host = createRpcHost(this.test.handlers, {
      clock: this.clock,
      log: { ...silentLog, error },
      stationName: () => 'test station',
    });
    this.rig = await this.#openRig(this.host);
  }

  async stop(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.close();
    this.host.stop();
    await this.rig.stop();
  }

  client(role: Role = 'admin', options: ClientOptions = {}): RpcClient {
    const client = createClient(() => this.rig.connect(role), options);
    this.#clients.push(client);
    return client;
  }

  async screen(role: Role = 'admin'): Promise<RawScreen> {
    const screen = new RawScreen(this.rig.connect(role));
    await screen.next('welcome');
    return screen;
  }

  /** As a fault would: all sessions end at once, and new ones are welcome. */
  dropEveryScreen(): void {
    this.clock.advance(80_000);
  }
}

export async function failureOfCall(call: Promise<unknown>): Promise<CodedError> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CodedError);
  return error as CodedError;
}
