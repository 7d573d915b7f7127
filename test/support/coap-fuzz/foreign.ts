import type { Log } from '../../../core/base/log.ts';
import type { PeerAddress } from '../../../core/coap/address.ts';
import type { DatagramReceiver, Datagrams } from '../../../core/coap/transports/datagrams.ts';
import { UdpDatagrams } from '../../../core/coap/transports/udp.ts';

/** What comes from 127.66.0.0/16 seems to come from 198.18.0.0/16 (RFC 2544): from other machines, which may be forged. */
const NEAR = '127.66.';
const FAR = '198.18.';

/** UDP on loopback on which part of the peers are on other machines, as far as the endpoint can see. */
export class ForeignDatagrams implements Datagrams {
  readonly #udp: UdpDatagrams;

  constructor(log: Log) {
    this.#udp = new UdpDatagrams(log);
  }

  start(
    at: { host: string; port: number },
    receive: DatagramReceiver,
  ): Promise<{ host: string; port: number }> {
    return this.#udp.start(at, (bytes, from, arrival) => receive(bytes, moved(from, NEAR, FAR), arrival));
  }

  send(bytes: Uint8Array, to: PeerAddress, failed?: (error: Error) => void): void {
    this.#udp.send(bytes, moved(to, FAR, NEAR), failed);
  }

  stop(): Promise<void> {
    return this.#udp.stop();
  }
}

function moved(peer: PeerAddress, from: string, to: string): PeerAddress {
  return peer.address.startsWith(from) ? { ...peer, address: to + peer.address.slice(from.length) } : peer;
}
