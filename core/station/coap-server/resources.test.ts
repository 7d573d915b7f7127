import { decode } from 'cborg';
import { expect, it } from 'vitest';
import { CodedError } from '../../base/errors.ts';
import { METHOD_CODES, codeText } from '../../coap/codec/codes.ts';
import type { Method } from '../../coap/codec/codes.ts';
import type { ServedAnswer, ServedRequest } from '../../coap/server/resource.ts';
import type { DeviceRow, SeriesInfo } from '../../contract/devices.ts';
import { devicesResource, readingsResource } from './readings-resources.ts';
import type { KnownDevices } from './readings-resources.ts';
import { neededOpenness } from './station-server.ts';
import { topicsResource } from './topics-resource.ts';
import type { KnownTopics } from './topics-resource.ts';

function asked(method: Method, path: string, change: Partial<ServedRequest> = {}): ServedRequest {
  return {
    method,
    code: METHOD_CODES[method],
    path: path.split('/'),
    query: [],
    options: [],
    payload: new Uint8Array(0),
    ...{ contentFormat: null, accept: null, observe: false, multicast: false, identity: null },
    from: { address: '127.0.0.1', port: 4000, family: 4 },
    transport: 'udp',
    peerKey: 'udp 127.0.0.1:4000',
    signal: new AbortController().signal,
    ...change,
  };
}

const series: SeriesInfo = {
  ...{ id: 3, deviceId: 7, name: 'temperature', quantity: 'temperature', unit: 'Cel' },
  last: { t: 1_700_000_000_500, v: 21.5, receivedMs: 1_700_000_000_600 },
  ...{ intervalMs: 1_000, staleAfterMs: 5_000 },
};
const silent: SeriesInfo = { ...series, id: 4, name: 'humidity', unit: '%RH', last: null };
const row: DeviceRow = {
  ...{ id: 7, key: 'plant/room1', name: 'Room 1, north', protocols: ['mqtt'] },
  ...{ firstSeenMs: 0, lastSeenMs: 1_700_000_000_600, series: [series, silent] },
};
const known: KnownDevices = {
  list: () => [row],
  device: (id) => {
    if (id !== 7) throw new CodedError('devices.unknown', `There is no device ${id}.`);
    return { row };
  },
  series: (ref) => {
    if (ref !== '3' && ref !== 'plant/room1/temperature') {
      throw new CodedError('readings.unknown_series', `There is no series ${ref}.`);
    }
    return series;
  },
};

const devices = devicesResource(known, () => undefined);
const readings = readingsResource(
  known,
  () => 'plant/room1',
  () => undefined,
);
const text = ({ payload }: ServedAnswer): string => Buffer.from(payload!).toString();
const handled = (answer: ServedAnswer | Promise<ServedAnswer>): ServedAnswer => answer as ServedAnswer;

it('lists devices as links and as JSON', () => {
  const links = handled(devices.handle(asked('GET', 'devices')));
  expect(links.contentFormat).toBe(40);
  expect(text(links)).toBe('</devices/7>;rt="fs.device";if="core.s";ct="110 112";title="Room 1, north";obs');
  const json = handled(devices.handle(asked('GET', 'devices', { accept: 50 })));
  expect(JSON.parse(text(json))).toMatchObject([
    { id: 7, key: 'plant/room1', series: [{ id: 3 }, { id: 4 }] },
  ]);
  expect(codeText(handled(devices.handle(asked('GET', 'devices', { accept: 60 }))).code)).toBe('4.06');
});

it('gives a device as SenML in JSON and CBOR, with what has no value left out', () => {
  const json = handled(devices.handle(asked('GET', 'devices/7')));
  expect(json.contentFormat).toBe(110);
  expect(JSON.parse(text(json))).toEqual([
    { bn: 'plant/room1:', n: 'temperature', u: 'Cel', v: 21.5, t: 1_700_000_000.5 },
  ]);
  const cbor = handled(devices.handle(asked('GET', 'devices/7', { accept: 112 })));
  expect(decode(cbor.payload!, { useMaps: true })).toEqual([
    new Map<number, unknown>([
      [-2, 'plant/room1:'],
      [0, 'temperature'],
      [1, 'Cel'],
      [2, 21.5],
      [6, 1_700_000_000.5],
    ]),
  ]);
});

