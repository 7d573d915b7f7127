/** Both ends of a connection inside one process, for tests and for the command line's own station. */
import { replaceColumns } from './client-columns.ts';
import { ownColumn } from './client-port.ts';
import type { ClientTransport, HostTransport, Transport } from './types.ts';

/**
 * Frames are cloned as a MessagePort clones them and arrive in a later microtask, in order; nothing that one end
 * keeps can be changed by the other.
 */
export function memoryPair(): { client: ClientTransport; host: HostTransport } {
  const client = new MemoryEnd();
  const host = new MemoryEnd();
  client.peer = host;
  host.peer = client;
  return { client: client as ClientTransport, host: host as HostTransport };
}

class MemoryEnd implements Transport<unknown, never> {
  peer: MemoryEnd | undefined;
  #onFrame: ((frame: never) => void) | undefined;
  #onClose: ((reason: string) => void) | undefined;
  #early: unknown[] = [];
  #closedBecause: string | undefined;

  send(frame: unknown): void {
    if (this.#closedBecause !== undefined) return;
    const copy: unknown = structuredClone(replaceColumns(frame, ownColumn));
    queueMicrotask(() => this.peer?.receive(copy));
  }

  receive(frame: unknown): void {
    if (this.#closedBecause !== undefined) return;
    if (this.#onFrame === undefined) this.#early.push(frame);
    else this.#onFrame(frame as never);
  }

  onFrame(listener: (frame: never) => void): void {
    this.#onFrame = listener;
    for (const frame of this.#early.splice(0)) this.receive(frame);
  }

  onClose(listener: (reason: string) => void): void {
    this.#onClose = listener;
    if (this.#closedBecause !== undefined) listener(this.#closedBecause);
  }

  close(reason = 'closed'): void {
    if (this.#closedBecause !== undefined) return;
    queueMicrotask(() => this.peer?.close(reason));
    this.#closedBecause = reason;
    this.#onClose?.(reason);
  }

  bufferedBytes(): number {
    return 0;
  }
}
