/** What is answered to plain HTTP requests. */
import * as v from 'valibot';
import { messageOf } from '../base/errors.ts';
import { CHALLENGE, addressOf, bearerToken, hasBody, json, plain, retryAfter } from './answers.ts';
import { SECURITY_HEADERS } from './headers.ts';
import { signInCookie, tokenFromCookie } from './cookie.ts';
import { HcRoutes } from './hc/routes.ts';
import { isOwnHost, isOwnOrigin } from './origin.ts';
import { cookieRole, signIn } from './sign-in.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConsoleFile } from './console-files.ts';
import type { GatewayParts } from './parts.ts';

const MAX_BODY_BYTES = 4 * 1024;
/** How long a small body may take; the proxy's larger ones are timed in `hc/body.ts`. */
const BODY_TIMEOUT_MS = 15_000;
/** Prometheus' text format. */
const METRICS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const NOT_BUILT =
  'The console is not built. Run `npm run build` in the folder of Fieldstation and start it again.\n';

const sessionBody = v.strictObject({ token: v.pipe(v.string(), v.maxLength(256)) });

export class Routes {
  readonly #parts: GatewayParts;
  readonly #files: Map<string, ConsoleFile>;
  readonly #hc: HcRoutes | undefined;

  constructor(parts: GatewayParts, files: Map<string, ConsoleFile>) {
    this.#parts = parts;
    this.#files = files;
    this.#hc = parts.proxy === undefined ? undefined : new HcRoutes(parts, parts.proxy);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.#parts.counters.requests++;
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    try {
      await this.#route(request, response);
    } catch (error) {
      this.#parts.log.error('a request failed', { method: request.method, error: messageOf(error) });
      if (response.headersSent) response.destroy();
      else plain(response, 500, 'Something failed inside the station. Its log tells more.\n');
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { counters, guard, log } = this.#parts;
    if (!isOwnHost(request.headers.host, request.socket.localAddress, guard)) {
      counters.refusedHosts++;
      log.warn('request refused: foreign Host', { host: request.headers.host?.slice(0, 100) });
      return plain(response, 421, 'This station is not known under that name.\n');
    }
    if (this.#hc !== undefined && HcRoutes.owns(request.url ?? '')) return this.#hc.answer(request, response);
    if (hasBody(request)) this.#limitBody(request, response);
    const [path = '', query = ''] = (request.url ?? '').split('?', 2);
    if (request.method === 'POST' && path === '/session') return this.#signInByForm(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', path === '/session' ? 'POST' : 'GET, HEAD');
      return plain(response, 405, 'Method not allowed.\n');
    }
    if (path === '/healthz') return plain(response, 200, 'ok\n');
    if (path === '/metrics' && this.#parts.metrics !== undefined) {
      return this.#metrics(request, response, this.#parts.metrics);
    }
    if (path === '/') {
      const token = new URLSearchParams(query).get('token');
      if (token !== null) {
        // An <img> or a script of any page could otherwise use up the attempts of this address. A link that a
        // person follows is a document; programs send no such header (Fetch Metadata).
        const destination = request.headers['sec-fetch-dest'];
        if (destination !== undefined && destination !== 'document') {
          counters.refusedOrigins++;
          return plain(response, 403, 'A sign-in link is opened, not embedded.\n');
        }
        return this.#signInByLink(request, response, token);
      }
    }
    if (path === '/.well-known/core' && this.#hc !== undefined) return this.#hc.discover(response, query);
    const file = this.#files.get(path);
    if (file !== undefined) return sendFile(request, response, file);
    if (path === '/') return plain(response, 503, NOT_BUILT);
    if (path === '/rpc') {
      response.setHeader('Upgrade', 'websocket');
      return plain(response, 426, 'This address is for WebSockets.\n');
    }
    plain(response, 404, 'Not found.\n');
  }

  #limitBody(request: IncomingMessage, response: ServerResponse): void {
    const due = this.#parts.clock.after(BODY_TIMEOUT_MS, () => {
      if (request.complete) return;
      this.#parts.counters.badRequests++;
      if (response.headersSent) return void request.socket.destroy();
      request.socket.end('HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      request.socket.destroySoon();
    });
    request.once('close', () => due.cancel());
  }

