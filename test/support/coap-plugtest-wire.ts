/** What an endpoint of ours sent and received, message by message. */
import type { WireEvent } from '../../core/coap/carrier.ts';
import { TYPE_NAMES, codeText } from '../../core/coap/codec/codes.ts';
import { decodeMessage } from '../../core/coap/codec/codec.ts';
import type { CoapOption } from '../../core/coap/codec/options.ts';
import { optionName } from '../../core/coap/codec/options.ts';
import type { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { decodeFramed } from '../../core/coap/reliable/codec.ts';
import { Waiting } from './waiting.ts';

export interface WireMessage {
  direction: 'in' | 'out';
  transport: WireEvent['transport'];
  verdict: WireEvent['verdict'];
  /** 0 for the first transmission of ours, n for the nth repeat. */
  repeat: number;
  atMs: number;
  /** Null over reliable transports. */
  type: (typeof TYPE_NAMES)[number] | null;
  /** `0.01` for GET, `2.05`, `0.00` for an empty message. */
  code: string;
  messageId: number | null;
  /** Hexadecimal. */
  token: string;
  options: CoapOption[];
  payload: Buffer;
  bytes: Buffer;
}

/** Values of an option of that name (`Uri-Path`), as bytes. */
export function optionValues(message: WireMessage, name: string): Buffer[] {
  return message.options
    .filter(({ number }) => optionName(number) === name)
    .map(({ value }) => Buffer.from(value));
}

/** Records from its making until `close`. */
export class WireLog {
  readonly messages: WireMessage[] = [];
  readonly close: () => void;
  readonly #waiting = new Waiting(() => this.messages.map(line).join('\n'));

  constructor(endpoint: CoapEndpoint) {
    this.close = endpoint.tap((event) => {
      this.messages.push(read(event));
      this.#waiting.wake();
    });
  }

  /** Without CSM, Ping and other signals. */
  get exchange(): WireMessage[] {
    return this.messages.filter(({ code }) => !code.startsWith('7.'));
  }

  /** What was recorded since the last call. */
  take(): WireMessage[] {
    return this.messages.splice(0);
  }

  /** Until `condition` holds, asked at every message; fails after `timeoutMs`, ten seconds unless given. */
  until(condition: () => boolean, what: string, timeoutMs?: number): Promise<void> {
    return this.#waiting.until(condition, what, timeoutMs);
  }
}

/** `in CON 0.01 4711 {cafe} 12 bytes ok`, for failures. */
export function line({
  direction,
  type,
  code,
  messageId,
  token,
  bytes,
  verdict,
  repeat,
}: WireMessage): string {
  return `${direction} ${type ?? '-'} ${code} ${messageId ?? '-'} {${token}} ${bytes.length} bytes ${verdict} repeat ${repeat}`;
}

function read(event: WireEvent): WireMessage {
  const { direction, transport, verdict, repeat, atMs } = event;
  // The event's bytes are good during the call only.
  const bytes = Buffer.from(event.bytes);
  const head = { direction, transport, verdict, repeat, atMs, bytes };
  if (transport === 'udp' || transport === 'dtls') {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return { ...head, ...unreadable(decoded.malformed.reason) };
    const { type, code, messageId, token, options, payload } = decoded.message;
    return { ...head, type: TYPE_NAMES[type], messageId, ...body(code, token, options, payload) };
  }
  const framing = transport === 'ws' || transport === 'wss' ? 'websocket' : 'stream';
  const decoded = decodeFramed(bytes, 0, bytes.length, framing);
  if (typeof decoded === 'string') return { ...head, ...unreadable(decoded) };
  const { code, token, options, payload } = decoded;
  return { ...head, type: null, messageId: null, ...body(code, token, options, payload) };
}

function body(code: number, token: Uint8Array, options: CoapOption[], payload: Uint8Array) {
  return {
    code: codeText(code),
    token: Buffer.from(token).toString('hex'),
    options,
    payload: Buffer.from(payload),
  };
}

function unreadable(reason: string) {
  const none = { token: '', options: [], payload: Buffer.alloc(0) };
  return { type: null, code: `malformed: ${reason}`, messageId: null, ...none };
}
