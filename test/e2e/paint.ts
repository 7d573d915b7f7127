import type { Locator } from '@playwright/test';

export interface Painted {
  /** Pixels of each `--series-n` colour over all canvases of the chart, by token; zero ones are left out. */
  byToken: Record<string, number>;
  /** Changes whenever one pixel does. */
  hash: number;
}

/** What really is on the canvases of a chart: pixels near the colours that the theme gives to series. */
export function painted(chart: Locator): Promise<Painted> {
  return chart.evaluate((element) => {
    const style = getComputedStyle(element);
    const colors: { token: string; rgb: number[] }[] = [];
    for (let n = 1; n <= 12; n++) {
      const hex = /^#([0-9a-f]{6})$/i.exec(style.getPropertyValue(`--series-${n}`).trim())?.[1];
      if (hex === undefined) continue;
      colors.push({
        token: `--series-${n}`,
        rgb: [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)),
      });
    }
    const byToken: Record<string, number> = {};
    let hash = 0;
    for (const canvas of element.querySelectorAll('canvas')) {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      for (let at = 0; at < data.length; at += 4) {
        hash = (Math.imul(hash, 31) + data[at]! + data[at + 1]! * 3 + data[at + 2]! * 7 + data[at + 3]!) | 0;
        if (data[at + 3]! < 200) continue;
        for (const { token, rgb } of colors) {
          if (rgb.every((part, i) => Math.abs(part - data[at + i]!) < 12)) {
            byToken[token] = (byToken[token] ?? 0) + 1;
          }
        }
      }
    }
    return { byToken, hash };
  });
}
