/** A gateway on a free port with a small console, real tokens and test handlers. */
import { request } from 'node:http';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Access } from '../../core/access/access.ts';
import { createLog } from '../../core/base/log.ts';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { createGateway } from '../../core/gateway/gateway.ts';
import { createRpcHost } from '../../core/rpc/host.ts';
import { testHandlers } from './rpc-handlers.ts';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { ListeningGateway } from '../../core/gateway/gateway.ts';
import type { RpcHost } from '../../core/rpc/host.ts';
import type { TestHandlers } from './rpc-handlers.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export class GatewayBench {
  readonly folder = mkdtempSync(join(tmpdir(), 'fieldstation-gateway-'));
  readonly clock = new ManualClock();
  readonly lines: string[] = [];
  readonly log = createLog('test', (line) => this.lines.push(line), 'debug');
  readonly test: TestHandlers = testHandlers();
  readonly host: RpcHost = createRpcHost(this.test.handlers, { clock: this.clock, log: this.log });
  readonly access = Access.open(this.folder, this.log);
  gateway!: ListeningGateway;

  get consoleFolder(): string {
    return join(this.folder, 'console');
  }

  async start(allowedNames: string[] = []): Promise<void> {
    const { consoleFolder } = this;
    mkdirSync(join(consoleFolder, 'assets'), { recursive: true });
    writeFileSync(join(consoleFolder, 'index.html'), '<!doctype html><title>console</title>');
    writeFileSync(join(consoleFolder, 'assets', 'index-BqD3x_9a.js'), 'export {};');
    writeFileSync(join(consoleFolder, 'assets', 'index-BqD3x_9a.js.map'), '{}');
    writeFileSync(join(consoleFolder, 'a b.svg'), '<svg/>');
    writeFileSync(join(consoleFolder, '.hidden.txt'), 'x');
    symlinkSync(join(this.folder, 'tokens.json'), join(consoleFolder, 'link.json'));
    await this.listen(0, allowedNames);
  }

  async listen(port: number, allowedNames: string[] = []): Promise<void> {
    const { host: rpcHost, access, log, clock, consoleFolder } = this;
    this.gateway = await createGateway({ rpcHost, access, log, clock, consoleFolder, allowedNames }).listen({
      host: '127.0.0.1',
      port,
    });
  }

  async stop(): Promise<void> {
    this.host.stop();
    await this.gateway.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** `fetch` may set neither Host nor an odd path. */
  ask(path: string, headers: OutgoingHttpHeaders = {}, method = 'GET', body?: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { port } = this.gateway;
      const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
        );
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(body);
    });
  }
}
