/** The station and CoAP devices as they are met in the field: each one a UDP socket that the test answers by hand. */
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { decodeMessage, encodeMessage } from '../../core/coap/codec/codec.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { ACK, CON, CONTENT, NOT_FOUND } from '../../core/coap/codec/codes.ts';
import { LINK_FORMAT, TEXT_PLAIN } from '../../core/coap/codec/content-formats.ts';
import {
  CONTENT_FORMAT,
  OBSERVE,
  URI_PATH,
  URI_QUERY,
  findUint,
  uintOption,
} from '../../core/coap/codec/options.ts';
import type { RpcClient } from '../../core/rpc/types.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

/** Answers GET from a table of `path?query` to text; whatever is observed is accepted. */
class FieldDevice {
  readonly resources = new Map<string, { format: number; text: string }>();
  /** Requests that came in, as `path?query`, with ` observe=N` where asked. */
  readonly asked: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (bytes, from) => {
      const decoded = decodeMessage(bytes);
      if (decoded.ok && decoded.message.type === CON) this.#answer(decoded.message, from);
    });
  }

  static async start(): Promise<FieldDevice> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new FieldDevice(socket);
  }

  get authority(): string {
    return `coap://127.0.0.1:${this.#socket.address().port}`;
  }

  list(links: string): void {
    this.resources.set('/.well-known/core', { format: LINK_FORMAT, text: links });
  }

  stop(): void {
    this.#socket.close();
  }

  #answer({ messageId, token, options }: CoapMessage, from: RemoteInfo): void {
    const texts = (number: number) =>
      options.filter((one) => one.number === number).map(({ value }) => Buffer.from(value).toString());
    const query = texts(URI_QUERY).join('&');
    const key = `/${texts(URI_PATH).join('/')}${query === '' ? '' : `?${query}`}`;
    const observe = findUint(options, OBSERVE);
    this.asked.push(observe === undefined ? key : `${key} observe=${observe}`);
    const found = this.resources.get(key);
    const answer = {
      type: ACK,
      code: found === undefined ? NOT_FOUND : CONTENT,
      messageId,
      token,
      options: [
        ...(found !== undefined && observe === 0 ? [uintOption(OBSERVE, 1)] : []),
        ...(found === undefined ? [] : [uintOption(CONTENT_FORMAT, found.format)]),
      ],
      payload: Buffer.from(found?.text ?? ''),
    };
    this.#socket.send(encodeMessage(answer), from.port, from.address);
  }
}

let folder: ReturnType<typeof temporaryFolder>;
let station: StationProcess;
let rpc: RpcClient;
let device: FieldDevice;

beforeEach(async () => {
  folder = temporaryFolder();
  device = await FieldDevice.start();
  await open();
});
afterEach(async () => {
  rpc.close();
  await station.kill9();
  device.stop();
  folder.remove();
});

async function open(options: Parameters<typeof startStation>[1] = {}): Promise<void> {
  station = await startStation(folder.path, options);
  rpc = station.client();
}

async function known(): Promise<string[]> {
  const { resources } = await rpc.call('coap.resources', {});
  return resources.map(({ uri }) => uri.replace(device.authority, '')).toSorted();
}

it('a filtered list, or the list of one folder, takes nothing away; the whole list does', async () => {
  device.list('</a>;rt=q,</b>;rt=z,</c>');
  device.resources.set('/.well-known/core?rt=q', { format: LINK_FORMAT, text: '</a>;rt=q' });
  device.resources.set('/folder', { format: LINK_FORMAT, text: '</folder/d>' });
  await rpc.call('coap.discover', { uri: device.authority });
  await rpc.call('coap.discover', { uri: `${device.authority}/.well-known/core?rt=q` });
  await rpc.call('coap.discover', { uri: `${device.authority}/folder` });
  expect(await known()).toEqual(['/a', '/b', '/c', '/folder/d']);
  device.list('</a>,</c>');
  await rpc.call('coap.discover', { uri: `${device.authority}/.well-known/core` });
  expect(await known()).toEqual(['/a', '/c']);
});

