/**
 * Frames of the Broker page with ten thousand clients of which a thousand change each second, in a real Chromium on a
 * made-up station. A headless Chromium paints by software: what is slow here is slower than on a screen.
 */
import { join } from 'node:path';
import { chromium } from 'playwright';
import type { Page } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from '../support/chromium.ts';
import { startConsoleHost } from '../support/console-host.ts';
import { table, writeReport } from './support/report.ts';

export const about = 'frames of the Broker page: 10,000 clients, 1,000 changes a second [CONSOLE_FOLDER]';

const SECONDS = 5;

interface Frames {
  scene: string;
  frames: number;
  p50: number;
  p95: number;
  p99: number;
  worst: number;
}

export async function run([consoleFolder]: string[]): Promise<void> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('no Chromium: "npm test" says how to get one');
  const host = await startConsoleHost({
    consoleFolder: consoleFolder ?? join(import.meta.dirname, '../../dist/console'),
  });
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
  try {
    const page = await browser.newPage({ viewport: { width: 1366, height: 768 } });
    await page.goto(host.url('admin'));
    await page.evaluate(() => (location.hash = '#/broker'));
    await page.getByTestId('client-row').first().waitFor();
    const results = [
      await measure(page, 'by client id'),
      await measure(page, 'by last packet, rows move', () => sortBy(page, 'Heard')),
      await measure(page, 'held under the pointer', () => page.mouse.move(600, 500)),
      await measure(page, 'scrolling', async () => {
        void page.evaluate(async (ms) => {
          const rows = document.querySelector('[role=grid] [role=rowgroup]')!;
          const endMs = performance.now() + ms;
          while (performance.now() < endMs) {
            rows.scrollTop += 45;
            await new Promise(requestAnimationFrame);
          }
        }, SECONDS * 1000);
      }),
      await measure(page, 'detail open', () =>
        page.evaluate(() => void (location.hash = '#/broker?client=wallboard-2')),
      ),
    ];
    const ms = (value: number): string => value.toFixed(1);
    console.log(
      table(
        ['scene', 'frames', 'p50 ms', 'p95 ms', 'p99 ms', 'worst ms'],
        results.map((one) => [
          one.scene,
          String(one.frames),
          ...[one.p50, one.p95, one.p99, one.worst].map(ms),
        ]),
      ),
    );
    console.log(writeReport('broker-page', results));
  } finally {
    await browser.close();
    await host.stop();
  }
}

async function sortBy(page: Page, column: string): Promise<void> {
  await page.getByRole('button', { name: column }).click();
  await page.mouse.move(10, 10);
}

async function measure(page: Page, scene: string, prepare?: () => Promise<unknown>): Promise<Frames> {
  await prepare?.();
  const gaps = await page.evaluate(async (ms) => {
    const list: number[] = [];
    let last = await new Promise(requestAnimationFrame);
    const endMs = last + ms;
    while (last < endMs) {
      const next = await new Promise(requestAnimationFrame);
      list.push(next - last);
      last = next;
    }
    return list;
  }, SECONDS * 1000);
  const sorted = gaps.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { scene, frames: gaps.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: sorted.at(-1)! };
}
