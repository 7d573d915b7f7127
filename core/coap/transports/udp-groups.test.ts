/** Groups of CoAP with real sockets, on the loopback interface. */
import { networkInterfaces } from 'node:os';
import { afterEach, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { silentLog } from '../../base/log.ts';
import type { PeerAddress } from '../address.ts';
import type { Arrival } from './datagrams.ts';
import { GroupSieve } from './group-sieve.ts';
import { UdpDatagrams } from './udp.ts';

const GROUP = '224.0.1.187';
const LOOPBACK =
  Object.entries(networkInterfaces()).find(([, all]) =>
    all?.some((one) => one.address === '127.0.0.1'),
  )?.[0] ?? 'lo';

const running: UdpDatagrams[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((datagrams) => datagrams.stop()));
});

interface Arrived {
  arrival: Arrival;
  text: string;
  from: PeerAddress;
}

async function open(host: string, interfaces: string[], echoes = true) {
  const datagrams = new UdpDatagrams(silentLog, { groups: { interfaces } });
  running.push(datagrams);
  const arrived: Arrived[] = [];
  const at = await datagrams.start({ host, port: 0 }, (bytes, from, arrival) => {
    arrived.push({ arrival, text: Buffer.from(bytes).toString(), from });
    if (echoes) datagrams.send(bytes, from, () => undefined);
  });
  return { datagrams, arrived, ...at };
}

/** Asks the group and gives what answered first. */
async function ask(datagrams: UdpDatagrams, port: number, text: string): Promise<PeerAddress> {
  let answered: (from: PeerAddress) => void = () => undefined;
  const answer = new Promise<PeerAddress>((resolve) => (answered = resolve));
  const target = { group: GROUP, port, interfaceName: LOOPBACK, interfaceAddress: '127.0.0.1' };
  const socket = await datagrams.openGroup(target, (_bytes, from) => answered(from));
  const failed = new Promise<never>((_resolve, reject) => {
    socket.send(Buffer.from(text), { address: GROUP, port, family: 4 }, reject);
  });
  const from = await Promise.race([answer, failed]);
  await socket.close();
  await socket.close();
  return from;
}

// Windows cannot bind a socket to a group; the memberships say so there.
const hears = process.platform !== 'win32';
if (!hears) process.stdout.write('groups are not heard on Windows: two tests are left out\n');

test.runIf(hears).each(['127.0.0.1', '0.0.0.0'])(
  'a station at %s hears the group once, as such, and answers from its own port',
  async (host) => {
    const station = await open(host, [LOOPBACK]);
    expect(station.datagrams.memberships.find(({ group }) => group === GROUP)).toEqual({
      group: GROUP,
      interfaceName: LOOPBACK,
      problem: null,
    });
    for (const text of ['one', 'two', 'three']) {
      const from = await ask(station.datagrams, station.port, text);
      expect([from.address, from.port]).toEqual(['127.0.0.1', station.port]);
    }
    // What came to the address itself still comes as such.
    const to = { address: '127.0.0.1', port: station.port, family: 4 } as const;
    const other = await open('127.0.0.1', [], false);
    other.datagrams.send(Buffer.from('direct'), to, () => undefined);
    await expect.poll(() => station.arrived.length).toBe(4);
    expect(station.arrived.map(({ arrival, text }) => `${arrival} ${text}`)).toEqual([
      'group one',
      'group two',
      'group three',
      'serving direct',
    ]);
  },
);

test('a group is not heard where the station does not listen, and the reason is told', async () => {
  const { datagrams } = await open('127.0.0.1', [LOOPBACK, 'none-such']);
  const problems = datagrams.memberships.map(({ group, interfaceName, problem }) => [
    group,
    interfaceName === LOOPBACK,
    problem,
  ]);
  expect(problems.filter(([group]) => group !== GROUP)).toEqual([
    ['ff02::fd', true, `The server does not listen at an IPv6 address of ${LOOPBACK}.`],
    ['ff02::fd', false, 'none-such has no IPv6 address.'],
    ['ff05::fd', true, `The server does not listen at an IPv6 address of ${LOOPBACK}.`],
    ['ff05::fd', false, 'none-such has no IPv6 address.'],
  ]);
  expect(problems).toContainEqual([GROUP, false, 'none-such has no IPv4 address.']);
});

test('a port that another program holds is taken, although group sockets share theirs', async () => {
  const { port } = await open('127.0.0.1', []);
  const datagrams = new UdpDatagrams(silentLog, { groups: { interfaces: [LOOPBACK] } });
  expect(await datagrams.start({ host: '127.0.0.1', port }, () => undefined).catch(codeOf)).toBe(
    'listen.port_taken',
  );
});

test('an address that is not of this machine cannot ask, and nothing asks after the stop', async () => {
  const { datagrams, port } = await open('127.0.0.1', []);
  const target = { group: GROUP, port, interfaceName: LOOPBACK, interfaceAddress: '192.0.2.77' };
  expect(await datagrams.openGroup(target, () => undefined).catch(() => 'refused')).toBe('refused');
  await datagrams.stop();
  const own = { ...target, interfaceAddress: '127.0.0.1' };
  expect(await datagrams.openGroup(own, () => undefined).catch(codeOf)).toBe('coap.cancelled');
});

test('of what two sockets hear, the copy of the group counts, in either order', async () => {
  const heard: string[] = [];
  const sieve = new GroupSieve((bytes, _from, arrival) => void heard.push(`${arrival} ${bytes[0]}`));
  const from = (port: number) => ({ address: '10.0.0.7', port, family: 4 }) as const;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  sieve.toGroup(Uint8Array.of(1), from(1));
  sieve.toAny(Uint8Array.of(1), from(1));
  sieve.toAny(Uint8Array.of(2), from(1));
  sieve.toAny(Uint8Array.of(1), from(2));
  await turn();
  sieve.toGroup(Uint8Array.of(2), from(1));
  await turn();
  await turn();
  await turn();
  expect(heard).toEqual(['group 1', 'group 2', 'serving 1']);
  sieve.toAny(Uint8Array.of(3), from(1));
  sieve.stop();
  await turn();
  await turn();
  expect(heard.length).toBe(3);
});
