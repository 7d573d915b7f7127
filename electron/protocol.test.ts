import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readManifest, serveManifest } from './protocol.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-console-'));
  mkdirSync(join(folder, 'assets'));
  writeFileSync(join(folder, 'index.html'), '<!doctype html>');
  writeFileSync(join(folder, 'assets', 'main.js'), 'export {};');
  writeFileSync(join(folder, 'assets', 'main.js.map'), '{}');
  writeFileSync(join(folder, '.stamp.sh'), 'x');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function get(path: string, init?: RequestInit): Promise<Response> {
  return serveManifest(readManifest(folder))(new Request(`app://console${path}`, init));
}

describe('app://console', () => {
  it('serves the page and its files with type, policy and no guessing', async () => {
    const page = await get('/');
    expect(page.status).toBe(200);
    expect(await page.text()).toBe('<!doctype html>');
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const script = await get('/assets/main.js?v=1');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    for (const response of [page, script, await get('/missing')]) {
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(response.headers.get('x-content-type-options')).toBe('nosniff');
      expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    }
  });

  it('serves no source map, no unknown kind, no folder, no link and nothing outside', async () => {
    writeFileSync(join(folder, '..', 'outside.html'), 'secret');
    symlinkSync(join(folder, '..', 'outside.html'), join(folder, 'link.html'));
    const paths = [
      '/assets/main.js.map',
      '/.stamp.sh',
      '/assets',
      '/assets/',
      '/link.html',
      '/../outside.html',
      '/%2e%2e/outside.html',
      '/..%2foutside.html',
      '/assets/..%5c..%5coutside.html',
      '//index.html',
    ];
    for (const path of paths) expect((await get(path)).status, path).toBe(404);
    rmSync(join(folder, '..', 'outside.html'));
  });

  it('knows only the files that were there at the start', async () => {
    const serve = serveManifest(readManifest(folder));
    writeFileSync(join(folder, 'later.html'), 'x');
    expect((await serve(new Request('app://console/later.html'))).status).toBe(404);
    rmSync(join(folder, 'index.html'));
    expect((await serve(new Request('app://console/'))).status).toBe(500);
  });

  it('answers HEAD without a body and refuses what changes something', async () => {
    const head = await get('/', { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(await head.text()).toBe('');
    expect((await get('/', { method: 'POST', body: 'x' })).status).toBe(405);
    expect((await get('/', { method: 'DELETE' })).status).toBe(405);
  });

  it('answers no other host of the scheme', async () => {
    const serve = serveManifest(readManifest(folder));
    expect((await serve(new Request('app://other/index.html'))).status).toBe(404);
  });

  it('has no manifest without a page', () => {
    rmSync(join(folder, 'index.html'));
    expect(() => readManifest(folder)).toThrow(/no index\.html/);
    expect(() => readManifest(join(folder, 'nowhere'))).toThrow();
  });
});
