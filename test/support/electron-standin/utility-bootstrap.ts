/** First code of a stand-in utility process: makes `process.parentPort`, then runs the entry. */
import { EventEmitter } from 'node:events';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { StandInPort } from './ports.ts';

class ParentPort extends EventEmitter {
  constructor() {
    super();
    // As in Electron, messages wait until somebody listens.
    this.once('newListener', () => {
      parentPort!.on('message', (message: { data: unknown; ports: MessagePort[] }) => {
        this.emit('message', {
          data: message.data,
          ports: message.ports.map((port) => new StandInPort(port)),
        });
      });
    });
  }

  postMessage(message: unknown): void {
    parentPort!.postMessage(message);
  }
}

const { entry } = workerData as { entry: string };
process.argv[1] = entry;
Object.defineProperty(process, 'parentPort', { value: new ParentPort() });
await import(pathToFileURL(entry).href);
