/** Payloads of every kind that the console can show, for the made-up station. */
import { encode as encodeMsgpack } from '@msgpack/msgpack';
import { encode as encodeCbor } from 'cborg';
import { gzipSync } from 'node:zlib';
import type { MessageProperties } from '../../core/contract/broker.ts';

export interface MadeUpTopic {
  topic: string;
  client: string | null;
  qos: 0 | 1 | 2;
  retain: boolean;
  properties?: MessageProperties;
  payload: (step: number) => Uint8Array;
  /** False for what came once and never again. */
  moves: boolean;
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const wave = (step: number, middle: number, swing: number): number =>
  Math.round((middle + swing * Math.sin(step / 7) + Math.sin(step * 1.7) * swing * 0.1) * 100) / 100;

/** A PNG of 24 x 16 grey steps. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FAAhKDveksOjmAAAAAElFTkSuQmCC',
  'base64',
);

/** Fields as protobuf.dev describes them: doubles at 1, text at 2, a nested message at 3. */
function wire(step: number): Uint8Array {
  const bytes = Buffer.from(
    '090000000000000000' + '1206' + '70756d702d31' + '1a0608b0cfad8a05' + '2002',
    'hex',
  );
  bytes.writeDoubleLE(wave(step, 4.2, 0.4), 1);
  return Uint8Array.from(bytes);
}

/** Milliseconds of now as a varint in hex. */
function varint(value: bigint): string {
  return value < 128n ? byte(Number(value)) : byte(Number(value & 127n) | 128) + varint(value >> 7n);
}

function sparkplug(step: number): Uint8Array {
  const stamp = varint(BigInt(Date.now()));
  const metric = (name: string, alias: number, type: number, value: string): string => {
    const label = Buffer.from(name);
    const body =
      '0a' +
      byte(label.length) +
      label.toString('hex') +
      '10' +
      byte(alias) +
      `18${stamp}` +
      '20' +
      byte(type) +
      value;
    return '12' + byte(body.length / 2) + body;
  };
  const float = Buffer.alloc(4);
  float.writeFloatLE(wave(step, 21.5, 1.5));
  return hex(
    `08${stamp}` +
      metric('Line/Temperature', 1, 9, `65${float.toString('hex')}`) +
      metric('Line/Count', 2, 3, '50fbffffff0f') +
      metric('Line/Running', 3, 11, '7001') +
      metric('Line/Recipe', 4, 12, '3801') +
      '18' +
      byte(step % 128),
  );
}

const byte = (value: number): string => value.toString(16).padStart(2, '0');

export function plantTopics(): MadeUpTopic[] {
  const list: MadeUpTopic[] = [];
  const add = (
    topic: string,
    client: string | null,
    payload: (step: number) => Uint8Array,
    more: Partial<MadeUpTopic> = {},
  ) => list.push({ topic, client, qos: 0, retain: false, moves: true, payload, ...more });
  for (let room = 1; room <= 12; room++) {
    for (let sensor = 1; sensor <= 4; sensor++) {
      const base = `plant/room${room}/sensor${sensor}`;
      const phase = room * 31 + sensor * 7;
      add(base, `sensor-${room}-${sensor}`, (step) =>
        utf8(
          `{"temperature":${wave(step + phase, 21, 2)},"humidity":${wave(step + phase * 2, 44, 6)},"seq":${step}}`,
        ),
      );
      add(`${base}/battery`, `sensor-${room}-${sensor}`, () => utf8('3.61'), {
        retain: true,
        qos: 1,
        moves: false,
      });
    }
    add(`plant/room${room}/door`, `gateway-${room}`, () => utf8(room % 3 === 0 ? 'open' : 'closed'), {
      retain: true,
      qos: 1,
      moves: false,
    });
  }
  add(
    'formats/json',
    'line-controller-7',
    (step) =>
      utf8(
        JSON.stringify({
          machine: { id: 'M-7', serial: 0, state: step % 9 === 0 ? 'changeover' : 'running' },
          axes: [
            { name: 'x', position: wave(step, 120, 40), load: 0.31 },
            { name: 'y', position: wave(step + 9, 88, 12), load: 0.22 },
          ],
          cycle: 188_412 + step,
          alarms: [],
          operator: null,
        }).replace('"serial":0', '"serial":9007199254740993123'),
      ),
    {
      qos: 1,
      retain: true,
      properties: {
        payloadFormat: 1,
        contentType: 'application/json',
        messageExpirySeconds: 3_600,
        responseTopic: 'line/7/answers',
        correlationData: utf8('order-4711'),
        userProperties: [
          ['trace', '4bf92f3577b34da6a3ce929d0e0e4736'],
          ['schema', 'machine/3'],
        ],
      },
    },
  );
  add('formats/senml', 'weather-mast', (step) =>
    utf8(
      `[{"bn":"urn:dev:mac:0024befffe804ff1:","bt":${1.8e9 + step},"n":"temperature","u":"Cel","v":${wave(step, 12, 3)}},{"n":"humidity","u":"%RH","v":${wave(step, 60, 9)}},{"n":"rain","vb":false,"t":-60},{"n":"note","vs":"mast A"}]`,
    ),
  );
  add('formats/senml-cbor', 'weather-mast', () =>
    hex('82a4216a75726e3a6465763a783a006174016343656c02f94d60a200616408420102'),
  );
  add('formats/cbor', 'edge-cbor', (step) =>
    encodeCbor({
      t: wave(step, 21, 2),
      id: 2n ** 63n + 5n,
      raw: hex('00ff10'),
      ok: true,
      limits: [1.5, 2.25, null],
    }),
  );
  add('formats/cbor-tag', 'edge-cbor', () => hex('c11a514b67b0'), { moves: false });
  add('formats/msgpack', 'edge-mp', (step) =>
    encodeMsgpack({ temp: wave(step, 21, 2), pressure: 1013.25, tags: ['a', 'b'], raw: hex('0102') }),
  );
  add('formats/protobuf', 'edge-pb', wire);
  add('spBv1.0/north/DDATA/edge1/press4', 'edge1', sparkplug, { qos: 1 });
  add('formats/image', 'camera-2', () => Uint8Array.from(PNG), { moves: false, retain: true });
  add('formats/gzip', 'logger', () => gzipSync('{"packed":true,"lines":["one","two"]}'), { moves: false });
  add('formats/binary', 'modbus-bridge', (step) =>
    Uint8Array.from({ length: 4_096 }, (_, i) => (i * 37 + (i % 61 === 0 ? step : 0)) & 255),
  );
  add('formats/broken-json', 'old-firmware', () => utf8('{"temperature":21.5,"humidity":'), { moves: false });
  add('formats/large', 'logger', (step) =>
    utf8(JSON.stringify({ list: Array.from({ length: 9_000 }, (_, i) => i * step) })),
  );
  add('formats/text', 'logger', (step) => utf8(`line ${step}\nall is well\nuptime ${step * 4} s\n`));
  add('$SYS/broker/uptime', null, (step) => utf8(`${step} seconds`), { retain: true });
  return list;
}
