import { createSocket } from 'node:dgram';
import { canonicalAddress } from '../address.ts';
import type { PeerAddress } from '../address.ts';

export interface MdnsTarget {
  /** `224.0.0.251` or `ff02::fb`. */
  group: string;
  family: 4 | 6;
  /** 5353. */
  port: number;
  interfaceName: string;
  /** An address of that interface and family. */
  interfaceAddress: string;
}

export interface MdnsSocket {
  /** To the group. Nothing is said when it cannot be sent. */
  send(bytes: Uint8Array): void;
  /** May be called again. */
  close(): void;
}

/** A socket on a free port: that is what makes a query a legacy one, answered to it alone (RFC 6762 §6.7). */
export type OpenMdnsSocket = (
  target: MdnsTarget,
  receive: (bytes: Uint8Array, from: PeerAddress) => void,
) => Promise<MdnsSocket>;

export const openMdnsSocket: OpenMdnsSocket = async (target, receive) => {
  const { family, group, port, interfaceName, interfaceAddress } = target;
  const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6', ipv6Only: family === 6 });
  let open = true;
  const close = (): void => {
    if (open) socket.close();
    open = false;
  };
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: interfaceAddress, port: 0, exclusive: true }, () => {
        socket.off('error', reject);
        resolve();
      });
    });
    socket.setMulticastInterface(family === 4 ? interfaceAddress : `::%${interfaceName}`);
    // §11: receivers may check that it came over no router.
    socket.setMulticastTTL(255);
  } catch (error) {
    close();
    throw error;
  }
  // A network that goes away: the next question finds out.
  socket.on('error', () => undefined);
  socket.on('message', (bytes, from) => {
    const address = canonicalAddress(from.address, from.port);
    if (address !== undefined && open) receive(bytes, address);
  });
  const to = family === 4 ? group : `${group}%${interfaceName}`;
  return {
    send: (bytes) => {
      if (open) socket.send(bytes, port, to, () => undefined);
    },
    close,
  };
};
