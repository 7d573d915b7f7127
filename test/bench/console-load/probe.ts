/** What runs in the page: counts frames, long tasks and deltas, watches the row under the pointer. */
import type { Page } from 'playwright';

export interface Look {
  /** Gaps between frames in ms. */
  gaps: number[];
  longTasks: number[];
  /** Frames in which another row was under the resting pointer than in the frame before. */
  moved: number;
  /** Messages of the station, and their bytes. */
  messages: number;
  bytes: number;
  /** From pointerdown to the frame after the clicked row was marked, in ms. */
  clicks: number[];
}

interface Probe extends Look {
  at: { x: number; y: number } | null;
  stop: boolean;
}

type Probed = Window & { probe?: Probe; received?: { messages: number; bytes: number } };

/** Before the page loads: every message of the station is counted. */
export async function countMessages(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const received = { messages: 0, bytes: 0 };
    (window as Probed).received = received;
    const Original = window.WebSocket;
    window.WebSocket = class extends Original {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols);
        this.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer | string>) => {
          received.messages++;
          received.bytes += typeof data === 'string' ? data.length : data.byteLength;
        });
      }
    };
  });
}

/** @param at where the pointer rests, or null when rows may move */
export function startProbe(page: Page, at: { x: number; y: number } | null): Promise<void> {
  return page.evaluate((point) => {
    const ROWS = '[data-testid=topic-row],[data-testid=client-row]';
    const { received } = window as Probed;
    const probe: Probe = {
      gaps: [],
      longTasks: [],
      moved: 0,
      messages: -received!.messages,
      bytes: -received!.bytes,
      clicks: [],
      at: point,
      stop: false,
    };
    (window as Probed).probe = probe;
    const idOf = (element: Element | null | undefined): string | null =>
      element?.getAttribute('data-topic') ?? element?.getAttribute('data-client') ?? null;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) probe.longTasks.push(entry.duration);
    });
    observer.observe({ type: 'longtask' });
    let clicked: { id: string; sinceMs: number } | null = null;
    const onDown = (event: Event): void => {
      const id = event.target instanceof Element ? idOf(event.target.closest(ROWS)) : null;
      if (id !== null) clicked = { id, sinceMs: event.timeStamp };
    };
    window.addEventListener('pointerdown', onDown, true);
    let last = 0;
    let under: string | null = null;
    const frame = (nowMs: number): void => {
      if (probe.stop) {
        observer.disconnect();
        window.removeEventListener('pointerdown', onDown, true);
        return;
      }
      if (last > 0) probe.gaps.push(nowMs - last);
      last = nowMs;
      if (probe.at !== null) {
        const id = idOf(document.elementFromPoint(probe.at.x, probe.at.y)?.closest(ROWS));
        if (under !== null && id !== under) probe.moved++;
        under = id;
      }
      if (clicked !== null) {
        const marked = [...document.querySelectorAll(`:is(${ROWS})[aria-selected=true]`)];
        if (marked.some((element) => idOf(element) === clicked!.id)) {
          probe.clicks.push(performance.now() - clicked.sinceMs);
          clicked = null;
        }
      }
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }, at);
}

export function stopProbe(page: Page): Promise<Look> {
  return page.evaluate(() => {
    const { probe, received } = window as Probed;
    probe!.stop = true;
    probe!.messages += received!.messages;
    probe!.bytes += received!.bytes;
    return probe!;
  });
}
