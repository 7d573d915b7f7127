import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { ElectronApi } from './electron-api.ts';
import { APP_SCHEME, CONTENT_SECURITY_POLICY, isOwnUrl } from './origin.ts';

/** The only kinds of file the console consists of; any other file in the folder is not served. */
const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.mp3': 'audio/mpeg',
  '.ogg': 'audio/ogg',
};

const HEADERS: Record<string, string> = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

export interface ServedFile {
  file: string;
  contentType: string;
}

/** URL path -> file. Made once from the built folder: a request picks from this table and never names a file. */
export type Manifest = ReadonlyMap<string, ServedFile>;

/** Call before `ready`: afterwards Chromium takes no more schemes. */
export function registerAppScheme(api: Pick<ElectronApi, 'protocol'>): void {
  api.protocol.registerSchemesAsPrivileged([
    {
      scheme: APP_SCHEME,
      privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true },
    },
  ]);
}

/** @throws when the folder is missing or holds no `index.html`. */
export function readManifest(consoleFolder: string): Manifest {
  const manifest = new Map<string, ServedFile>();
  for (const entry of readdirSync(consoleFolder, { recursive: true, withFileTypes: true })) {
    const contentType = CONTENT_TYPES[extname(entry.name)];
    if (!entry.isFile() || contentType === undefined) continue;
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(consoleFolder.length).replaceAll('\\', '/');
    manifest.set(path.startsWith('/') ? path : `/${path}`, { file, contentType });
  }
  const index = manifest.get('/index.html');
  if (index === undefined) throw new Error(`There is no index.html in ${consoleFolder}.`);
  manifest.set('/', index);
  return manifest;
}

/** Answers `app://console/...` from the manifest and nothing else. Never throws. */
export function serveManifest(manifest: Manifest): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return plain(405, 'Only GET and HEAD.');
    if (!isOwnUrl(request.url)) return plain(404, 'Not found.');
    const served = manifest.get(new URL(request.url).pathname);
    if (served === undefined) return plain(404, 'Not found.');
    try {
      const bytes = await readFile(served.file);
      const headers = { ...HEADERS, 'Content-Type': served.contentType };
      return new Response(request.method === 'HEAD' ? null : new Uint8Array(bytes), { headers });
    } catch {
      return plain(500, 'The file of the console could not be read. Install Fieldstation anew.');
    }
  };
}

function plain(status: number, text: string): Response {
  return new Response(text, { status, headers: { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' } });
}
