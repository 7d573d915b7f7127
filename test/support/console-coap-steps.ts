/** Messages of made-up exchanges: what a ladder has to show, from a plain GET to 1,024 blocks with losses. */
import type { CoapOptionView, CoapTransportName } from '../../core/contract/coap.ts';
import type { CoapStep } from '../../core/contract/coap-browser.ts';

export type LooseStep = Partial<CoapStep> &
  Pick<CoapStep, 'direction' | 'code' | 'codeName'> & { afterMs: number };

export const option = (number: number, name: string, value: string): CoapOptionView => ({
  number,
  name,
  value,
});
const PATH = [option(11, 'Uri-Path', 'sensors'), option(11, 'Uri-Path', 'temp')];
const FORMAT = option(12, 'Content-Format', '110 (application/senml+json)');
const ETAG = option(4, 'ETag', 'a1b2c3d4e5f60718');
const get = (afterMs: number, more: Partial<CoapStep> = {}): LooseStep => ({
  afterMs, direction: 'out', type: 'CON', code: '0.01', codeName: 'GET', messageId: 0x3f2a, token: '8a1c4f02d1b9', options: PATH, ...more,
}); // prettier-ignore
const content = (afterMs: number, more: Partial<CoapStep> = {}): LooseStep => ({
  afterMs, direction: 'in', type: 'ACK', code: '2.05', codeName: 'Content', messageId: 0x3f2a, token: '8a1c4f02d1b9',
  options: [ETAG, FORMAT, option(14, 'Max-Age', '30')], payloadBytes: 118, ...more,
}); // prettier-ignore
const empty = (afterMs: number, direction: 'in' | 'out', more: Partial<CoapStep> = {}): LooseStep => ({
  afterMs, direction, type: 'ACK', code: '0.00', codeName: 'Empty', messageId: 0x3f2a, token: '', ...more,
}); // prettier-ignore

export function simple(): LooseStep[] {
  return [get(0), content(31.4)];
}

export function lossy(): LooseStep[] {
  return [
    get(0),
    get(2_312, { repeat: 1 }),
    get(4_624, { repeat: 2 }),
    content(38),
    content(12, { verdict: 'duplicate' }),
  ];
}

export function unanswered(): LooseStep[] {
  return [0, 2_412, 4_824, 9_648, 19_296].map((afterMs, repeat) => get(afterMs, { repeat }));
}

export function separate(): LooseStep[] {
  return [
    get(0),
    empty(24, 'in'),
    content(3_420, { type: 'CON', messageId: 0x9b01 }),
    empty(0.4, 'out', { messageId: 0x9b01 }),
  ];
}

export function odd(): LooseStep[] {
  return [
    get(0),
    content(18, { token: 'ffee', verdict: 'unmatched' }),
    {
      afterMs: 22,
      direction: 'in',
      type: null,
      code: '3.07',
      codeName: 'unknown',
      messageId: null,
      verdict: 'malformed',
      bytes: 7,
    },
    content(41, {
      verdict: 'refused',
      options: [...PATH, option(65_001, 'Option 65001', 'c0ffee')],
    }),
    get(2_105, { repeat: 1 }),
    { afterMs: 27, direction: 'in', type: 'RST', code: '0.00', codeName: 'Empty', messageId: 0x3f2a },
  ];
}

export function tcp(): LooseStep[] {
  return [
    { afterMs: 0, direction: 'out', code: '7.01', codeName: 'CSM', options: [option(2, 'Max-Message-Size', '1048576'), option(4, 'Block-Wise-Transfer', '')] },
    { afterMs: 4.2, direction: 'in', code: '7.01', codeName: 'CSM', options: [option(2, 'Max-Message-Size', '8388864')] },
    { afterMs: 0.6, direction: 'out', code: '0.03', codeName: 'PUT', token: '51', options: [option(11, 'Uri-Path', 'actuators'), option(11, 'Uri-Path', 'setpoint'), option(12, 'Content-Format', '50 (application/json)')], payloadBytes: 26 },
    { afterMs: 9.8, direction: 'in', code: '4.05', codeName: 'Method Not Allowed', token: '51', payloadBytes: 9 },
    { afterMs: 1_800, direction: 'out', code: '7.02', codeName: 'Ping', token: '52' },
    { afterMs: 3.1, direction: 'in', code: '7.03', codeName: 'Pong', token: '52' },
  ]; // prettier-ignore
}

