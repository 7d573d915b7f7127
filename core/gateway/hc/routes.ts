/** `/hc/`: HTTP clients reach CoAP devices (RFC 8075). Here is HTTP; what maps to what is in `core/coap/proxy`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeOf, messageOf } from '../../base/errors.ts';
import { mapContentType, mapRequest, isRefused } from '../../coap/proxy/request.ts';
import type { MappedRequest } from '../../coap/proxy/request.ts';
import { mapResponse } from '../../coap/proxy/response.ts';
import type { MappedResponse } from '../../coap/proxy/response.ts';
import { HTTP_METHODS, httpStatusOfFailure } from '../../coap/proxy/status.ts';
import { HC_PATH, targetOf } from '../../coap/proxy/target.ts';
import type { ProxiedAnswer } from '../../coap/proxy/types.ts';
import type { CoapUri } from '../../coap/uri.ts';
import { NOT_ACCEPTABLE } from '../../coap/codec/codes.ts';
import { roleAllows } from '../../contract/roles.ts';
import type { Role } from '../../contract/roles.ts';
import { hasBody, plain, retryAfter } from '../answers.ts';
import type { GatewayParts } from '../parts.ts';
import { Bodies } from './body.ts';
import { answerDiscovery } from './discovery.ts';
import { HC_HEADERS } from './headers.ts';
import { Observing } from './observing.ts';
import { sendBody } from './send.ts';
import type { HcProxy } from './types.ts';
import { whoAsks } from './who.ts';

/** Requests of HTTP clients that wait for CoAP. Devices are slow: what waits behind these would not be served in time. */
export const MAX_UNDER_WAY = 256;
const BUSY_RETRY_MS = 1_000;
/** How long the rest of a body is dropped that was refused. */
const LINGER_MS = 2_000;

const BODY_REFUSALS = {
  too_large: [413, 'A body may have at most 1 MiB here.'],
  no_room: [503, 'Too many bodies are on their way at this moment.'],
  too_slow: [408, 'The body came too slowly.'],
} as const;

export class HcRoutes {
  readonly #parts: GatewayParts;
  readonly #proxy: HcProxy;
  readonly #bodies: Bodies;
  readonly #observing: Observing;
  #underWay = 0;

  constructor(parts: GatewayParts, proxy: HcProxy) {
    this.#parts = parts;
    this.#proxy = proxy;
    this.#bodies = new Bodies(parts.clock);
    this.#observing = new Observing(parts, proxy);
  }

  static owns(requestTarget: string): boolean {
    return requestTarget.startsWith(HC_PATH);
  }

  /** The links to this proxy (§5.5): for anybody, as they tell only that it is there. */
  discover(response: ServerResponse, query: string): void {
    answerDiscovery(response, this.#proxy.enabled, query);
  }

  /** Never throws for what a client or a device does. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    for (const [name, value] of Object.entries(HC_HEADERS)) response.setHeader(name, value);
    this.#proxy.count('requests');
    const role = whoAsks(this.#parts, request);
    if (typeof role === 'object') {
      this.#proxy.count('unauthorized');
      retryAfter(response, role.retryAfterMs);
      if (role.challenge !== null) response.setHeader('WWW-Authenticate', role.challenge);
      return this.#refuse(request, response, role.status, role.message);
    }
    const asked = this.#understand(request, response, role);
    if (asked === undefined) return;
    const { target, mapped } = asked;
    try {
      // An observation may go on for days: it has a bound of its own.
      if (mapped.eventStream) await this.#observing.serve(response, target, mapped, gone.signal);
      else await this.#serve(request, response, asked, gone.signal);
    } catch (error) {
      this.#failed(response, target, error);
    }
  }

  /** What is asked for, or undefined when it was answered already. */
  #understand(request: IncomingMessage, response: ServerResponse, role: Role): Asked | undefined {
    const no = (status: number, message: string): undefined =>
      this.#refuse(request, response, status, message);
    if (!this.#proxy.enabled) {
      this.#proxy.count('refused');
      return no(
        403,
        'The HTTP proxy is switched off. An administrator switches it on in the console: Settings, HTTP-to-CoAP proxy.',
      );
    }
    const url = request.url ?? '';
    if (request.method === 'OPTIONS' && url === HC_PATH) {
      response.writeHead(204, { Allow: `${HTTP_METHODS}, OPTIONS`, 'Cache-Control': 'no-store' }).end();
      return undefined;
    }
    const mapped = mapRequest(request.method ?? '', request.headers);
    if (isRefused(mapped)) {
      if (mapped.status === 501) response.setHeader('Allow', HTTP_METHODS);
      return no(mapped.status, mapped.message);
    }
    let target: CoapUri | undefined;
    try {
      target = targetOf(url);
    } catch (error) {
      return no(400, messageOf(error));
    }
    if (target === undefined) return no(400, 'After /hc/ comes a CoAP URI: /hc/coap://host:port/path?query.');
    // RFC 7252 §10.2: what the proxy cannot do with a CoAP URI is not implemented.
    if (target.scheme === 'coaps') return no(501, 'CoAP over DTLS (coaps) cannot be asked from here yet.');
    if (!roleAllows(role, mapped.method === 'GET' ? 'view' : 'operate')) {
      this.#proxy.count('refused');
      return no(403, `The token of the role ${role} may only read. ${request.method} needs that of operate.`);
    }
    if (hasBody(request) && (mapped.method === 'GET' || mapped.method === 'DELETE')) {
      return no(400, `${request.method} has no body in CoAP.`);
    }
    return { target, mapped };
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    { target, mapped }: Asked,
    gone: AbortSignal,
  ): Promise<void> {
    if (this.#underWay >= MAX_UNDER_WAY) return this.#busy(request, response);
    this.#underWay++;
    let release: (() => void) | undefined;
    try {
      if (!hasBody(request)) return await this.#exchange(response, target, mapped, undefined, gone);
      const contentFormat = mapContentType(request.headers);
      if (isRefused(contentFormat)) {
        return this.#refuse(request, response, contentFormat.status, contentFormat.message);
      }
      const reading = this.#bodies.read(request);
      ({ release } = reading);
      const body = await reading.body;
      if (body === 'gone') return;
      if (typeof body === 'string') return this.#bodyRefused(request, response, body);
      await this.#exchange(response, target, { ...mapped, contentFormat }, body, gone);
    } finally {
      release?.();
      this.#underWay--;
    }
  }

  async #exchange(
    response: ServerResponse,
    target: CoapUri,
    mapped: MappedRequest,
    payload: Uint8Array | undefined,
    gone: AbortSignal,
  ): Promise<void> {
    const { answer, accept } = await this.#ask(target, mapped, payload, gone);
    if (gone.aborted) return;
    const result = mapResponse(target, mapped, accept, answer);
    if (result.status === 502) this.#proxy.count('failed');
    if (await send(response, result, mapped.head, this.#parts)) return;
    this.#parts.counters.proxySlow++;
  }

  /** With each format that the client takes, until the server has one of them. */
  async #ask(
    target: CoapUri,
    { method, options, contentFormat, attempts }: MappedRequest,
    payload: Uint8Array | undefined,
    gone: AbortSignal,
  ): Promise<{ answer: ProxiedAnswer; accept: number | undefined }> {
    for (let at = 0; ; at++) {
      const accept = attempts[at];
      const answer = await this.#proxy.request(
        target,
        {
          method,
          options: [...options],
          ...(payload === undefined ? {} : { payload }),
          ...(contentFormat === undefined ? {} : { contentFormat }),
          ...(accept === undefined ? {} : { accept }),
        },
        gone,
      );
      if (answer.codeNumber !== NOT_ACCEPTABLE || at + 1 >= attempts.length) return { answer, accept };
    }
  }

