/** The messages of an exchange as a ladder shows them: what was sent again, what was never answered. Pure. */
import type { CoapExchange, CoapStep } from '../../../../../core/contract/coap-browser.ts';

/** A block option (RFC 7959 §2.2) as the station writes it: `3/1/64`. */
export interface BlockPart {
  kind: 'Block1' | 'Block2';
  number: number;
  more: boolean;
  /** Block size. */
  bytes: number;
}

export interface LadderMessage {
  step: CoapStep;
  index: number;
  /** Of a repeat: ms since the transmission before it. */
  waitMs: number | null;
  /** Of ours: no acknowledgement came for this transmission (RFC 7252 §4.2). */
  unanswered: boolean;
  blocks: BlockPart[];
}

interface Sending {
  token: string;
  at: number[];
  answers: number;
}

/** Each step with what follows from the others. */
export function readMessages(
  steps: readonly CoapStep[],
  state: CoapExchange['state'] = 'answered',
): LadderMessage[] {
  const open = new Map<number, Sending>();
  const all: Sending[] = [];
  const messages = steps.map((step, index): LadderMessage => {
    let waitMs: number | null = null;
    if (step.direction === 'out' && step.type === 'CON' && step.messageId !== null) {
      const before = open.get(step.messageId);
      if (step.repeat > 0 && before !== undefined) {
        waitMs = step.sinceMs - steps[before.at.at(-1)!]!.sinceMs;
        before.at.push(index);
      } else {
        const sending = { token: step.token, at: [index], answers: 0 };
        open.set(step.messageId, sending);
        all.push(sending);
      }
    } else if (step.direction === 'in' && (step.verdict === 'ok' || step.verdict === 'duplicate')) {
      answered(step, open);
    }
    return { step, index, waitMs, unanswered: false, blocks: blocksOf(step) };
  });
  for (const { at, answers } of all) {
    // The last one may still be answered, or nobody waited for it any more.
    const pending = answers === 0 && state !== 'failed' ? 1 : 0;
    const lost = at.length - Math.max(answers, pending);
    for (const index of at.slice(0, Math.max(0, lost))) messages[index]!.unanswered = true;
  }
  return messages;
}

function answered(step: CoapStep, open: Map<number, Sending>): void {
  if ((step.type === 'ACK' || step.type === 'RST') && step.messageId !== null) {
    const sending = open.get(step.messageId);
    if (sending !== undefined) sending.answers++;
    return;
  }
  // A separate answer acknowledges by itself when the ACK was lost (RFC 7252 §5.2.2).
  if (step.verdict !== 'ok' || step.token === '') return;
  for (const sending of open.values()) {
    if (sending.token === step.token && sending.answers === 0) sending.answers = 1;
  }
}

export function blocksOf(step: CoapStep): BlockPart[] {
  const parts: BlockPart[] = [];
  for (const { name, value } of step.options) {
    if (name !== 'Block1' && name !== 'Block2') continue;
    const match = /^(\d+)\/([01])\/(\d+)/.exec(value);
    if (match === null) continue;
    parts.push({
      kind: name,
      number: Number(match[1]),
      more: match[2] === '1',
      bytes: Number(match[3]),
    });
  }
  return parts;
}

/** `GET`, `2.05 Content`, `7.01 CSM`, `empty`. */
export function codeText(step: Pick<CoapStep, 'code' | 'codeName'>): string {
  if (step.code === '0.00') return 'empty';
  // What could not be read has no code, only what is wrong with it.
  if (step.code === '') return step.codeName;
  return step.code.startsWith('0.') ? step.codeName : `${step.code} ${step.codeName}`;
}

export type CodeClass = 'request' | 'empty' | 'success' | 'client' | 'server' | 'signal';

/** RFC 7252 §5.9 by the first digit; 7 are signals (RFC 8323 §5). */
export function codeClass(code: string): CodeClass {
  if (code === '0.00' || code === '') return 'empty';
  const first = code[0];
  if (first === '0') return 'request';
  if (first === '2') return 'success';
  if (first === '4') return 'client';
  return first === '7' ? 'signal' : 'server';
}

/** `/sensors/temp?unit=C` of a request; empty when it has neither. */
export function targetOf(step: CoapStep): string {
  const path = step.options.filter(({ name }) => name === 'Uri-Path').map(({ value }) => value);
  const query = step.options.filter(({ name }) => name === 'Uri-Query').map(({ value }) => value);
  if (path.length === 0 && query.length === 0) return '';
  return `/${path.join('/')}${query.length === 0 ? '' : `?${query.join('&')}`}`;
}

