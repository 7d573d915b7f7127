import { isUtf8 } from 'node:buffer';
import type { PeerAddress } from '../address.ts';
import type { CoapTransport } from '../carrier.ts';
import { BAD_OPTION, METHOD_CODES, METHOD_NOT_ALLOWED, PROXYING_NOT_SUPPORTED } from '../codec/codes.ts';
import type { Method } from '../codec/codes.ts';
import {
  ACCEPT,
  CONTENT_FORMAT,
  PROXY_SCHEME,
  PROXY_URI,
  URI_PATH,
  URI_QUERY,
  decodeUint,
  optionName,
  unusableOption,
} from '../codec/options.ts';
import type { CoapOption } from '../codec/options.ts';
import { hostOf } from '../host-shares.ts';
import type { ServedAnswer, ServedRequest } from './resource.ts';
import type { IncomingRequest } from './types.ts';

const METHODS = new Map<number, Method>(
  Object.entries(METHOD_CODES).map(([name, value]): [number, Method] => [value, name as Method]),
);

/** A request as resources see it. The abort signal is made only for those who ask for it. */
export class Served implements ServedRequest {
  readonly method: Method;
  readonly code: number;
  readonly path: string[];
  readonly query: string[];
  readonly options: readonly CoapOption[];
  payload: Uint8Array;
  readonly contentFormat: number | null;
  readonly accept: number | null;
  observe = false;
  readonly from: PeerAddress;
  readonly transport: CoapTransport;
  readonly peerKey: string;
  readonly identity: string | null;
  readonly multicast: boolean;
  #controller: AbortController | undefined;
  #aborted = false;

  constructor(of: Omit<ServedRequest, 'signal' | 'observe'>) {
    this.method = of.method;
    this.code = of.code;
    this.path = of.path;
    this.query = of.query;
    this.options = of.options;
    this.payload = of.payload;
    this.contentFormat = of.contentFormat;
    this.accept = of.accept;
    this.from = of.from;
    this.transport = of.transport;
    this.peerKey = of.peerKey;
    this.identity = of.identity;
    this.multicast = of.multicast;
  }

  /** See `hostOf`. */
  get host(): string | undefined {
    return hostOf(this.from);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.#controller.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }

  /** The same request for keeping: nothing of it is a view on what came in. */
  kept(): Served {
    return new Served({
      ...this,
      options: this.options.map(({ number, value }) => ({ number, value: value.slice() })),
      payload: this.payload.slice(),
    });
  }

  /** The same request, made anew for a notification. */
  anew(): Served {
    const anew = new Served(this);
    anew.observe = true;
    return anew;
  }
}

/** `option`: a NON with it is rejected by RST instead (RFC 7252 §5.4.1). */
export type ReadRequest =
  { ok: true; served: Served } | { ok: false; why: 'option' | 'other'; answer: ServedAnswer };

/** The options that every request must be understood by (RFC 7252 §5.4, §5.10). */
export function readRequest(incoming: IncomingRequest): ReadRequest {
  const { options } = incoming;
  const unusable = unusableOption(options);
  if (unusable !== undefined) return badOption(`${optionName(unusable.number)} cannot be used here`);
  const path: string[] = [];
  const query: string[] = [];
  let contentFormat: number | null = null;
  let accept: number | null = null;
  for (const { number, value } of options) {
    switch (number) {
      case URI_PATH: {
        const segment = text(value);
        if (segment === undefined || segment === '.' || segment === '..') {
          return badOption('Uri-Path has a segment that no path may have');
        }
        path.push(segment);
        break;
      }
      case URI_QUERY: {
        const argument = text(value);
        if (argument === undefined) return badOption('Uri-Query is no UTF-8');
        query.push(argument);
        break;
      }
      case CONTENT_FORMAT:
        // Elective: of an illegal length it counts as absent, and so does a second one (§5.4.3, §5.4.5).
        if (value.length <= 2) contentFormat ??= decodeUint(value);
        break;
      case ACCEPT:
        accept ??= decodeUint(value);
        break;
      case PROXY_URI:
      case PROXY_SCHEME:
        return { ok: false, why: 'other', answer: { code: PROXYING_NOT_SUPPORTED } };
    }
  }
  const method = METHODS.get(incoming.code);
  if (method === undefined) return { ok: false, why: 'other', answer: { code: METHOD_NOT_ALLOWED } };
  const { code, payload, from, transport, peerKey, identity, multicast } = incoming;
  return {
    ok: true,
    served: new Served({
      method,
      code,
      path,
      query,
      options,
      payload,
      contentFormat,
      accept,
      from,
      transport,
      peerKey,
      identity,
      multicast,
    }),
  };
}

function text(value: Uint8Array): string | undefined {
  if (!isUtf8(value)) return undefined;
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('utf8');
}

function badOption(diagnostic: string): ReadRequest {
  return { ok: false, why: 'option', answer: { code: BAD_OPTION, diagnostic } };
}
