import { afterEach, beforeEach, expect, test } from 'vitest';
import { codeOf } from '../../base/errors.ts';
import { LayerRig } from '../../../test/support/coap-layer.ts';
import { STATION, HandPeer, ipv4, textBytes } from '../../../test/support/coap-net.ts';
import { encodeMessage } from '../codec/codec.ts';
import { ACK, CON, CONTENT, NON, RST } from '../codec/codes.ts';
import { Peer } from './peer.ts';
import { PeerTable } from './peers.ts';

let rig: LayerRig;
beforeEach(async () => {
  rig = await LayerRig.start({
    limits: { peers: 20 },
    serve: (request) => request.answer({ code: CONTENT, options: [], payload: textBytes('x') }),
  });
});
afterEach(async () => {
  await rig.stop();
  expect(rig.clock.pendingTimers).toBe(0);
});

const ping = { type: CON, code: 1, options: [], token: Uint8Array.of(1), payload: new Uint8Array(0) };

/** Invented sources: nobody is there to hear the answers. */
function flood(count: number, first = 0): void {
  for (let i = first; i < first + count; i++) {
    const from = { address: `10.9.${i >> 8}.${i & 255}`, port: 5_683, family: 4 } as const;
    rig.layer.receive(encodeMessage({ ...ping, messageId: i & 0xffff }), from, 'serving');
  }
}

test('invented sources cost a bounded table, and shut out neither peers that we talk to nor new ones', async () => {
  const device = new HandPeer(rig.net, ipv4(7));
  const carrier = rig.layer.carrier(device.at);
  const token = carrier.freshToken();
  const answers: string[] = [];
  carrier.own(token, {
    onResponse: (message) => void answers.push(Buffer.from(message.payload).toString()),
    onBrokenResponse: (error) => void answers.push(codeOf(error)),
  });
  flood(5_000);
  expect(rig.layer.peerCount).toBe(21);
  device.send({ type: NON, code: CONTENT, messageId: 1, token, payload: textBytes('still here') }, STATION);
  await rig.net.settle();
  expect(answers).toEqual(['still here']);
  for (let last = 50; last < 69; last++) rig.layer.carrier(ipv4(last)).own(token, ownerOf(answers));
  expect(rig.layer.peerCount).toBe(40);
  expect(() => rig.layer.carrier(ipv4(99))).toThrow(/20 CoAP peers/);
  await rig.pass(280_000);
  expect(rig.layer.peerCount).toBe(20);
});

const ownerOf = (answers: string[]) => ({
  onResponse: () => void answers.push('answer'),
  onBrokenResponse: () => void answers.push('broken'),
});

test('a stranger that came before outlives those that came once', async () => {
  const sensor = new HandPeer(rig.net, ipv4(7));
  const ask = async (messageId: number) => {
    sensor.send({ ...ping, messageId }, STATION);
    await rig.net.settle();
  };
  await ask(1);
  await ask(2);
  flood(30);
  await ask(2);
  expect(rig.counters.duplicates).toBe(1);
});

test('who acknowledges what we sent is no stranger any more', async () => {
  await rig.stop();
  rig = await LayerRig.start({ limits: { peers: 2 } });
  const client = new HandPeer(rig.net, ipv4(7));
  client.send({ ...ping, messageId: 1 }, STATION);
  await rig.net.settle();
  const [request] = rig.requests;
  request!.answer({ code: CONTENT, options: [], payload: textBytes('0') });
  const { token } = request!;
  const message = { confirmable: true, code: CONTENT, token, options: [], payload: textBytes('1') };
  request!.carrier().send(message, { acknowledged: () => undefined, failed: () => undefined });
  await rig.net.settle();
  client.send({ type: ACK, code: 0, messageId: client.last().messageId }, STATION);
  await rig.net.settle();
  for (const one of rig.requests) one.answer(null);
  flood(10);
  for (const one of rig.requests) one.answer(null);
  expect(rig.layer.peerCount).toBe(3);
  client.send({ ...ping, messageId: 1 }, STATION);
  await rig.net.settle();
  expect(rig.counters.duplicates).toBe(1);
});

