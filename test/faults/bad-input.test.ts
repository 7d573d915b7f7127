import { connect as connectTcp } from 'node:net';
import { createSocket } from 'node:dgram';
import mqtt from 'mqtt';
import type { MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RpcClient } from '../../core/rpc/types.ts';
import { startStation, temporaryFolder } from '../support/station-process.ts';
import type { StationProcess } from '../support/station-process.ts';

const folder = temporaryFolder();
let station: StationProcess;
let rpc: RpcClient;
/** Connected before everything and still there after it: what others send must not disturb it. */
let witness: MqttClient;
let witnessClosed = 0;

beforeAll(async () => {
  station = await startStation(folder.path);
  rpc = station.client();
  witness = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`, { reconnectPeriod: 0 });
  witness.on('close', () => witnessClosed++);
});
afterAll(async () => {
  await witness.endAsync(true);
  rpc.close();
  await station.kill9();
  folder.remove();
});

async function limits(): Promise<Record<string, number>> {
  return (await rpc.call('station.status', {})).limits;
}

async function values(series: string): Promise<number[]> {
  const result = await rpc.call('readings.query', { series, from: 0, to: Date.now() + 60_000 });
  return [...result.series[0]!.v];
}

/** Sends bytes on a connection of their own and answers when the station has closed it. */
function sendAndAwaitClose(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTcp(station.port('mqtt'), '127.0.0.1', () => socket.write(bytes));
    socket.on('error', () => {});
    socket.on('data', () => {});
    socket.once('close', () => resolve());
  });
}

const CONNECT = Buffer.from([0x10, 13, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 60, 0, 1, 0x62]);

describe('what is not MQTT', () => {
  it.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a TLS hello', Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3])],
    ['a reserved packet type', Buffer.concat([CONNECT, Buffer.from([0xf0, 0])])],
    ['a QoS of 3', Buffer.concat([CONNECT, Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1])])],
    ['a topic with U+0000', Buffer.concat([CONNECT, Buffer.from([0x30, 4, 0, 2, 0x61, 0])])],
    [
      'a remaining length of five bytes',
      Buffer.concat([CONNECT, Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 1])]),
    ],
  ])('%s closes that one connection and is counted', async (_name, bytes) => {
    const before = (await limits())['mqtt.malformed_packets'] ?? 0;
    await sendAndAwaitClose(bytes);
    expect((await limits())['mqtt.malformed_packets']).toBe(before + 1);
    expect(witnessClosed).toBe(0);
  });

  it('a JSON line of 10 MB is over the packet limit: closed, counted, and nothing else disturbed', async () => {
    const before = (await limits())['mqtt.malformed_packets'] ?? 0;
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${station.port('mqtt')}`, {
      reconnectPeriod: 0,
    });
    client.on('error', () => {});
    const closed = new Promise<void>((resolve) => client.once('close', () => resolve()));
    client.publish('plant/huge', `{"a":[${'1,'.repeat(5_000_000)}1]}`, { qos: 0 }, () => {});
    await closed;
    await client.endAsync(true);
    expect((await limits())['mqtt.malformed_packets']).toBe(before + 1);
    await witness.publishAsync('plant/after/temperature', '20', { qos: 1 });
    expect(await values('plant/after/temperature')).toEqual([20]);
  });
});

describe('payloads that are odd', () => {
  it('NaN and infinities are never stored; the rest of the payload is', async () => {
    for (const text of ['NaN', 'Infinity', '-inf', '1e999', '{"temp":NaN}', '{"temp":1e999,"rh":50}']) {
      await witness.publishAsync('plant/odd', text, { qos: 1 });
    }
    expect(await values('plant/odd/humidity')).toEqual([50]);
    const { series } = await rpc.call('readings.series', {});
    expect(series.filter((one) => one.last !== null && !Number.isFinite(one.last.v))).toEqual([]);
    const counted = await limits();
    expect(counted['readings.not_finite']).toBeGreaterThanOrEqual(3);
    expect(counted['readings.left_out']).toBeGreaterThanOrEqual(1);
  });

  it('a topic of 65,535 bytes is delivered and kept, and makes no device', async () => {
    const topic = `plant/${'x'.repeat(65_529)}`;
    expect(Buffer.byteLength(topic)).toBe(65_535);
    await witness.publishAsync(topic, '21.5', { qos: 1 });
    const { devices } = await rpc.call('devices.list', {});
    expect(devices.every(({ key }) => key.length < 2_000)).toBe(true);
    expect((await limits())['readings.topic_too_long']).toBe(1);
    expect(new TextDecoder().decode((await rpc.call('topics.get', { topic })).payload)).toBe('21.5');
  });

  it('a device clock in 1970 or 2100 gets the time of receipt, and is counted', async () => {
    const from = Date.now();
    await witness.publishAsync('plant/clock', '{"temp":1,"ts":0}', { qos: 1 });
    await witness.publishAsync('plant/clock', '{"temp":2,"ts":"1970-01-01T00:00:10Z"}', { qos: 1 });
    await witness.publishAsync('plant/clock', '{"temp":3,"ts":4102444800}', { qos: 1 });
    await witness.publishAsync('plant/clock', '{"temp":4,"ts":1500000000}', { qos: 1 });
    const recent = await rpc.call('readings.query', {
      series: 'plant/clock/temperature',
      from,
      to: Date.now(),
    });
    expect([...recent.series[0]!.v]).toEqual([1, 2, 3]);
    const old = await rpc.call('readings.query', {
      series: 'plant/clock/temperature',
      from: 1_500_000_000_000,
      to: 1_500_000_000_000,
    });
    expect([...old.series[0]!.v]).toEqual([4]);
    expect((await limits())['readings.clock_refused']).toBe(3);
  });

  it('what is neither number nor JSON is kept as it came', async () => {
    const bytes = Buffer.from([0, 255, 254, 0x7b, 0x22, 0xc3]);
    await witness.publishAsync('plant/bytes', bytes, { qos: 1 });
    const { messages } = await rpc.call('topics.messages', { topic: 'plant/bytes' });
    expect(messages.map(({ payload }) => [...payload])).toEqual([[...bytes]]);
  });
});

it('random datagrams at the CoAP port are counted and answered with nothing but resets', async () => {
  const socket = createSocket('udp4');
  const answers: number[] = [];
  socket.on('message', (message) => answers.push((message[0]! >> 4) & 3));
  await new Promise<void>((resolve) => socket.connect(station.port('coap'), '127.0.0.1', resolve));
  for (let n = 0; n < 500; n++) {
    const bytes = Buffer.from(
      Array.from({ length: n % 40 }, (_value, i) => (n * 31 + i * 17 + ((i * n) % 251)) & 255),
    );
    socket.send(bytes);
  }
  // A ping after all of them: its reset says that the station has read them (RFC 7252 §4.3).
  const reset = new Promise<void>((resolve) => {
    socket.on('message', (message) => {
      if (message.equals(Buffer.from([0x70, 0, 0xab, 0xcd]))) resolve();
    });
  });
  socket.send(Buffer.from([0x40, 0, 0xab, 0xcd]));
  await reset;
  socket.close();
  expect((await limits())['coap.malformed']).toBeGreaterThan(100);
  expect(answers.filter((type) => type === 0)).toEqual([]);
});
