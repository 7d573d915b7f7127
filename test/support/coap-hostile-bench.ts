/** A station of its own between peers that mean ill, and neighbours that must not feel it. */
import { afterAll, afterEach, beforeAll, expect, vi } from 'vitest';
import { decodeMessage, encodeMessage } from '../../core/coap/codec/codec.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { ACK, CON, CONTENT, codeText } from '../../core/coap/codec/codes.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { HostileServer, Neighbour, RawPeer, pathOptions } from './coap-hostile.ts';
import { startStation, temporaryFolder } from './station-process.ts';
import type { StationProcess } from './station-process.ts';

/** Made before all tests of a file, stopped after them. */
export interface HostileBench {
  station: StationProcess;
  rpc: RpcClient;
  /** A client on this machine. */
  peer: RawPeer;
  server: HostileServer;
  tcpPort: number;
  wsPort: number;
}

/** Call it at the top of a file. Nothing but what a test does may be disturbed: that is looked at after every single one. */
export function hostileBench(): HostileBench {
  const bench = {} as HostileBench;
  const folder = temporaryFolder();
  let neighbourServer: HostileServer;
  let neighbour: Neighbour;

  beforeAll(async () => {
    bench.station = await startStation(folder.path, {
      coap: '0.0.0.0:0',
      switches: ['--coap-tcp', '127.0.0.1:0', '--coap-ws', '127.0.0.1:0'],
    });
    bench.rpc = bench.station.client();
    bench.peer = await RawPeer.open(bench.station.port('coap'));
    bench.server = await HostileServer.start();
    neighbourServer = await HostileServer.start();
    neighbour = new Neighbour(neighbourServer);
    await bench.rpc.call('coap.observe', { uri: neighbour.uri });
    const { listeners } = await bench.rpc.call('coap.setServer', { others: 'nothing' });
    const portOf = (id: string): number =>
      Number(/:(\d+)$/.exec(listeners.find(({ config }) => config.id === id)!.address!)![1]);
    bench.tcpPort = portOf('coap-tcp');
    bench.wsPort = portOf('coap-ws');
    await bench.peer.ask(request(3, 'topics/neighbour', { payload: Buffer.from('fine') }));
  });
  afterAll(async () => {
    bench.rpc.close();
    bench.peer.close();
    bench.server.stop();
    neighbourServer.stop();
    await bench.station.kill9();
    folder.remove();
  });

  afterEach(async () => {
    const read = decodeMessage((await bench.peer.ask(request(1, 'topics/neighbour')))!);
    expect(read).toMatchObject({ ok: true, message: { type: ACK, code: CONTENT } });
    const value = neighbour.change();
    await vi.waitFor(
      async () => {
        const { resources } = await bench.rpc.call('coap.resources', {});
        const { observation, last } = resources.find(({ uri }) => uri === neighbour.uri)!;
        expect([observation?.state, last?.text]).toEqual(['active', value]);
      },
      { timeout: 8_000, interval: 20 },
    );
  });
  return bench;
}

let lastId = 0;

/** An id that no message of this file has had. */
export function freshId(): number {
  return ++lastId;
}

export function request(
  code: number,
  path: string,
  more: Partial<CoapMessage> = {},
  options: CoapOption[] = [],
): Uint8Array {
  return encodeMessage({
    ...{ type: CON, code, messageId: ++lastId, token: Uint8Array.of(1, lastId >> 8, lastId & 255) },
    payload: new Uint8Array(0),
    ...more,
    options: [...pathOptions(path), ...options],
  });
}

/** What a counter of `station.status.limits` grows by during `run`. */
export async function growth(rpc: RpcClient, counter: string, run: () => Promise<void>): Promise<number> {
  const read = async (): Promise<number> => (await rpc.call('station.status', {})).limits[counter] ?? 0;
  const before = await read();
  await run();
  return (await read()) - before;
}

/** `2.05`, `RST`, or `silence`. */
export function nameOf(answer: Buffer | undefined): string {
  if (answer === undefined) return 'silence';
  const decoded = decodeMessage(answer);
  if (!decoded.ok) return `unreadable: ${decoded.malformed.reason}`;
  return decoded.message.type === 3 ? 'RST' : codeText(decoded.message.code);
}
