import { encodeMessage } from '../../../core/coap/codec/codec.ts';
import type { CoapMessage } from '../../../core/coap/codec/codec.ts';
import type { MessageType } from '../../../core/coap/codec/codes.ts';
import {
  ACCEPT,
  BLOCK1,
  BLOCK2,
  CONTENT_FORMAT,
  ECHO,
  ETAG,
  HOP_LIMIT,
  IF_MATCH,
  IF_NONE_MATCH,
  MAX_AGE,
  NO_RESPONSE,
  OBSERVE,
  PROXY_URI,
  REQUEST_TAG,
  SIZE1,
  SIZE2,
  URI_HOST,
  URI_PATH,
  URI_QUERY,
  textOption,
  uintOption,
} from '../../../core/coap/codec/options.ts';
import type { CoapOption } from '../../../core/coap/codec/options.ts';
import type { Random } from '../mqtt-fuzz/random.ts';

/* What peers say that mean ill: valid messages of every kind, and what becomes of valid messages on the way. */

export const LEVELS = [
  'a',
  'b',
  'x/y',
  '',
  '+',
  '#',
  '$share',
  '$SYS',
  '..',
  '\0',
  '__proto__',
  '%2F',
  'é€😀',
];
const PATHS = [
  ...[[], ['.well-known', 'core'], ['devices'], ['devices', '1'], ['devices', '99999999'], ['readings', '1']],
  ...[['rd'], ['rd-lookup', 'ep'], ['rd-lookup', 'res'], ['.well-known', 'rd'], ['nothing', 'here']],
  ...[['readings', 'constructor', 'x'], ['devices', '__proto__'], ['topics'], ['rd', '00000000']],
];
const BASES = [
  'coap://127.0.0.1:1',
  'coap://198.18.0.1',
  'coap://[fe80::1]',
  'coap+tcp://198.18.0.9:7',
  'coaps://x.invalid',
  'http://h/',
  'coap://224.0.1.187',
  'coap://host.invalid:99999',
  'coap://[::ffff:127.0.0.1]:5683',
];
const TOKENS = 6;

/** Small numbers mostly, so that tokens and ids are used again. */
export function token(random: Random): Uint8Array {
  if (random.chance(0.1)) return random.bytes(random.below(9));
  return Uint8Array.of(random.below(TOKENS));
}

export function block(random: Random): Uint8Array {
  const number = random.pick([0, 0, 1, 1, 2, 3, 15, 4_095, 1_048_575]);
  const value = number * 16 + (random.chance(0.6) ? 8 : 0) + random.pick([0, 0, 1, 2, 6, 6, 7]);
  return uintOption(BLOCK1, value >>> 0).value;
}

export function options(random: Random): CoapOption[] {
  const made: CoapOption[] = [];
  for (let count = random.pick([0, 0, 0, 1, 1, 2, 4]); count > 0; count--) {
    const number = random.pick([
      ...[ACCEPT, CONTENT_FORMAT, ECHO, ETAG, HOP_LIMIT, IF_MATCH, IF_NONE_MATCH, MAX_AGE, NO_RESPONSE],
      ...[PROXY_URI, REQUEST_TAG, SIZE1, SIZE2, URI_HOST, OBSERVE, random.below(65_536), random.below(300)],
    ]);
    made.push({ number, value: random.bytes(random.pick([0, 1, 1, 2, 3, 4, 8, 9, 12, 41])) });
  }
  if (random.chance(0.2)) made.push({ number: BLOCK1, value: block(random) });
  if (random.chance(0.2)) made.push({ number: BLOCK2, value: block(random) });
  return made;
}

export function links(random: Random, bad = 0.2): string {
  const count = random.pick([0, 1, 2, 5, 30]);
  const list = Array.from({ length: count }, (_, index) => {
    const target = random.pick([
      ...[`/r${index}`, `/r${random.below(1_000)}`, 'x', '', '?q', '//198.18.0.3/z', '/../..', '/%zz'],
      ...['coap://127.0.0.1:1/w', 'coap://[::1]/w', 'http://w/', `/${'n'.repeat(random.below(300))}`],
    ]);
    const attribute = random.pick([
      ...['', ';obs', ';rt="a b"', ';ct=0', ';__proto__=1', ';constructor', ';title="\\""', ';obs;obs', ';='],
      ...[';anchor="//x"', ';rel="a hosts"', `;sz=${random.next()}`, ';if=core.s', ';rt=core.rd-lookup-ep'],
    ]);
    return `<${target}>${attribute}`;
  }).join(',');
  if (!random.chance(bad)) return list;
  const at = random.below(list.length + 1);
  return list.slice(0, at) + random.pick(['"', '<', '>', ';', ',', '\0', '\\', '"\\']) + list.slice(at + 1);
}

