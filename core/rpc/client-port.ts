/** Frames over any kind of message port: a browser's, a worker's, or Electron's in its main and utility processes. */
import { copyColumn, replaceColumns } from './client-columns.ts';
import type { Column } from './client-columns.ts';
import type { Transport } from './types.ts';

/** MessagePort of browsers and of node:worker_threads. */
export interface EventTargetPort {
  postMessage(message: unknown): void;
  addEventListener(type: string, listener: (event: object) => void): void;
  removeEventListener(type: string, listener: (event: object) => void): void;
  start(): void;
  close(): void;
}

/** Electron's MessagePortMain. It transfers ports only, never buffers. */
export interface EmitterPort {
  postMessage(message: unknown): void;
  on(type: string, listener: (event: object) => void): unknown;
  off(type: string, listener: (event: object) => void): unknown;
  start(): void;
  close(): void;
}

export type AnyMessagePort = EventTargetPort | EmitterPort;

/**
 * A structured clone of a view copies the whole buffer behind it: a 20-byte payload in a socket's read buffer would
 * carry 64 KiB of other people's traffic to the screen. So a view of a part, or of shared memory, is copied first.
 */
export function ownColumn(column: Column): Column {
  const whole = column.byteLength === column.buffer.byteLength && column.buffer instanceof ArrayBuffer;
  return whole ? column : copyColumn(column);
}

/** The port is started when `onFrame` is called, so that no frame is missed, and closed with the transport. */
export function portTransport<Out, In>(port: AnyMessagePort): Transport<Out, In> {
  let onFrame: ((frame: In) => void) | undefined;
  let onClose: ((reason: string) => void) | undefined;
  let closedBecause: string | undefined;

  const message = (event: object): void => {
    if (closedBecause === undefined) onFrame?.((event as { data: In }).data);
  };
  const gone = (): void => end('the other end closed the port');
  const unreadable = (): void => end('a message could not be read');

  function end(reason: string): void {
    if (closedBecause !== undefined) return;
    closedBecause = reason;
    unlisten(port, 'message', message);
    unlisten(port, 'messageerror', unreadable);
    unlisten(port, 'close', gone);
    port.close();
    onClose?.(reason);
  }

  listen(port, 'message', message);
  listen(port, 'messageerror', unreadable);
  listen(port, 'close', gone);

  return {
    send(frame) {
      if (closedBecause === undefined) port.postMessage(replaceColumns(frame, ownColumn));
    },
    onFrame(listener) {
      onFrame = listener;
      port.start();
    },
    onClose(listener) {
      onClose = listener;
      if (closedBecause !== undefined) listener(closedBecause);
    },
    close: (reason = 'closed') => end(reason),
    bufferedBytes: () => 0,
  };
}

// Node's own port has both manners; its EventTarget half gives the same event as a browser's.
function listen(port: AnyMessagePort, type: string, listener: (event: object) => void): void {
  if ('addEventListener' in port) port.addEventListener(type, listener);
  else port.on(type, listener);
}

function unlisten(port: AnyMessagePort, type: string, listener: (event: object) => void): void {
  if ('removeEventListener' in port) port.removeEventListener(type, listener);
  else port.off(type, listener);
}
