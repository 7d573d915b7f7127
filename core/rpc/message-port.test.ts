import { EventEmitter } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { describeRpc } from '../../test/support/rpc-behaviour.ts';
import { connectMessagePort } from './message-port-client.ts';
import { acceptMessagePort } from './message-port-host.ts';
import type { MessagePort } from 'node:worker_threads';
import type { EmitterPort } from './client-port.ts';

describeRpc('MessagePort', (host) =>
  Promise.resolve({
    connect(role) {
      const { port1, port2 } = new MessageChannel();
      host.accept(acceptMessagePort(port1), { role });
      return connectMessagePort(port2);
    },
    stop: () => Promise.resolve(),
  }),
);

describeRpc("Electron's MessagePortMain", (host) =>
  Promise.resolve({
    connect(role) {
      const { port1, port2 } = new MessageChannel();
      host.accept(acceptMessagePort(new StandInPortMain(port1)), { role });
      return connectMessagePort(port2);
    },
    stop: () => Promise.resolve(),
  }),
);

/** The shape of Electron's port: an emitter of `{data}` that hands over nothing before `start`. */
class StandInPortMain extends EventEmitter implements EmitterPort {
  readonly #port: MessagePort;

  constructor(port: MessagePort) {
    super();
    this.#port = port;
  }

  start(): void {
    this.#port.on('message', (data: unknown) => this.emit('message', { data, ports: [] }));
    this.#port.on('close', () => this.emit('close'));
  }

  postMessage(message: unknown): void {
    this.#port.postMessage(message);
  }

  close(): void {
    this.#port.close();
  }
}
