import type { Socket } from 'node:net';
import { messageOf } from '../../base/errors.ts';
import type { ReliableConnection } from './connection.ts';
import type { MessagePipe } from './pipe.ts';

/** Below, copying pieces into one is cheaper than handing each of them to the system. */
const GATHERED_BYTES = 2_048;

/** Messages on a TCP socket, or on TLS. */
export class SocketPipe implements MessagePipe {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  writeAll(pieces: readonly Uint8Array[]): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    if (pieces.length === 1) {
      socket.write(pieces[0]!);
      return;
    }
    socket.cork();
    for (let i = 0; i < pieces.length;) {
      let small = i;
      while (small < pieces.length && pieces[small]!.length <= GATHERED_BYTES) small++;
      if (small - i > 1) socket.write(Buffer.concat(pieces.slice(i, small)));
      else socket.write(pieces[(small = i + 1) - 1]!);
      i = small;
    }
    socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Goes on reading: to close while bytes are unread would reset the connection, and the reset overtakes our Abort. */
  end(): void {
    this.#socket.end();
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** From here on `connection` speaks on `socket`. */
export function plugSocket(connection: ReliableConnection, socket: Socket): void {
  let reason = 'the other end closed it';
  socket.on('data', (chunk: Buffer) => {
    // A plain view: slicing it is cheaper than slicing a Buffer.
    connection.receive(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
  });
  socket.on('drain', () => connection.drained());
  socket.on('error', (error) => (reason = messageOf(error)));
  socket.once('close', () => connection.ended(reason));
  connection.start();
}