  /** For any role: with `Authorization: Bearer TOKEN` (RFC 6750), or with the console's cookie. Else 401 or 429. */
  #metrics(request: IncomingMessage, response: ServerResponse, metrics: () => string): void {
    const token = bearerToken(request.headers.authorization);
    if (token === undefined) {
      const cookie = tokenFromCookie(request.headers.cookie, this.#parts.port());
      if (cookieRole(this.#parts, cookie, addressOf(request)) === null) {
        response.setHeader('WWW-Authenticate', CHALLENGE);
        return plain(response, 401, 'A token of this station is needed: Authorization: Bearer TOKEN.\n');
      }
    } else {
      const result = signIn(this.#parts, token, addressOf(request));
      if ('error' in result) {
        retryAfter(response, result.retryAfterMs);
        if (result.retryAfterMs === 0) {
          response.setHeader('WWW-Authenticate', `${CHALLENGE}, error="invalid_token"`);
        }
        return plain(response, result.retryAfterMs > 0 ? 429 : 401, `${result.error.message}\n`);
      }
    }
    plain(response, 200, metrics(), METRICS_TEXT);
  }

  /** A link with a token signs the browser in and leads to the page without it, so that no history keeps it. */
  #signInByLink(request: IncomingMessage, response: ServerResponse, token: string): void {
    const result = signIn(this.#parts, token, addressOf(request));
    if ('error' in result) {
      retryAfter(response, result.retryAfterMs);
      return plain(response, result.retryAfterMs > 0 ? 429 : 403, `${result.error.message}\n`);
    }
    response.setHeader('Set-Cookie', signInCookie(this.#parts.port(), token));
    response.writeHead(303, { Location: '/', 'Cache-Control': 'no-store' }).end();
  }

  /** `POST /session {"token": "..."}`, from the console's own sign-in field: 204 with the cookie, 403 or 429. */
  async #signInByForm(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (!isOwnOrigin(request.headers.origin, request.headers.host)) {
      this.#parts.counters.refusedOrigins++;
      return json(response, 403, {
        code: 'http.origin',
        message: 'Only the console itself may sign in here.',
      });
    }
    // A form of another site cannot send this type without asking first.
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      return json(response, 415, { code: 'http.content_type', message: 'JSON is needed here.' });
    }
    const body = await readBody(request);
    if (body === undefined) {
      return json(response, 413, { code: 'http.too_large', message: 'The request is too large.' });
    }
    const token = tokenIn(body);
    if (token === undefined) {
      return json(response, 400, { code: 'http.bad_body', message: '{"token": "..."} is needed here.' });
    }
    const result = signIn(this.#parts, token, addressOf(request));
    if ('error' in result) {
      retryAfter(response, result.retryAfterMs);
      return json(response, result.retryAfterMs > 0 ? 429 : 403, result.error);
    }
    response.setHeader('Set-Cookie', signInCookie(this.#parts.port(), token));
    response.writeHead(204, { 'Cache-Control': 'no-store' }).end();
  }
}

/**
 * The body, or undefined when it is longer than any that is expected here. The rest is then read and dropped (the
 * timeout above ends it): to stop reading would cut the line before the answer is out.
 */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString('utf8');
}

function tokenIn(body: string): string | undefined {
  try {
    const result = v.safeParse(sessionBody, JSON.parse(body));
    return result.success ? result.output.token : undefined;
  } catch {
    return undefined;
  }
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: ConsoleFile): void {
  response.setHeader('Cache-Control', file.cacheControl);
  response.setHeader('ETag', file.etag);
  if (request.headers['if-none-match'] === file.etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': file.contentType, 'Content-Length': file.body.byteLength });
  response.end(file.body);
}
