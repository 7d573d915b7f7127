/**
 * Started with --expose-gc: `memory.ts COUNT`. Prints the port of a TCP listener; on the message `peers`, `observations`,
 * `connections` or `requests` it measures, and answers with bytes.
 */
import { systemClock } from '../../../core/base/clock.ts';
import { silentLog } from '../../../core/base/log.ts';
import type { PeerAddress } from '../../../core/coap/address.ts';
import { encodeMessage, decodeMessage } from '../../../core/coap/codec/codec.ts';
import { ACK, CONTENT } from '../../../core/coap/codec/codes.ts';
import { OBSERVE, findUint, uintOption } from '../../../core/coap/codec/options.ts';
import { CoapEndpoint } from '../../../core/coap/endpoint.ts';
import type { DatagramReceiver, Datagrams } from '../../../core/coap/transports/datagrams.ts';
import { PAYLOAD } from './lean.ts';
import { pass } from './processes.ts';

export interface MemoryAnswer {
  count: number;
  heapBytes: number;
  residentBytes: number;
}

/** Every address is a server that answers at once and lets itself be observed. */
class Everywhere implements Datagrams {
  #receive: DatagramReceiver = () => undefined;

  start(
    at: { host: string; port: number },
    receive: DatagramReceiver,
  ): Promise<{ host: string; port: number }> {
    this.#receive = receive;
    return Promise.resolve(at);
  }

  send(bytes: Uint8Array, to: PeerAddress): void {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok || decoded.message.code !== 1) return;
    const { messageId, token, options } = decoded.message;
    const observe = findUint(options, OBSERVE) === 0 ? [uintOption(OBSERVE, 7)] : [];
    const answer = {
      type: ACK,
      code: CONTENT,
      messageId,
      token,
      options: observe,
      payload: PAYLOAD,
    } as const;
    const whole = Buffer.from(encodeMessage(answer));
    setImmediate(() => this.#receive(whole, to, 'serving'));
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

const count = Number(process.argv[2]);
const WARM_UP_PEERS = 2_000;
const limits = { peers: count + WARM_UP_PEERS, observations: count };
const endpoint = new CoapEndpoint({
  clock: systemClock,
  log: silentLog,
  datagrams: new Everywhere(),
  limits,
});
await endpoint.start({ host: '127.0.0.1', port: 5683 });
const listener = await endpoint.listenReliable({
  transport: 'tcp',
  host: '127.0.0.1',
  port: 0,
  limits: { connections: count, connectionsPerAddress: count, newcomersPerAddress: count },
});
let handedOn = 0;
const WORK: Record<string, () => Promise<void>> = {
  peers: () => askEach(0, count),
  observations: async () => {
    const handlers = { notification: () => void handedOn++ };
    for (let one = 0; one < count; one++) endpoint.observe(`${serverAt(one)}/t`, {}, handlers);
    while (handedOn < count) await pass(50);
  },
  connections: async () => {
    while (listener.connections < count) await pass(50);
  },
  requests: async () => {
    const ask = async (peer: number): Promise<void> => {
      for (let asked = 0; asked < 10_000; asked++) await endpoint.request(`${serverAt(peer)}/t`);
    };
    await Promise.all(Array.from({ length: 100 }, (_, peer) => ask(peer)));
  },
};
// Compiled code is not a peer's.
await askEach(count, count + WARM_UP_PEERS);
await pass(200);
process.on('message', (word: string) => {
  void measure(word).then((answer) => process.send!(answer));
});
process.once('disconnect', () => process.exit(0));
console.log(JSON.stringify({ tcpPort: listener.address.port }));

async function askEach(from: number, to: number): Promise<void> {
  for (let peer = from; peer < to; peer += 100) {
    await Promise.all(Array.from({ length: 100 }, (_, at) => endpoint.request(`${serverAt(peer + at)}/t`)));
  }
}

function serverAt(number: number): string {
  return `coap://10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`;
}

async function measure(word: string): Promise<MemoryAnswer> {
  const before = used();
  await WORK[word]!();
  await pass(200);
  const after = used();
  return { count, heapBytes: after.heap - before.heap, residentBytes: after.rss - before.rss };
}

function used(): { heap: number; rss: number } {
  for (let times = 0; times < 3; times++) void globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed + external, rss };
}
