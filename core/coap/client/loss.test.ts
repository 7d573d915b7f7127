/** A megabyte each way where three of ten datagrams are lost, some come twice and some out of order. */
import { expect, test } from 'vitest';
import { silentLog } from '../../base/log.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { HandPeer, MemoryDatagrams, MemoryNet, ipv4 } from '../../../test/support/coap-net.ts';
import { seededRandom } from '../../../test/support/seeded-random.ts';
import type { PeerAddress } from '../address.ts';
import { decodeBlock, encodeBlock } from '../codec/block.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CHANGED, CON, CONTENT, CONTINUE, METHOD_CODES, NON, code, isRequest } from '../codec/codes.ts';
import { BLOCK1, BLOCK2, ETAG, findOption } from '../codec/options.ts';
import { CoapEndpoint } from '../endpoint.ts';
import type { CoapRandom } from '../random.ts';

const MEGABYTE = 1_000_000;
const pattern = (bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 9)) & 255);

class LossyNet extends MemoryNet {
  lost = 0;
  #held: [Uint8Array, PeerAddress, PeerAddress] | undefined;
  readonly #below: (below: number) => number;

  constructor(seed: number) {
    super();
    this.#below = seededRandom(seed);
  }

  override send(bytes: Uint8Array, from: PeerAddress, to: PeerAddress): void {
    const roll = this.#below(1_000_000) / 1_000_000;
    if (roll < 0.3) {
      this.lost++;
      return;
    }
    if (roll < 0.33 && this.#held === undefined) {
      this.#held = [bytes.slice(), from, to];
      return;
    }
    super.send(bytes, from, to);
    if (roll > 0.97) super.send(bytes, from, to);
    if (this.#held !== undefined && roll > 0.8) {
      super.send(...this.#held);
      this.#held = undefined;
    }
  }
}

function seeded(seed: number): CoapRandom {
  const below = seededRandom(seed);
  return {
    bytes: (count) => Uint8Array.from({ length: count }, () => below(256)),
    fraction: () => below(1_000_000) / 1_000_000,
  };
}

type Reply = Pick<CoapMessage, 'code' | 'options' | 'payload'>;

/**
 * Keeps one representation. `how` it answers: in the ACK, or alone after an empty one, by CON or by NON, in turns: a
 * separate NON response that is lost is gone for good.
 */
class Store {
  content = new Uint8Array(0);
  #incoming: Uint8Array[] = [];
  readonly #answered = new Map<number, CoapMessage[]>();
  #nextId = 30_000;

  constructor(peer: HandPeer) {
    peer.answer = (request, from) => {
      peer.received.length = 0;
      if (!isRequest(request.code)) return;
      let messages = this.#answered.get(request.messageId);
      if (messages === undefined) {
        messages = this.#messages(request, this.#take(request));
        this.#answered.set(request.messageId, messages);
      }
      for (const message of messages) peer.send(message, from);
    };
  }

  #messages(request: CoapMessage, reply: Reply): CoapMessage[] {
    const { messageId, token } = request;
    const how = messageId % 20;
    // The first answer is the server's sign of life, without which a question is over.
    const isFirst = reply.code === CONTENT && findOption(request.options, BLOCK2) === undefined;
    if (how > 1 || isFirst) return [{ ...reply, type: ACK, messageId, token }];
    const none = new Uint8Array(0);
    const empty = { type: ACK, code: 0, messageId, token: none, options: [], payload: none };
    return [empty, { ...reply, type: how === 0 ? NON : CON, messageId: this.#nextId++, token }];
  }

  #take(request: CoapMessage): Reply {
    const none = new Uint8Array(0);
    if (request.code === METHOD_CODES.GET) {
      const asked = findOption(request.options, BLOCK2);
      const number = asked === undefined ? 0 : decodeBlock(asked)!.number;
      const more = (number + 1) * 1_024 < this.content.length;
      const block = { number: BLOCK2, value: encodeBlock(number, more, 6) };
      const payload = this.content.subarray(number * 1_024, (number + 1) * 1_024);
      return { code: CONTENT, options: [{ number: ETAG, value: Uint8Array.of(1) }, block], payload };
    }
    const { number, more } = decodeBlock(findOption(request.options, BLOCK1)!)!;
    if (number > this.#incoming.length) return { code: code(4, 8), options: [], payload: none };
    this.#incoming[number] = request.payload;
    if (!more) {
      this.content = Uint8Array.from(Buffer.concat(this.#incoming));
      this.#incoming = [];
    }
    const block = { number: BLOCK1, value: encodeBlock(number, more, 6) };
    return { code: more ? CONTINUE : CHANGED, options: [block], payload: none };
  }
}

test.each([1, 2, 3])('intact, seed %i', { timeout: 120_000 }, async (seed) => {
  const clock = new ManualClock();
  const net = new LossyNet(seed);
  const peer = new HandPeer(net, ipv4(7));
  const store = new Store(peer);
  const endpoint = new CoapEndpoint({
    clock,
    log: silentLog,
    datagrams: new MemoryDatagrams(net, ipv4(1)),
    // With message ids and waits of its own a run would meet losses that no other run has met.
    random: seeded(seed),
    parameters: { ackTimeoutMs: 200, responseTimeoutMs: 2_000 },
  });
  await endpoint.start({ host: '10.0.0.1', port: 5683 });

  async function run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const over = () => (done = true);
    work.then(over, over);
    while (!done) {
      clock.advance(100);
      await net.settle();
    }
    return work;
  }
  const body = pattern(MEGABYTE);
  const up = await run(endpoint.request('coap://10.0.0.7/big', { method: 'PUT', payload: body }));
  expect(up.code).toBe('2.04');
  expect(Buffer.compare(store.content, body)).toBe(0);
  const down = await run(endpoint.request('coap://10.0.0.7/big'));
  expect([down.code, down.payload.length]).toEqual(['2.05', MEGABYTE]);
  expect(Buffer.compare(down.payload, body)).toBe(0);
  expect(net.lost).toBeGreaterThan(1_500);
  await endpoint.stop();
});