it.each(['devices/8', 'devices/x', 'devices/7/extra', 'devices/99999999999'])('does not know %s', (path) => {
  expect(codeText(handled(devices.handle(asked('GET', path))).code)).toBe('4.04');
});

it('gives one series by number and by name, also as a bare number', () => {
  for (const path of ['readings/3', 'readings/plant/room1/temperature']) {
    const answer = handled(readings.handle(asked('GET', path, { accept: 0 })));
    expect([answer.contentFormat, text(answer)]).toEqual([0, '21.5']);
  }
  expect(codeText(handled(readings.handle(asked('GET', 'readings/9'))).code)).toBe('4.04');
});

function topicsWith(change: Partial<KnownTopics> = {}): { published: unknown[]; topics: KnownTopics } {
  const published: unknown[] = [];
  const topics: KnownTopics = {
    last: (topic) => (topic === 'a/b' ? { payload: Buffer.from('21'), payloadBytes: 2 } : undefined),
    may: () => true,
    publish: (message) => {
      published.push(message);
      return Promise.resolve();
    },
    follow: () => true,
    ...change,
  };
  return { published, topics };
}

it('publishes by PUT and answers when the message is safe', async () => {
  const { topics, published } = topicsWith();
  const resource = topicsResource(topics);
  const payload = Buffer.from('{"t":21}');
  const put = await resource.handle(asked('PUT', 'topics/plant/room1', { payload, query: ['retain'] }));
  expect(codeText(put.code)).toBe('2.04');
  expect(published).toEqual([{ topic: 'plant/room1', payload, retain: true }]);
});

it('gives the last payload of a topic, and nothing of a payload that is not kept whole', () => {
  const resource = topicsResource(topicsWith().topics);
  expect(text(handled(resource.handle(asked('GET', 'topics/a/b'))))).toBe('21');
  expect(codeText(handled(resource.handle(asked('GET', 'topics/a/c'))).code)).toBe('4.04');
  const cut = topicsResource(
    topicsWith({ last: () => ({ payload: new Uint8Array(4), payloadBytes: 9 }) }).topics,
  );
  expect(codeText(handled(cut.handle(asked('GET', 'topics/a/b'))).code)).toBe('5.01');
});

it('keeps to the rules of anonymous MQTT clients, and out of $SYS', async () => {
  const closed = topicsResource(topicsWith({ may: () => false }).topics);
  expect(codeText((await closed.handle(asked('PUT', 'topics/a'))).code)).toBe('4.03');
  expect(codeText((await closed.handle(asked('GET', 'topics/a/b'))).code)).toBe('4.03');
  const { topics, published } = topicsWith();
  expect(codeText((await topicsResource(topics).handle(asked('PUT', 'topics/$SYS/x'))).code)).toBe('4.03');
  expect(published).toEqual([]);
});

it('says what went wrong with a publish', async () => {
  const refusing = (code: string) =>
    topicsResource(topicsWith({ publish: () => Promise.reject(new CodedError(code, 'No.')) }).topics);
  const put = asked('PUT', 'topics/a+b');
  expect(codeText((await refusing('mqtt.topic_name').handle(put)).code)).toBe('4.00');
  expect(await refusing('broker.not_taken').handle(put)).toMatchObject({ code: 0xa3, maxAgeSeconds: 5 });
});

it.each([
  ['GET', '.well-known/core', 'register'],
  ['POST', 'rd', 'register'],
  ['GET', 'devices', 'read'],
  ['GET', 'topics/a', 'read'],
  ['PUT', 'topics/a', 'publish'],
  ['POST', 'topics/a', 'publish'],
  ['GET', '', 'read'],
] as const)('%s /%s needs others to be allowed to %s', (method, path, needed) => {
  expect(neededOpenness(asked(method, path))).toBe(needed);
});
