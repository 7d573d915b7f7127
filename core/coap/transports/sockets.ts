import type { Socket } from 'node:dgram';
import type { PeerAddress } from '../address.ts';

/** Fails with the system's error; the socket is to be closed then. */
export function bind(socket: Socket, at: PeerAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: at.address, port: at.port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

export function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.removeAllListeners('message');
    try {
      socket.close(() => resolve());
    } catch {
      resolve(); // closed already
    }
  });
}
