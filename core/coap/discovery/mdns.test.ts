import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { decode, encode } from 'dns-packet';
import type { Answer, Packet } from 'dns-packet';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { codeOf } from '../../base/errors.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import type { PeerAddress } from '../address.ts';
import { secureRandom } from '../random.ts';
import type { NetworkInterface } from './interfaces.ts';
import { MDNS_LISTEN_MS, askMdns, newMdnsCounters } from './mdns.ts';
import { decodeResponse, encodeQuery } from './mdns-message.ts';
import { openMdnsSocket } from './mdns-socket.ts';
import type { MdnsTarget } from './mdns-socket.ts';

const ETH0: NetworkInterface = {
  name: 'eth0',
  loopback: false,
  addresses: [
    { address: '10.0.0.5', family: 4, network: '10.0.0.0/24' },
    { address: 'fd00::5', family: 6, network: 'fd00::/64' },
    { address: 'fe80::5%eth0', family: 6, network: 'fe80::/64' },
  ],
};
const ID = 0x1234;
const NEIGHBOUR: PeerAddress = { address: '10.0.0.7', port: 5353, family: 4 };
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** One question on eth0 whose packets are written by the test. */
async function rig() {
  const clock = new ManualClock();
  const counters = newMdnsCounters();
  const opened: MdnsTarget[] = [];
  const sent: Packet[] = [];
  const found: string[] = [];
  let closed = 0;
  let receive: (bytes: Uint8Array, from: PeerAddress) => void = () => undefined;
  const stop = new AbortController();
  const over = askMdns(
    ETH0,
    {
      clock,
      counters,
      random: { bytes: () => Uint8Array.of(ID >> 8, ID & 0xff), fraction: () => 0 },
      open: (target, onBytes) => {
        opened.push(target);
        receive = onBytes;
        const send = (bytes: Uint8Array) => {
          if (target.family === 4) sent.push(decode(Buffer.from(bytes)));
        };
        return Promise.resolve({ send, close: () => void closed++ });
      },
    },
    ({ scheme, name, address }) => found.push(`${scheme} ${name} ${address.address} ${address.port}`),
    stop.signal,
  );
  await settle();
  return {
    clock,
    counters,
    opened,
    found,
    stop,
    over,
    closed: () => closed,
    raw: (bytes: Uint8Array, from = NEIGHBOUR) => receive(bytes, from),
    answer(answers: Answer[], additionals: Answer[] = [], from = NEIGHBOUR, id = ID) {
      receive(encode({ type: 'response', id, answers, additionals }), from);
    },
    /** Questions sent since the last look, `PTR _coap._udp.local`. */
    asked: () => sent.splice(0).map((packet) => packet.questions!.map(({ type, name }) => `${type} ${name}`)),
  };
}

type Rig = Awaited<ReturnType<typeof rig>>;

const ptr = (label: string, type = '_coap._udp'): Answer => {
  return { type: 'PTR', name: `${type}.local`, ttl: 10, data: `${label}.${type}.local` };
};
const srv = (label: string, target: string, port = 5683, type = '_coap._udp'): Answer => {
  return { type: 'SRV', name: `${label}.${type}.local`, ttl: 10, data: { target, port } };
};
const a = (name: string, data: string): Answer => ({ type: 'A', name, ttl: 10, data });
const aaaa = (name: string, data: string): Answer => ({ type: 'AAAA', name, ttl: 10, data });
const SERVICES = ['PTR _coap._udp.local', 'PTR _coap._tcp.local', 'PTR _coaps._udp.local'];

test('the question on the wire: a legacy query for three services (RFC 6762 §6.7)', () => {
  const bytes = encodeQuery(ID, [{ labels: ['_coap', '_udp', 'local'], type: 'PTR' }]);
  expect(Buffer.from(bytes!).toString('hex')).toBe(
    '123400000001000000000000' + '055f636f6170' + '045f756470' + '056c6f63616c' + '00' + '000c' + '0001',
  );
});

test('it is asked over both families, three times in all, and then everything is closed', async () => {
  const { clock, opened, asked, over, closed } = await rig();
  expect(opened.map((one) => `${one.group} ${one.interfaceAddress} ${one.port}`)).toEqual([
    '224.0.0.251 10.0.0.5 5353',
    'ff02::fb fe80::5%eth0 5353',
  ]);
  expect(asked()).toEqual([SERVICES]);
  clock.advance(1_000);
  expect(asked()).toEqual([SERVICES]);
  clock.advance(2_000);
  expect(asked()).toEqual([SERVICES]);
  clock.advance(MDNS_LISTEN_MS - 3_000);
  await over;
  expect(closed()).toBe(2);
  expect(clock.pendingTimers).toBe(0);
});

