import { existsSync } from 'node:fs';
import { chromium } from 'playwright';
import { findProgram } from './peers.ts';

/** What a Chromium needs on a machine without a display, a GPU or a way out. */
export const CHROMIUM_ARGS = [
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A Chromium on PATH, else Playwright's own when it was downloaded, else null. */
export function findChromium(): string | null {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']) {
    const path = findProgram(name);
    if (path !== null) return path;
  }
  const own = chromium.executablePath();
  return existsSync(own) ? own : null;
}