/** Options that say what a message is about, the telling ones first. Repeated ones are joined. */
const TELLING = [
  'Observe',
  'Block1',
  'Block2',
  'Content-Format',
  'Accept',
  'ETag',
  'Location-Path',
  'No-Response',
  'Echo',
  'Request-Tag',
  'If-Match',
  'If-None-Match',
  'Max-Age',
  'Size1',
  'Size2',
  'Hop-Limit',
  'Proxy-Uri',
  'Max-Message-Size',
  'Block-Wise-Transfer',
];

/** As link attributes call them. */
const SHORT_NAMES: Record<string, string> = { 'Content-Format': 'ct', 'Location-Path': 'Location' };

export function tellingOptions(step: CoapStep): { name: string; value: string }[] {
  const found: { name: string; value: string }[] = [];
  for (const name of TELLING) {
    const values = step.options.filter((one) => one.name === name).map((one) => one.value);
    if (values.length === 0) continue;
    const joined = name === 'Location-Path' ? `/${values.join('/')}` : values.join(', ');
    found.push({ name: SHORT_NAMES[name] ?? name, value: shortValue(name, joined) });
  }
  return found;
}

function shortValue(name: string, value: string): string {
  if (name === 'Content-Format' || name === 'Accept') {
    const media = /\(([^;)]+)[^)]*\)$/.exec(value)?.[1];
    return media?.replace(/^(application|text)\//, '') ?? value;
  }
  if (name === 'ETag' && value.length > 8) return `${value.slice(0, 6)}…`;
  return value.length > 24 ? `${value.slice(0, 16)}…` : value;
}

/** `0x3f2a`. */
export function messageIdText(id: number | null): string {
  return id === null ? '' : `0x${id.toString(16).padStart(4, '0')}`;
}

/** The first bytes of a token; what is left out is told by the dots. */
export function shortToken(token: string): string {
  return token.length > 8 ? `${token.slice(0, 6)}…` : token;
}

/** ms since the first message, as exact as it is of use: `12.4 ms`, `2.341 s`, `3:20.400`, `2:03:20`. */
export function sinceText(ms: number): string {
  if (ms === 0) return '0';
  if (ms < 1000) return `${ms.toFixed(1)}\u00a0ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(3)}\u00a0s`;
  const seconds = Math.floor(ms % 60_000) / 1000;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes}:${seconds.toFixed(3).padStart(6, '0')}`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds)}`;
}

/** A wait: `2.3 s`, `46 ms`. */
export function waitText(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)}\u00a0ms`;
  if (ms < 1000) return `${Math.round(ms)}\u00a0ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}\u00a0s`;
  const seconds = Math.round(ms / 1000);
  const [large, small, units] =
    seconds < 3600
      ? [Math.floor(seconds / 60), seconds % 60, ['min', 's']]
      : [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), ['h', 'min']];
  return `${large}\u00a0${units[0]}${small === 0 ? '' : ` ${small}\u00a0${units[1]}`}`;
}

/** What became of a message of theirs, in words; empty when all is well. */
export const VERDICT_WORDS: Record<CoapStep['verdict'], string> = {
  ok: '',
  duplicate: 'duplicate',
  unmatched: 'unmatched',
  malformed: 'malformed',
  refused: 'refused',
};

export const VERDICT_MEANINGS: Record<CoapStep['verdict'], string> = {
  ok: 'Taken.',
  duplicate: 'It had come before: the same message id from the same peer. Answered, not taken twice.',
  unmatched: 'It answers nothing that was asked: no open request has this token or message id.',
  malformed: 'Its bytes are not a CoAP message.',
  refused: 'It was understood and not taken: an option that cannot be ignored, or a part that does not fit.',
};

/** Everything a row says, as one sentence for a screen reader. */
export function spokenMessage(message: LadderMessage): string {
  const { step } = message;
  const parts = [
    step.direction === 'out' ? 'To the device' : 'From the device',
    [step.type ?? '', codeText(step), step.direction === 'out' ? targetOf(step) : ''].join(' ').trim(),
    ...tellingOptions(step).map(({ name, value }) => `${name} ${value}`),
    step.payloadBytes > 0 ? `${step.payloadBytes} bytes of payload` : '',
    message.waitMs === null ? '' : `sent again after ${waitText(message.waitMs)}, repeat ${step.repeat}`,
    message.unanswered ? 'no answer to this one' : '',
    VERDICT_WORDS[step.verdict],
    `after ${sinceText(step.sinceMs)}`,
  ];
  return parts.filter((part) => part !== '').join(', ');
}