describe('answers', () => {
  test('everything in one packet, in any order', async () => {
    const { answer, found, asked, clock } = await rig();
    asked();
    answer(
      [ptr('Lamp')],
      [a('lamp.local', '10.0.0.7'), aaaa('lamp.local', 'fe80::7'), srv('Lamp', 'lamp.local', 61616)],
    );
    expect(found).toEqual(['coap Lamp 10.0.0.7 61616']);
    clock.advance(500);
    expect(asked()).toEqual([]);
    answer([ptr('Lamp')], [srv('Lamp', 'lamp.local', 61616), a('lamp.local', '10.0.0.7')]);
    expect(found).toHaveLength(1);
  });

  test('what is missing is asked for, until it is there', async () => {
    const { answer, found, asked, clock } = await rig();
    asked();
    answer([ptr('Dr. Lamp in the hall')]);
    answer([ptr('Tank', '_coap._tcp')]);
    clock.advance(200);
    expect(asked()).toEqual([['SRV Dr. Lamp in the hall._coap._udp.local', 'SRV Tank._coap._tcp.local']]);
    answer([srv('DR. LAMP in the hall', 'Lamp.local')]);
    answer([srv('Tank', 'tank.local', 5684, '_coap._tcp')], [aaaa('tank.local', 'fd00::9')]);
    expect(found).toEqual(['coap+tcp Tank fd00::9 5684']);
    clock.advance(200);
    expect(asked()).toEqual([['A Lamp.local', 'AAAA Lamp.local']]);
    answer([aaaa('LAMP.LOCAL', 'fe80::7')]);
    expect(found.at(-1)).toBe('coap Dr. Lamp in the hall fe80::7%eth0 5683');
  });

  test('a label with a dot is asked for as one label', () => {
    const bytes = encodeQuery(1, [{ labels: ['a.b', '_coap', '_udp', 'local'], type: 'SRV' }]);
    expect(Buffer.from(bytes!).subarray(12, 16).toString('latin1')).toBe('\x03a.b');
  });

  test('what never comes is asked three times; a hundred instances are asked in several packets', async () => {
    const { answer, asked, clock } = await rig();
    asked();
    answer(Array.from({ length: 30 }, (_, i) => ptr(`n${i}`)));
    clock.advance(4_900);
    const questions = asked().flat();
    expect(questions.filter((one) => one === 'SRV n29._coap._udp.local')).toHaveLength(3);
    expect(questions.filter((one) => one.startsWith('SRV'))).toHaveLength(90);
  });

  test.each<[string, (one: Rig) => void, object]>([
    ['of another port', (r) => r.answer(FULL, [], { ...NEIGHBOUR, port: 1_000 }), { ignored: 1 }],
    [
      'from another network',
      (r) => r.answer(FULL, [], { ...NEIGHBOUR, address: '10.0.1.7' }),
      { ignored: 1 },
    ],
    [
      'from another link',
      (r) => r.answer(FULL, [], { address: 'fe80::7%eth1', port: 5353, family: 6 }),
      { ignored: 1 },
    ],
    ['with another id', (r) => r.answer(FULL, [], NEIGHBOUR, 7), { ignored: 1 }],
    ['that are questions', (r) => r.raw(encode({ type: 'query', id: ID, answers: FULL })), { ignored: 1 }],
    ['that are no DNS', (r) => r.raw(Buffer.from('GET / HTTP/1.1\r\n\r\n')), { malformed: 1 }],
    [
      'that are cut',
      (r) => r.raw(encode({ type: 'response', id: ID, answers: FULL }).subarray(0, 60)),
      { malformed: 1 },
    ],
    ['that say goodbye', (r) => r.answer(FULL.map((one) => ({ ...one, ttl: 0 }) as Answer)), {}],
    ['without a port', (r) => r.answer([ptr('L'), srv('L', 'l.local', 0), a('l.local', '10.0.0.7')]), {}],
    [
      'that name our loopback',
      (r) => r.answer([ptr('L'), srv('L', 'l.local'), a('l.local', '127.0.0.1')]),
      {},
    ],
    ['that name a group', (r) => r.answer([ptr('L'), srv('L', 'l.local'), a('l.local', '224.0.1.187')]), {}],
    [
      'of other services',
      (r) => r.answer([ptr('L', '_http._tcp'), srv('L', 'l.local', 80, '_http._tcp')]),
      {},
    ],
  ])('none %s', async (_what, act, expected) => {
    const one = await rig();
    act(one);
    expect(one.found).toEqual([]);
    expect(one.counters).toMatchObject({ packets: 1, malformed: 0, ignored: 0, ...expected });
    one.stop.abort();
    await one.over;
    expect(one.clock.pendingTimers).toBe(0);
  });

  test('id 0 and global addresses of the network are fine', async () => {
    const { answer, found } = await rig();
    answer(FULL, [], { address: 'fd00::7', port: 5353, family: 6 }, 0);
    expect(found).toHaveLength(1);
  });

  test('a flood of instances and addresses is bounded and counted', async () => {
    const { answer, counters, stop, over } = await rig();
    for (let packet = 0; packet < 11; packet++) {
      answer(Array.from({ length: 100 }, (_, i) => ptr(`n${packet * 100 + i}`)));
    }
    answer([srv('n1', 'h.local'), ...Array.from({ length: 20 }, (_, i) => a('h.local', `10.0.0.${i + 1}`))]);
    stop.abort();
    await over;
    expect(counters.leftOut).toBe(100 + 12);
  });
});

