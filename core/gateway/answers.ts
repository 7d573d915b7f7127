/** The small answers and the small questions that all routes share. */
import { plainAddress } from './origin.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';

export const CHALLENGE = 'Bearer realm="Fieldstation"';
const TEXT = 'text/plain; charset=utf-8';

/** The token of `Authorization: Bearer`, an empty one for what cannot be one, undefined for no such header. */
export function bearerToken(header: string | undefined): string | undefined {
  const match = /^Bearer +([\w\-.~+/]{1,256}=*) *$/i.exec(header ?? '');
  return match?.[1] ?? (header === undefined ? undefined : '');
}

export function addressOf(request: IncomingMessage): string {
  return plainAddress(request.socket.remoteAddress ?? '');
}

export function retryAfter(response: ServerResponse, waitMs: number): void {
  if (waitMs > 0) response.setHeader('Retry-After', Math.ceil(waitMs / 1000));
}

/** A body follows the head of this request. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

export function plain(
  response: ServerResponse,
  status: number,
  text: string,
  contentType: string = TEXT,
): void {
  response.writeHead(status, {
    'Content-Type': contentType,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}

export function json(
  response: ServerResponse,
  status: number,
  value: { code: string; message: string },
): void {
  const text = JSON.stringify(value);
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}