/** An upload by Block1; every `lossEvery`th block is sent twice. */
export function blocks(count: number, bytes = 1024, lossEvery = 9): LooseStep[] {
  const steps: LooseStep[] = [];
  for (let n = 0; n < count; n++) {
    const more = n < count - 1 ? 1 : 0;
    const block = option(27, 'Block1', `${n}/${more}/${bytes}`);
    const put: Partial<CoapStep> = {
      code: '0.03', codeName: 'PUT', messageId: (0x4000 + n) & 0xffff, token: '77c1',
      options: [option(11, 'Uri-Path', 'config'), option(11, 'Uri-Path', 'firmware'), block, option(60, 'Size1', String(count * bytes))],
      payloadBytes: bytes,
    }; // prettier-ignore
    steps.push(get(n === 0 ? 0 : 0.8, put));
    if (n % lossEvery === lossEvery - 1) steps.push(get(2_140, { ...put, repeat: 1 }));
    steps.push(
      content(14, {
        code: more === 1 ? '2.31' : '2.04',
        codeName: more === 1 ? 'Continue' : 'Changed',
        messageId: (0x4000 + n) & 0xffff,
        token: '77c1',
        options: [block],
        payloadBytes: 0,
      }),
    );
  }
  return steps;
}

/** A download by Block2. */
export function download(count: number, bytes = 64): LooseStep[] {
  return Array.from({ length: count }, (_, n): LooseStep[] => {
    const block = option(23, 'Block2', `${n}/${n < count - 1 ? 1 : 0}/${bytes}`);
    const same = { messageId: (0x5000 + n) & 0xffff, token: 'd0c5' };
    const asked = n === 0 ? [] : [option(23, 'Block2', `${n}/0/${bytes}`)];
    return [
      get(n === 0 ? 0 : 0.8, { ...same, options: [...PATH, ...asked] }),
      content(11, { ...same, options: [ETAG, block], payloadBytes: bytes }),
    ];
  }).flat();
}

export function notified(n: number): LooseStep[] {
  const confirmable = n % 5 === 0;
  const observe = option(6, 'Observe', String(40 + n));
  const notification = content(confirmable ? 5_002 : 4_998, {
    type: confirmable ? 'CON' : 'NON',
    messageId: 0x7000 + n,
    options: [ETAG, observe, FORMAT],
  });
  return confirmable ? [notification, empty(0.5, 'out', { messageId: 0x7000 + n })] : [notification];
}

export function observeBegin(): LooseStep[] {
  const observe = (value: string): CoapOptionView => option(6, 'Observe', value);
  return [
    get(0, { options: [observe('0'), ...PATH] }),
    content(28, { options: [ETAG, observe('39'), FORMAT] }),
  ];
}

/** Times of the messages from the distances between them. */
export function timed(
  loose: readonly LooseStep[],
  startMs: number,
  sinceMs = 0,
  transport: CoapTransportName = 'udp',
): CoapStep[] {
  let since = sinceMs;
  return loose.map(({ afterMs, ...step }) => {
    since += afterMs;
    const options = step.options ?? [];
    const payloadBytes = step.payloadBytes ?? 0;
    const token = step.token ?? '';
    return {
      transport,
      type: null,
      messageId: null,
      bytes: 4 + token.length / 2 + options.length * 6 + (payloadBytes === 0 ? 0 : payloadBytes + 1),
      repeat: 0,
      verdict: 'ok',
      ...step,
      token,
      options,
      payloadBytes,
      atMs: startMs + since,
      sinceMs: since,
    };
  });
}
