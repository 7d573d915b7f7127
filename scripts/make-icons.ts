/** Draws resources/icons/icon.svg at every size that the packages need. Run it when the drawing has changed. */
import '../core/base/node-version.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright';
import { CHROMIUM_ARGS, findChromium } from '../test/support/chromium.ts';

const SIZES_PX = [16, 24, 32, 48, 64, 128, 256, 512, 1024];
const folder = join(import.meta.dirname, '..', 'resources', 'icons');
const drawing = readFileSync(join(folder, 'icon.svg')).toString('base64');

const executablePath = findChromium();
if (executablePath === null) {
  process.stderr.write('A Chromium is needed to draw the icons, and none was found.\n');
  process.exit(1);
}
const browser = await chromium.launch({ executablePath, args: CHROMIUM_ARGS });
try {
  for (const px of SIZES_PX) {
    const page = await browser.newPage({ viewport: { width: px, height: px } });
    const image = `<img width="${px}" height="${px}" src="data:image/svg+xml;base64,${drawing}">`;
    await page.setContent(`<style>body{margin:0}img{display:block}</style>${image}`, { waitUntil: 'load' });
    writeFileSync(join(folder, `${px}x${px}.png`), await page.screenshot({ omitBackground: true }));
    await page.close();
  }
} finally {
  await browser.close();
}
