import type { Clock } from '../../base/clock.ts';
import type { WireEvent } from '../../coap/carrier.ts';
import { decodeMessage } from '../../coap/codec/codec.ts';
import { TYPE_NAMES, codeName, codeText } from '../../coap/codec/codes.ts';
import { viewOptions } from '../../coap/codec/option-view.ts';
import type { CoapOption } from '../../coap/codec/options.ts';
import { decodeFramed } from '../../coap/reliable/codec.ts';
import { signalName, signalOptionName, signalOptionText } from '../../coap/reliable/signals.ts';
import type { CoapStep } from '../../contract/coap-browser.ts';

/** One message of the wire as a screen sees it, at its time of the day. `firstMs`: monotonic ms of the first step. */
export function stepOf(event: WireEvent, clock: Clock, firstMs: number): CoapStep {
  const { direction, transport, bytes, repeat, verdict } = event;
  const common = {
    atMs: clock.now() - (clock.monotonic() - event.atMs),
    sinceMs: Math.round((event.atMs - firstMs) * 10) / 10,
    ...{ direction, transport, repeat, verdict },
    bytes: bytes.byteLength,
  };
  if (transport !== 'udp' && transport !== 'dtls') {
    const framing = transport === 'ws' || transport === 'wss' ? 'websocket' : 'stream';
    const message = decodeFramed(bytes, 0, bytes.byteLength, framing);
    if (typeof message === 'string') return { ...common, ...UNREADABLE, codeName: `malformed: ${message}` };
    return { ...common, type: null, messageId: null, ...partsOf(message) };
  }
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return { ...common, ...UNREADABLE, codeName: `malformed: ${decoded.malformed.reason}` };
  const { type, messageId } = decoded.message;
  return { ...common, type: TYPE_NAMES[type], messageId, ...partsOf(decoded.message) };
}

function partsOf(message: {
  code: number;
  token: Uint8Array;
  options: CoapOption[];
  payload: Uint8Array;
}): Pick<CoapStep, 'code' | 'codeName' | 'token' | 'options' | 'payloadBytes'> {
  const { code, token, options, payload } = message;
  return {
    code: codeText(code),
    codeName: signalName(code) ?? codeName(code),
    token: Buffer.from(token).toString('hex'),
    options: signalName(code) === undefined ? viewOptions(options) : signalOptions(code, options),
    payloadBytes: payload.byteLength,
  };
}

/** Options of a signal have numbers of their own, each signal its own (RFC 8323 §5). */
function signalOptions(code: number, options: readonly CoapOption[]): CoapStep['options'] {
  return options.map((option) => ({
    number: option.number,
    name: signalOptionName(code, option.number),
    value: signalOptionText(code, option),
  }));
}

const UNREADABLE = {
  type: null,
  code: '',
  messageId: null,
  token: '',
  options: [],
  payloadBytes: 0,
} as const satisfies Partial<CoapStep>;
