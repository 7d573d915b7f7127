/** A relay between one client and one server that loses exactly the datagrams that it is told to, and remembers all. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { TYPE_NAMES, codeText } from '../../core/coap/codec/codes.ts';

export interface Passed {
  to: 'server' | 'client';
  /** Among those of its direction, from 0. */
  nth: number;
  type: (typeof TYPE_NAMES)[number];
  code: string;
  messageId: number;
  bytes: Buffer;
  lost: boolean;
}

export class PickyRelay {
  readonly passed: Passed[] = [];
  readonly #front: Socket;
  readonly #back: Socket;
  #client: { address: string; port: number } | undefined;

  private constructor(front: Socket, back: Socket) {
    this.#front = front;
    this.#back = back;
  }

  /** `loses` is asked for each datagram. */
  static async start(
    targetPort: number,
    loses: (datagram: Omit<Passed, 'lost'>) => boolean,
  ): Promise<PickyRelay> {
    const [front, back] = [createSocket('udp4'), createSocket('udp4')];
    const relay = new PickyRelay(front, back);
    await new Promise<void>((resolve) => front.bind(0, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => back.bind(0, '127.0.0.1', resolve));
    // Who is gone makes the system report earlier datagrams; a network would stay silent.
    for (const socket of [front, back]) socket.on('error', () => undefined);
    front.on('message', (bytes, from) => {
      relay.#client = from;
      if (relay.#keep('server', bytes, loses)) back.send(bytes, targetPort, '127.0.0.1');
    });
    back.on('message', (bytes) => {
      const to = relay.#client;
      if (relay.#keep('client', bytes, loses) && to !== undefined) front.send(bytes, to.port, to.address);
    });
    return relay;
  }

  get port(): number {
    return this.#front.address().port;
  }

  /** `>` to the server, `<` to the client, `x` where it was lost: `> CON 0.01`, `<x ACK 0.00`. */
  get story(): string[] {
    return this.passed.map(
      ({ to, type, code, lost }) => `${to === 'server' ? '>' : '<'}${lost ? 'x' : ''} ${type} ${code}`,
    );
  }

  async stop(): Promise<void> {
    await Promise.all(
      [this.#front, this.#back].map(
        (socket) => new Promise<void>((resolve) => socket.close(() => resolve())),
      ),
    );
  }

  /** True when it passes. */
  #keep(to: Passed['to'], bytes: Buffer, loses: (datagram: Omit<Passed, 'lost'>) => boolean): boolean {
    const nth = this.passed.filter((one) => one.to === to).length;
    const type = TYPE_NAMES[(bytes[0]! >> 4) & 3]!;
    const datagram = { to, nth, type, code: codeText(bytes[1]!), messageId: bytes.readUInt16BE(2), bytes };
    const lost = loses(datagram);
    this.passed.push({ ...datagram, lost });
    return !lost;
  }
}