test('a carrier outlives its peer', async () => {
  const device = new HandPeer(rig.net, ipv4(7));
  const carrier = rig.layer.carrier(device.at);
  await rig.pass(280_000);
  expect(rig.layer.peerCount).toBe(0);
  const pinged = carrier.ping();
  await rig.net.settle();
  await rig.pass(100);
  device.send({ type: RST, code: 0, messageId: device.last().messageId }, STATION);
  expect(await pinged).toEqual({ rttMs: 100 });
  expect(rig.layer.carrier(device.at)).not.toBe(carrier);
  rig.layer.stop();
  expect(await carrier.ping().catch(codeOf)).toBe('coap.not_running');
});

test('a full table gives up idle peers only', () => {
  let dropped = 0;
  const table = new PeerTable({
    maxPeers: 100,
    nowMs: () => 0,
    firstId: () => 0,
    onDropped: () => dropped++,
    onHostShare: () => undefined,
  });
  const held: Peer[] = [];
  for (let i = 0; i < 100; i++) {
    const peer = table.stranger(ipv4(i))!;
    if (i % 2 === 0) held.push(peer);
    if (i % 2 === 0) peer.serving++;
  }
  for (let i = 100; i < 250; i++) expect(table.stranger(ipv4(i))).toBeInstanceOf(Peer);
  expect([table.size, dropped]).toEqual([100, 150]);
  expect(held.every((peer) => table.find(peer.address) === peer)).toBe(true);
});

/** A table in which strangers come from these hosts, each from so many ports. */
function tableWith(maxPeers: number) {
  const told = { dropped: 0, host: 0 };
  const table = new PeerTable({
    maxPeers,
    nowMs: () => 0,
    firstId: () => 0,
    onDropped: () => told.dropped++,
    onHostShare: () => told.host++,
  });
  const at = (host: number, port: number) => ({ ...ipv4(host), port });
  const here = (host: number, ports: number) =>
    Array.from({ length: ports }, (_, port) => table.find(at(host, 1 + port))).filter(
      (one) => one !== undefined,
    ).length;
  const come = (host: number, ports: number) => {
    // Twice: who came only once goes first anyway.
    for (let port = 1; port <= ports; port++) {
      table.stranger(at(host, port));
      table.stranger(at(host, port));
    }
  };
  return { table, told, at, here, come };
}

test('a host that comes from more ports than half of the table has, makes room itself', () => {
  const { table, told, here, come } = tableWith(100);
  come(1, 30);
  come(2, 500);
  expect([here(1, 30), here(2, 500), table.size]).toEqual([30, 70, 100]);
  come(3, 20);
  expect([here(1, 30), here(2, 500), here(3, 20)]).toEqual([30, 50, 20]);
  // No more than half now: it is treated as everybody is.
  expect(told).toEqual({ dropped: 450, host: 450 });
  come(4, 10);
  expect(told).toEqual({ dropped: 460, host: 450 });
});

test('of this machine come as many as there are', () => {
  const { table, told } = tableWith(10);
  for (let port = 1; port <= 30; port++) table.stranger({ address: '127.0.0.1', port, family: 4 });
  expect(told).toEqual({ dropped: 20, host: 0 });
});

test('a hog all of whose peers are in use is refused, and shuts nobody else out', () => {
  const { table, told, at, here, come } = tableWith(10);
  come(1, 4);
  for (let port = 1; port <= 6; port++) table.stranger(at(2, port))!.serving++;
  expect(table.stranger(at(2, 99))).toBeUndefined();
  expect(told).toEqual({ dropped: 1, host: 1 });
  expect(table.stranger(at(3, 1))).toBeInstanceOf(Peer);
  expect([here(1, 4), here(2, 6)]).toEqual([3, 6]);
});

test('whoever proves to be there from many ports does not take the place of those that we ask', () => {
  const { table, at } = tableWith(10);
  for (let host = 10; host < 14; host++) table.known(at(host, 5_683));
  for (let port = 1; port <= 10; port++) table.prove(table.stranger(at(2, port))!);
  const known = Array.from({ length: 10 }, (_, port) => table.find(at(2, 1 + port))!.known);
  expect(known.filter(Boolean).length).toBe(3);
  // Those that we ask ourselves count no more for their host.
  for (let port = 1; port <= 3; port++) table.known(at(2, port));
  table.prove(table.find(at(2, 4))!);
  expect(table.find(at(2, 4))!.known).toBe(true);
  for (let host = 10; host < 14; host++) expect(table.find(at(host, 5_683))).toBeInstanceOf(Peer);
});
