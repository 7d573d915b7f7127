/** Servers for bodies that go through bad networks: ours, and Debian's libcoap without its log. */
import { createHash } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import { CHANGED, CONTENT, NOT_FOUND } from '../../core/coap/codec/codes.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { secureRandom } from '../../core/coap/random.ts';
import { CoapServer } from '../../core/coap/server/coap-server.ts';
import { freePort, startPeer, stopChild } from './peers.ts';

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface LossyServer {
  port: number;
  server: CoapServer;
  /** What is to be read, and what was written, by path. */
  stored: Map<string, Uint8Array>;
  /** How often a whole body was handed over, by path. */
  puts: Map<string, number>;
  stop(): Promise<void>;
}

/** Our server: every path can be written and read. */
export async function openLossyServer(): Promise<LossyServer> {
  const stored = new Map<string, Uint8Array>();
  const puts = new Map<string, number>();
  const endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    serve: (request) => server.sink(request),
  });
  const server = new CoapServer({
    clock: systemClock,
    wheel: endpoint.wheel,
    log: silentLog,
    random: secureRandom(),
  });
  server.add(
    '',
    {
      methods: ['GET', 'PUT'],
      handle({ method, path, payload }) {
        const key = path.join('/');
        if (method === 'GET') {
          const there = stored.get(key);
          return there === undefined ? { code: NOT_FOUND } : { code: CONTENT, payload: there };
        }
        stored.set(key, payload.slice());
        puts.set(key, (puts.get(key) ?? 0) + 1);
        return { code: CHANGED };
      },
    },
    { subtree: true },
  );
  const { port } = await endpoint.start({ host: '127.0.0.1', port: 0 });
  return {
    ...{ port, server, stored, puts },
    async stop() {
      server.stop();
      await endpoint.stop();
    },
  };
}

/** libcoap's server, quiet: what it prints of 1 MB would take longer than to send it. */
export class LibcoapLoss {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  /** Listens when it resolves. */
  static async start(...args: string[]): Promise<LibcoapLoss> {
    return LibcoapLoss.at('127.0.0.1', await freePort(), ...args);
  }

  static async at(address: string, port: number, ...args: string[]): Promise<LibcoapLoss> {
    const child = startPeer('coap-server-notls', ['-A', address, '-p', String(port), ...args]);
    child.stdout!.resume();
    child.stderr!.resume();
    const asking = new CoapEndpoint({
      clock: systemClock,
      log: silentLog,
      tickMs: 10,
      parameters: { ackTimeoutMs: 50, maxRetransmit: 8 },
    });
    await asking.start({ host: address, port: 0 });
    try {
      await asking.ping(`coap://${address}:${port}`);
    } finally {
      await asking.stop();
    }
    return new LibcoapLoss(port, child);
  }

  stop(): Promise<void> {
    return stopChild(this.#child);
  }

  kill(): Promise<void> {
    return stopChild(this.#child, 'SIGKILL');
  }
}