/** A valid request of any kind to the station's resources. */
export function request(random: Random): CoapMessage {
  let code = random.pick([1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 31]);
  let path: string[] = random.pick(PATHS);
  const query: string[] = [];
  let payload = random.bytes(random.pick([0, 0, 1, 16, 64, 1_024]));
  const kind = random.below(10);
  if (kind < 3) {
    path = ['topics', ...Array.from({ length: 1 + random.below(3) }, () => random.pick(LEVELS))];
    if (random.chance(0.7)) code = random.pick([1, 3, 2]);
  } else if (kind < 5) {
    path = random.pick([['rd'], ['rd'], ['.well-known', 'rd']]);
    code = 2;
    query.push(`ep=${random.pick(['e', 'f', 'g'])}${random.below(40)}`);
    if (random.chance(0.4)) query.push(`base=${random.pick(BASES)}`);
    if (random.chance(0.3)) query.push(`lt=${random.pick(['1', '60', '-1', '4294967296', 'x'])}`);
    if (random.chance(0.2))
      query.push(random.pick(['d=s', 'et=t', '__proto__=1', '=', 'page=1', 'count=-1']));
    payload = Buffer.from(links(random));
  }
  const made = [
    ...path.map((segment) => textOption(URI_PATH, segment)),
    ...query.map((argument) => textOption(URI_QUERY, argument)),
    ...(random.chance(0.3) ? [uintOption(OBSERVE, random.pick([0, 0, 0, 1, 2]))] : []),
    ...options(random),
  ];
  const type = random.pick([0, 0, 0, 1, 1] as const);
  return { type, code, messageId: random.below(500), token: token(random), options: made, payload };
}

const RESPONSES = [65, 66, 67, 68, 69, 69, 69, 95, 128, 129, 130, 132, 136, 141, 157, 160, 163, 165];

/** A valid response, or nearly, to whatever was asked. */
export function response(random: Random, asked: Pick<CoapMessage, 'messageId' | 'token'>): CoapMessage {
  const isLinks = random.chance(0.3);
  const payload = isLinks ? Buffer.from(links(random)) : random.bytes(random.pick([0, 1, 5, 16, 64, 1_024]));
  const made: CoapOption[] = [];
  if (isLinks) made.push(uintOption(CONTENT_FORMAT, 40));
  else if (random.chance(0.3))
    made.push(uintOption(CONTENT_FORMAT, random.pick([0, 50, 60, 110, 112, 65_535])));
  if (random.chance(0.5))
    made.push(uintOption(OBSERVE, random.pick([0, 1, 2, 3, 0xff_ffff, random.below(2 ** 24)])));
  if (random.chance(0.4)) made.push({ number: ETAG, value: random.bytes(random.pick([1, 1, 8])) });
  if (random.chance(0.3)) made.push(uintOption(MAX_AGE, random.pick([0, 0, 1, 60, 0xffff_ffff])));
  made.push(...options(random));
  return {
    type: random.pick([2, 2, 2, 2, 1, 0, 0]) as MessageType,
    code: random.pick(RESPONSES),
    messageId: random.chance(0.85) ? asked.messageId : random.below(65_536),
    token: random.chance(0.9) ? asked.token : token(random),
    options: made,
    payload,
  };
}

/** Bytes of a message; every fourth is spoilt on its way. */
export function onTheWay(random: Random, message: CoapMessage, spoilt = 0.25): Uint8Array {
  const bytes = Buffer.from(encodeMessage({ ...message, code: message.code & 255 }));
  return random.chance(spoilt) ? spoil(random, bytes) : bytes;
}

/** Bits flipped, bytes cut off, put in, overwritten by what has a meaning in CoAP. */
export function spoil(random: Random, whole: Uint8Array): Buffer {
  let bytes: Buffer = Buffer.from(whole);
  for (let times = random.pick([1, 1, 1, 2, 3]); times > 0; times--) {
    const at = random.below(bytes.length + 1);
    switch (random.below(7)) {
      case 0:
        bytes = bytes.subarray(0, at);
        break;
      case 1:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          random.bytes(1 + random.below(20)),
          bytes.subarray(at),
        ]);
        break;
      case 2:
        bytes = Buffer.concat([bytes, Buffer.from([0xff])]);
        break;
      case 3:
        if (at < bytes.length)
          bytes[at] = random.pick([0, 0xff, 0xf0, 0x0f, 0xd0, 0xe0, 0xdd, 0xee, 0x40, 0x7f]);
        break;
      case 4:
        if (bytes.length > 0) bytes[0] = random.next();
        break;
      case 5:
        bytes = random.bytes(random.pick([0, 1, 3, 4, 12, 100, 1_400]));
        break;
      default:
        if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << random.below(8));
    }
  }
  return bytes;
}
