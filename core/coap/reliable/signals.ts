/** Signalling messages: class 7, with option numbers of their own for each code (RFC 8323 §5). */
import { code } from '../codec/codes.ts';
import { decodeUint, encodeUint, isCritical } from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import type { ReliableMessage } from './codec.ts';

export const CSM = code(7, 1);
export const PING = code(7, 2);
export const PONG = code(7, 3);
export const RELEASE = code(7, 4);
export const ABORT = code(7, 5);

export const MAX_MESSAGE_SIZE = 2;
export const BLOCK_WISE_TRANSFER = 4;
export const CUSTODY = 2;
export const ALTERNATIVE_ADDRESS = 2;
export const HOLD_OFF = 4;
export const BAD_CSM_OPTION = 2;

/** The base value of Max-Message-Size (§5.3.1). */
export const BASE_MESSAGE_BYTES = 1_152;

const NO_BYTES = new Uint8Array(0);
const NAMES = new Map([
  [CSM, 'CSM'],
  [PING, 'Ping'],
  [PONG, 'Pong'],
  [RELEASE, 'Release'],
  [ABORT, 'Abort'],
]);
const OPTION_NAMES = new Map([
  [
    CSM,
    new Map([
      [MAX_MESSAGE_SIZE, 'Max-Message-Size'],
      [BLOCK_WISE_TRANSFER, 'Block-Wise-Transfer'],
    ]),
  ],
  [PING, new Map([[CUSTODY, 'Custody']])],
  [PONG, new Map([[CUSTODY, 'Custody']])],
  [
    RELEASE,
    new Map([
      [ALTERNATIVE_ADDRESS, 'Alternative-Address'],
      [HOLD_OFF, 'Hold-Off'],
    ]),
  ],
  [ABORT, new Map([[BAD_CSM_OPTION, 'Bad-CSM-Option']])],
]);

/** 7.00 to 7.31. */
export function isSignal(value: number): boolean {
  return value >> 5 === 7;
}

/** `CSM` for 7.01; undefined for a code that nobody has defined. */
export function signalName(value: number): string | undefined {
  return NAMES.get(value);
}

/** `Hold-Off` for 4 in a Release: the same number means something else under each code (§5.2). */
export function signalOptionName(value: number, number: number): string {
  return OPTION_NAMES.get(value)?.get(number) ?? `Option ${number}`;
}

/** The value of a signalling option as people read it. */
export function signalOptionText(signal: number, { number, value }: CoapOption): string {
  const isUint =
    (signal === CSM && number === MAX_MESSAGE_SIZE) ||
    (signal === RELEASE && number === HOLD_OFF) ||
    (signal === ABORT && number === BAD_CSM_OPTION);
  if (isUint && value.length <= 4) return String(decodeUint(value));
  if (signal === RELEASE && number === ALTERNATIVE_ADDRESS) return new TextDecoder().decode(value);
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex');
}

/** No critical signalling option is defined: each one that comes ends the connection (§5.2). */
export function criticalSignalOption(options: readonly CoapOption[]): number | undefined {
  return options.find((option) => isCritical(option.number))?.number;
}

/** The last option of that number whose length is legal: each one replaces the value before (§5.3.1). */
export function signalUint(
  options: readonly CoapOption[],
  number: number,
  maxBytes: number,
): number | undefined {
  const option = options.findLast((one) => one.number === number && one.value.length <= maxBytes);
  return option === undefined ? undefined : decodeUint(option.value);
}

export function hasSignalOption(options: readonly CoapOption[], number: number): boolean {
  return options.some((option) => option.number === number);
}

export function signal(
  value: number,
  options: CoapOption[] = [],
  token: Uint8Array = NO_BYTES,
  payload: Uint8Array = NO_BYTES,
): ReliableMessage {
  return { code: value, token, options, payload };
}

export function csm(maxMessageBytes: number): ReliableMessage {
  return signal(CSM, [
    { number: MAX_MESSAGE_SIZE, value: encodeUint(maxMessageBytes) },
    { number: BLOCK_WISE_TRANSFER, value: NO_BYTES },
  ]);
}

/** `badCsmOption` where a CSM is the reason (§5.6). The diagnostic is for people. */
export function abort(diagnostic: string, badCsmOption?: number): ReliableMessage {
  const options =
    badCsmOption === undefined ? [] : [{ number: BAD_CSM_OPTION, value: encodeUint(badCsmOption) }];
  return signal(ABORT, options, NO_BYTES, new TextEncoder().encode(diagnostic));
}

const MAX_DIAGNOSTIC_CHARS = 200;

/** A diagnostic payload as one line of text, whatever the other end put there. */
export function diagnosticText(payload: Uint8Array): string {
  const text = new TextDecoder().decode(payload.subarray(0, 4 * MAX_DIAGNOSTIC_CHARS));
  return text
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .slice(0, MAX_DIAGNOSTIC_CHARS)
    .trim();
}