it('a list that would be more than the station keeps is refused whole', async () => {
  for (const folder of ['x', 'y', 'z']) {
    const links = Array.from({ length: 7_000 }, (_, index) => `</${folder}${index.toString(36)}>`).join(',');
    device.resources.set(`/${folder}`, { format: LINK_FORMAT, text: links });
  }
  await rpc.call('coap.discover', { uri: `${device.authority}/x` });
  await rpc.call('coap.discover', { uri: `${device.authority}/y` });
  await expect(rpc.call('coap.discover', { uri: `${device.authority}/z` })).rejects.toMatchObject({
    code: 'coap.too_many_resources',
  });
  expect((await known()).length).toBe(14_000);
});

it('a link to another server is listed, and nobody is asked there until somebody says so', async () => {
  const other = await FieldDevice.start();
  try {
    other.resources.set('/t', { format: TEXT_PLAIN, text: '5' });
    device.list(`</a>,<${other.authority}/t>;obs`);
    const { links } = await rpc.call('coap.discover', { uri: device.authority });
    expect(links.map(({ uri }) => uri)).toEqual([`${device.authority}/a`, `${other.authority}/t`]);
    const { text } = await rpc.call('coap.request', { uri: `${other.authority}/t` });
    expect([text, other.asked]).toEqual(['5', ['/t']]);
  } finally {
    other.stop();
  }
});

it('resources that differ in their query have a series each', async () => {
  device.resources.set('/temp?id=1', { format: TEXT_PLAIN, text: '21.5' });
  device.resources.set('/temp?id=2', { format: TEXT_PLAIN, text: '4.5 Cel' });
  const { deviceId } = await rpc.call('coap.request', { uri: `${device.authority}/temp?id=1` });
  await rpc.call('coap.request', { uri: `${device.authority}/temp?id=2` });
  const { series } = await rpc.call('readings.series', { deviceId: deviceId! });
  expect(series.map(({ name, last, unit }) => [name, last?.v, unit])).toEqual([
    ['temperature?id=1', 21.5, 'Cel'],
    ['temperature?id=2', 4.5, 'Cel'],
  ]);
});

it('observing an address of no device is refused at once, and leaves no resource and no device', async () => {
  for (const host of ['224.0.1.187', '0.0.0.0', '[ff02::fd]', '[::]']) {
    await expect(rpc.call('coap.observe', { uri: `coap://${host}/t` })).rejects.toMatchObject({
      code: 'coap.bad_uri',
    });
  }
  expect(await known()).toEqual([]);
  expect((await rpc.call('devices.list', {})).devices).toEqual([]);
});

it('a station whose CoAP port is taken says so at each wanted observation, which can be cancelled', async () => {
  for (const path of ['/t', '/u', '/v']) {
    device.resources.set(path, { format: TEXT_PLAIN, text: '5' });
    await rpc.call('coap.observe', { uri: device.authority + path });
  }
  rpc.close();
  await station.stop();
  const holder = createSocket('udp4');
  holder.bind(0, '127.0.0.1');
  await once(holder, 'listening');
  try {
    await open({ coap: `127.0.0.1:${holder.address().port}` });
    const { resources } = await rpc.call('coap.resources', {});
    const down = { state: 'ended', problem: expect.stringMatching(/listener could not start/) };
    expect(resources.map(({ observation }) => observation)).toMatchObject([down, down, down]);
    expect(station.log().match(/could not be resumed/g)?.length).toBe(1);
    await expect(rpc.call('coap.observe', { uri: `${device.authority}/new` })).rejects.toMatchObject({
      code: 'coap.not_running',
    });
    expect(await known()).toEqual(['/t', '/u', '/v']);
    const cancelled = await rpc.call('coap.cancelObserve', { uri: `${device.authority}/t` });
    expect(cancelled.observation).toBeNull();
  } finally {
    holder.close();
  }
  rpc.close();
  await station.stop();
  await open();
  expect((await rpc.call('station.status', {})).coap.observations).toBe(2);
});
