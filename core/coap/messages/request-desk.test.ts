/** Requests as a peer sees them answered: in the ACK, by a response of its own, not at all; exact messages and times. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { LayerRig } from '../../../test/support/coap-layer.ts';
import type { LayerRigOptions } from '../../../test/support/coap-layer.ts';
import { STATION, HandPeer, ipv4, textBytes } from '../../../test/support/coap-net.ts';
import type { CoapMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON, RST, TYPE_NAMES, codeText } from '../codec/codes.ts';

const GROUP = '224.0.1.187';

let rig: LayerRig;
let device: HandPeer;

async function begin(options: LayerRigOptions = {}): Promise<void> {
  rig = await LayerRig.start(options);
  device = new HandPeer(rig.net, ipv4(7));
}
beforeEach(() => begin());
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
  expect(rig.counters).toMatchObject({ exchanges: 0, responding: 0 });
  expect(rig.layer.serving).toBe(0);
});

const get = (messageId: number, change: Partial<CoapMessage> = {}) => ({
  type: CON,
  code: 1,
  messageId,
  token: Uint8Array.of(5, messageId),
  ...change,
});
async function ask(messageId: number, change: Partial<CoapMessage> = {}, peer = device): Promise<void> {
  peer.send(get(messageId, change), STATION);
  await rig.net.settle();
}
const content = (text: string) => ({ code: CONTENT, options: [], payload: textBytes(text) });
const seen = (peer = device) =>
  peer.received.map(({ message }) => `${TYPE_NAMES[message.type]} ${codeText(message.code)}`).join(', ');

describe('one peer', () => {
  test('an answer within 500 ms travels in the ACK, with its bytes kept for repeats', async () => {
    await ask(77);
    await rig.pass(400);
    await ask(77); // the answer is on its way: nothing is said to a repeat
    expect(seen()).toBe('');
    rig.requests[0]!.answer(content('21'));
    await rig.net.settle();
    await ask(77);
    expect(seen()).toBe('ACK 2.05, ACK 2.05');
    expect(device.received[1]!.bytes).toEqual(device.received[0]!.bytes);
    expect(device.last()).toMatchObject({ messageId: 77, token: Uint8Array.of(5, 77) });
    expect(rig.counters).toMatchObject({ served: 1, duplicates: 2 });
    expect(rig.requests.length).toBe(1);
  });

  test('a later one is a CON of its own, repeated until it is acknowledged (§5.2.2)', async () => {
    await ask(77);
    await rig.pass(600);
    expect(seen()).toBe('ACK 0.00');
    await ask(77);
    expect(seen()).toBe('ACK 0.00, ACK 0.00');
    await rig.pass(20_000);
    rig.requests[0]!.answer(content('late'));
    rig.requests[0]!.answer(content('too much'));
    await rig.net.settle();
    const response = device.last();
    expect(response).toMatchObject({ type: CON, code: CONTENT, token: Uint8Array.of(5, 77) });
    await rig.pass(2_100);
    expect(device.received.length).toBe(4);
    expect(device.received[3]!.bytes).toEqual(device.received[2]!.bytes);
    device.send({ type: ACK, code: 0, messageId: response.messageId }, STATION);
    await rig.pass(70_000);
    expect(device.received.length).toBe(4);
    await ask(77); // still the ACK of the request, not the response (§4.5)
    expect(seen()).toBe('ACK 0.00, ACK 0.00, CON 2.05, CON 2.05, ACK 0.00');
  });

  test.each(['reset', 'silence'])('a response of its own ends by %s, and others follow', async (end) => {
    await ask(1);
    await ask(2);
    await rig.pass(600);
    rig.requests[0]!.answer(content('1'));
    rig.requests[1]!.answer(content('2'));
    await rig.net.settle();
    expect(seen()).toBe('ACK 0.00, ACK 0.00, CON 2.05'); // NSTART
    if (end === 'reset') {
      device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
      await rig.net.settle();
      expect(Buffer.from(device.last().payload).toString()).toBe('2');
      expect(rig.counters.responding).toBe(1);
    } else {
      // Whoever waits for the same silent peer is given up with it.
      await rig.pass(62_200);
      expect(rig.counters).toMatchObject({ timeouts: 2, responding: 0 });
    }
  });

  test('a request of ours that nobody acknowledges holds up no answer of ours', async () => {
    const failures: string[] = [];
    const message = {
      confirmable: true,
      code: 1,
      token: Uint8Array.of(9),
      options: [],
      payload: textBytes(''),
    };
    rig.layer.carrier(device.at).send(message, {
      acknowledged: () => undefined,
      failed: (error) => void failures.push(codeOf(error)),
    });
    await ask(1);
    await rig.pass(600);
    rig.requests[0]!.answer(content('1'));
    await rig.net.settle();
    expect(seen()).toBe('CON 0.01, ACK 0.00, CON 2.05');
    await rig.pass(62_000);
    expect(failures).toEqual(['coap.timeout']);
  });

  test('silence, and refusal', async () => {
    await ask(1);
    rig.requests[0]!.answer(null);
    await ask(2);
    rig.requests[1]!.answer(undefined);
    await ask(3, { type: NON });
    rig.requests[2]!.answer(null);
    await ask(4, { type: NON });
    rig.requests[3]!.answer(undefined);
    await rig.net.settle();
    expect(seen()).toBe('ACK 0.00, RST 0.00, RST 0.00');
    await ask(2);
    expect(seen()).toBe('ACK 0.00, RST 0.00, RST 0.00, RST 0.00');
  });

  test('a NON is answered by NON, whenever; a repeat is not', async () => {
    await ask(1, { type: NON });
    await rig.pass(10_000);
    rig.requests[0]!.answer(content('1'));
    await ask(1, { type: NON });
    expect(seen()).toBe('NON 2.05');
    expect(device.last().token).toEqual(Uint8Array.of(5, 1));
  });

  test('what the server throws and what no datagram can carry becomes 5.00', async () => {
    await ask(1);
    rig.requests[0]!.answer({ ...content(''), payload: new Uint8Array(70_000) });
    await ask(2);
    await rig.pass(600);
    rig.requests[1]!.answer({ ...content(''), payload: new Uint8Array(70_000) });
    await rig.net.settle();
    expect(seen()).toBe('ACK 5.00, ACK 0.00, CON 5.00');
    await rig.stop();
    await begin({
      serve: () => {
        throw new Error('a fault');
      },
    });
    await ask(3);
    expect(seen()).toBe('ACK 5.00');
  });

  test('one host does not fill what waits for its answer, whatever its number of ports', async () => {
    await rig.stop();
    await begin({ limits: { serving: 8 } });
    const ports = Array.from(
      { length: 8 },
      (_, port) => new HandPeer(rig.net, { ...ipv4(7), port: 1 + port }),
    );
    const other = new HandPeer(rig.net, ipv4(8));
    for (let round = 1; round <= 3; round++) {
      for (const one of ports) await ask(round, {}, one);
      expect(rig.requests.length).toBe(4);
      await ask(round, {}, other);
      expect(rig.requests.length).toBe(5);
      expect(rig.counters).toMatchObject({ hostShareReached: 4 * round, droppedByLimit: 4 * round });
      for (const one of rig.requests.splice(0)) one.answer(null);
      expect(rig.layer.serving).toBe(0);
    }
  });

  test('what the server never answers is given up, and requests without an answer are bounded', async () => {
    await rig.stop();
    await begin({ limits: { servingPerPeer: 3, serving: 5 } });
    for (let id = 0; id < 6; id++) await ask(id);
    const other = new HandPeer(rig.net, ipv4(9));
    await ask(1, {}, new HandPeer(rig.net, ipv4(8)));
    await ask(1, {}, other);
    await ask(2, {}, other);
    expect([rig.requests.length, rig.layer.serving]).toEqual([5, 5]);
    expect(rig.counters).toMatchObject({ droppedByLimit: 4, hostShareReached: 0 });
    await rig.pass(248_000);
    expect(rig.layer.serving).toBe(0);
    rig.requests[0]!.answer(content('far too late'));
    await rig.net.settle();
    expect(seen()).toBe('ACK 0.00, ACK 0.00, ACK 0.00');
    await ask(3); // it comes again, and is served now
    expect(rig.layer.serving).toBe(1);
  });

  test('nothing goes out after the stop', async () => {
    await ask(1);
    await ask(2);
    await rig.pass(600);
    rig.layer.stop();
    expect(rig.layer.serving).toBe(0);
    rig.requests[0]!.answer(content('1'));
    await rig.net.settle();
    expect(seen()).toBe('ACK 0.00, ACK 0.00');
  });
});

test('a notification: NON at once, told when it is rejected; CON told when it is acknowledged', async () => {
  await ask(1);
  const { token } = rig.requests[0]!;
  rig.requests[0]!.answer(content('0'));
  const told: string[] = [];
  const notify = (confirmable: boolean, text: string) =>
    rig.requests[0]!.carrier().send(
      { confirmable, token, ...content(text) },
      {
        acknowledged: () => told.push(`${text} ok`),
        failed: (error) => told.push(`${text} ${codeOf(error)}`),
      },
    );
  notify(true, 'a');
  notify(false, 'b');
  notify(false, 'c');
  notify(true, 'd');
  await rig.net.settle();
  expect(seen()).toBe('ACK 2.05, CON 2.05, NON 2.05, NON 2.05');
  device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
  device.send({ type: ACK, code: 0, messageId: device.received[1]!.message.messageId }, STATION);
  await rig.net.settle();
  expect(told).toEqual(['c coap.reset', 'a ok']);
  expect(seen()).toBe('ACK 2.05, CON 2.05, NON 2.05, NON 2.05, CON 2.05');
  await rig.pass(62_200);
  expect(told).toEqual(['c coap.reset', 'a ok', 'd coap.timeout']);
});

describe('a group', () => {
  beforeEach(async () => {
    await rig.stop();
    await begin({ groups: [GROUP], fraction: 0.5 });
  });
  const askGroup = async (message: Partial<CoapMessage> = {}) => {
    device.send({ ...get(77), type: NON, ...message }, { address: GROUP, port: STATION.port, family: 4 });
    await rig.net.settle();
  };

  test('is answered by NON after a random part of the leisure', async () => {
    await askGroup();
    await askGroup();
    expect(rig.requests.map(({ multicast }) => multicast)).toEqual([true]);
    await rig.pass(1_000);
    rig.requests[0]!.answer(content('here'));
    await rig.pass(2_400);
    expect(seen()).toBe('');
    await rig.pass(200);
    expect(seen()).toBe('NON 2.05');
    expect(device.received[0]!.from).toEqual(STATION);
  });

  test.each<[string, Partial<CoapMessage>]>([
    ['a CON', { type: CON }],
    ['a ping', { type: CON, code: 0, token: new Uint8Array(0) }],
    ['a response', { code: CONTENT }],
    ['a CON response', { type: CON, code: CONTENT }],
  ])('says nothing to %s', async (_what, message) => {
    await askGroup(message);
    expect([rig.requests.length, rig.counters.unmatched, rig.layer.peerCount]).toEqual([0, 1, 0]);
    expect(seen()).toBe('');
  });

  test('says nothing to what is malformed, refused or left unanswered', async () => {
    device.sendBytes(Uint8Array.of(0x40, 1, 0, 1, 0xff), { address: GROUP, port: STATION.port, family: 4 });
    await askGroup();
    rig.requests[0]!.answer(undefined);
    await askGroup({ messageId: 78 });
    rig.requests[1]!.answer(null);
    await rig.pass(6_000);
    expect(seen()).toBe('');
    expect(rig.counters.malformed).toBe(1);
  });
});