const FULL: Answer[] = [ptr('L'), srv('L', 'l.local'), a('l.local', '10.0.0.7')];

test('any bytes give records, nothing, or are counted as malformed', () => {
  const whole = encode({ type: 'response', id: ID, answers: FULL });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), (changes) => {
      const bytes = Uint8Array.from(whole);
      for (const [at, value] of changes) bytes[at] = value;
      const read = decodeResponse(bytes, ID);
      expect(read === undefined || read === 'ignored' || Array.isArray(read)).toBe(true);
    }),
    { numRuns: 3_000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeResponse(bytes, ID)));
});

test('an interface that cannot be asked fails with a code', async () => {
  const open = () => Promise.reject(new Error('no such device'));
  const parts = { clock: new ManualClock(), random: secureRandom(), counters: newMdnsCounters(), open };
  const asked = askMdns(ETH0, parts, () => undefined, new AbortController().signal);
  expect(await asked.catch(codeOf)).toBe('coap.unreachable');
});

describe('on the loopback interface of this machine', () => {
  let responder: Socket | undefined;
  afterEach(() => responder?.close());

  /** IPv4 only: Linux routes no IPv6 multicast over loopback. */
  test('a responder is found in three steps', async () => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    responder = socket;
    await new Promise<void>((resolve) => socket.bind({ port: 0, address: '0.0.0.0' }, resolve));
    socket.addMembership('224.0.0.251', '127.0.0.1');
    const known: Answer[] = [
      ptr('Büro 3.1'),
      srv('Büro 3.1', 'node.local', 5_690),
      a('node.local', '127.0.0.1'),
    ];
    const questions: string[] = [];
    socket.on('message', (bytes, from) => {
      const query = decode(bytes);
      const answers = query.questions!.flatMap((question) => {
        questions.push(question.type);
        return known.filter((one) => one.type === question.type && one.name === question.name);
      });
      const response: Packet = { type: 'response', id: query.id!, questions: query.questions!, answers };
      // Legacy unicast: to the port that asked (RFC 6762 §6.7).
      if (answers.length > 0) socket.send(encode(response), from.port, from.address);
    });
    const lo: NetworkInterface = {
      name: 'lo',
      loopback: true,
      addresses: [{ address: '127.0.0.1', family: 4, network: '127.0.0.0/8' }],
    };
    const stop = new AbortController();
    const counters = newMdnsCounters();
    const parts = {
      clock: systemClock,
      random: secureRandom(),
      counters,
      open: openMdnsSocket,
      port: socket.address().port,
    };
    const found: unknown[] = [];
    await askMdns(
      lo,
      parts,
      (service) => {
        found.push(service);
        stop.abort();
      },
      stop.signal,
    );
    expect(found).toEqual([
      { scheme: 'coap', name: 'Büro 3.1', address: { address: '127.0.0.1', port: 5_690, family: 4 } },
    ]);
    expect(questions).toEqual(['PTR', 'PTR', 'PTR', 'SRV', 'A', 'AAAA']);
    expect(counters).toEqual({ packets: 3, malformed: 0, ignored: 0, leftOut: 0 });
  });
});