  #bodyRefused(request: IncomingMessage, response: ServerResponse, why: keyof typeof BODY_REFUSALS): void {
    if (why === 'too_large') this.#parts.counters.proxyTooLarge++;
    else if (why === 'too_slow') this.#parts.counters.proxySlow++;
    else return this.#busy(request, response);
    const [status, message] = BODY_REFUSALS[why];
    this.#refuse(request, response, status, message);
  }

  #busy(request: IncomingMessage, response: ServerResponse): void {
    this.#parts.counters.proxyBusy++;
    retryAfter(response, BUSY_RETRY_MS);
    this.#refuse(
      request,
      response,
      503,
      `The proxy has ${MAX_UNDER_WAY} requests under way. Try again in a moment.`,
    );
  }

  /**
   * Answers instead of reading the body. The connection ends then, but not at once: what is on its way is read and
   * dropped for a moment, as a line that is cut with unread bytes on it loses the answer too.
   */
  #refuse(request: IncomingMessage, response: ServerResponse, status: number, message: string): undefined {
    if (response.destroyed) return;
    if (!hasBody(request) || request.complete) return void plain(response, status, `${message}\n`);
    const text = `${message}\n`;
    response.setHeader('Connection', 'close');
    response.writeHead(status, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
    });
    response.write(text);
    const end = (): void => {
      lingering.cancel();
      request.off('end', end);
      if (!response.writableEnded) response.end();
    };
    const lingering = this.#parts.clock.after(LINGER_MS, end);
    response.once('close', end);
    request.once('end', end).resume();
  }

  #failed(response: ServerResponse, target: CoapUri, error: unknown): void {
    const status = httpStatusOfFailure(codeOf(error));
    if (status === undefined) throw error;
    const { log } = this.#parts;
    if (status === 403) {
      this.#proxy.count('refused');
      log.warn('proxied request refused: not on the access list', { target: target.authority });
    } else if (status >= 500 && status !== 501) {
      if (codeOf(error) !== 'coap.cancelled') this.#proxy.count('failed');
      log.debug('a proxied request failed', { target: target.authority, code: codeOf(error) });
    }
    if (response.headersSent || response.destroyed) return void response.destroy();
    if (status === 503) retryAfter(response, BUSY_RETRY_MS);
    plain(response, status, `${messageOf(error)}\n`);
  }
}

interface Asked {
  target: CoapUri;
  mapped: MappedRequest;
}

async function send(
  response: ServerResponse,
  { status, reason, headers, body }: MappedResponse,
  head: boolean,
  { clock }: GatewayParts,
): Promise<boolean> {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (body !== null) response.setHeader('Content-Length', body.length);
  if (reason === undefined) response.writeHead(status);
  else response.writeHead(status, reason);
  if (head || body === null) {
    response.end();
    return true;
  }
  return sendBody(response, body, clock);
}
