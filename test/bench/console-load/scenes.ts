/** The scenes: what an operator has open and does while the load runs. */
import type { Page } from 'playwright';
import { BUSY_TOPIC, lineTopic } from './topics.ts';

export interface Scene {
  name: string;
  /** Publishers that share the load. */
  publishers?: number;
  prepare(page: Page): Promise<void>;
  /** Where the pointer rests and rows must hold still. */
  rest?: { x: number; y: number };
  /** Runs while frames are counted. */
  during?(page: Page, ms: number): Promise<void>;
}

const AWAY = { x: 8, y: 760 };
const OVER_ROWS = { x: 500, y: 450 };
/** Two halls and three lines, the lower ones first: what is below the fold cannot be clicked. Some 200 rows. */
const OPEN = ['plant', 'plant/hall2', 'plant/hall1', lineTopic(1, 3), lineTopic(1, 2), lineTopic(1, 1)];

export const SCENES: Scene[] = [
  { name: 'overview', prepare: (page) => to(page, '#/overview', 'main h1') },
  {
    name: 'topics, pointer away',
    async prepare(page) {
      await to(page, '#/topics', '[data-testid=topic-row]');
      await openLevels(page);
      await page.mouse.move(AWAY.x, AWAY.y);
    },
  },
  { name: 'topics, pointer over rows', prepare: (page) => over(page), rest: OVER_ROWS },
  {
    name: 'topics, clicking rows',
    prepare: (page) => over(page),
    during: (page, ms) => clickRows(page, ms),
  },
  {
    name: 'topics, scrolling',
    async prepare(page) {
      await to(page, '#/topics', '[data-testid=topic-row]');
      await openLevels(page);
    },
    during: (page, ms) => scroll(page, '[role=tree]', ms),
  },
  {
    name: 'topics, search',
    async prepare(page) {
      await page.mouse.move(AWAY.x, AWAY.y);
      await page.getByLabel('Search topics').fill('/line7/sensor6');
      await page.waitForTimeout(600);
    },
    during: async (page, ms) => {
      await page.waitForTimeout(ms / 2);
      await page.getByLabel('Search topics').pressSequentially('0', { delay: 50 });
      await page.waitForTimeout(ms / 2);
      await page.getByLabel('Search topics').fill('');
    },
  },
  {
    name: 'topic detail, busy topic',
    prepare: async (page) => {
      await to(page, `#/topics/${encodeURIComponent(BUSY_TOPIC)}`, '[data-testid=topic-row]');
      await page.mouse.move(AWAY.x, AWAY.y);
    },
  },
  {
    name: 'broker, 50 clients',
    prepare: async (page) => {
      await to(page, '#/broker', '[data-testid=client-row]');
      await page.mouse.move(AWAY.x, AWAY.y);
    },
  },
  {
    name: 'broker, 2,000 clients',
    publishers: 2_000,
    prepare: async (page) => {
      await to(page, '#/broker', '[data-testid=client-row]');
      await page.mouse.move(AWAY.x, AWAY.y);
    },
  },
  {
    name: 'broker 2,000, by heard, pointer over',
    publishers: 2_000,
    prepare: async (page) => {
      await page.getByRole('button', { name: 'Heard' }).click();
      await over(page);
    },
    rest: OVER_ROWS,
  },
  {
    name: 'broker 2,000, clicking rows',
    publishers: 2_000,
    prepare: (page) => over(page),
    during: (page, ms) => clickRows(page, ms),
  },
  {
    name: 'broker 2,000, scrolling',
    publishers: 2_000,
    prepare: (page) => to(page, '#/broker', '[data-testid=client-row]'),
    during: (page, ms) => scroll(page, '[role=grid] [role=rowgroup]', ms),
  },
];

async function to(page: Page, hash: string, selector: string): Promise<void> {
  await page.evaluate((next) => void (location.hash = next), hash);
  await page.locator(selector).first().waitFor();
}

async function over(page: Page): Promise<void> {
  await page.mouse.move(AWAY.x, AWAY.y);
  await page.mouse.move(OVER_ROWS.x, OVER_ROWS.y, { steps: 3 });
  await page.waitForTimeout(300);
}

async function openLevels(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Close all levels' }).click();
  await page.locator('[data-topic="plant"][aria-expanded=false]').waitFor();
  for (const topic of OPEN) {
    const row = page.locator(`[data-testid=topic-row][data-topic="${topic}"]`);
    await row.waitFor();
    if ((await row.getAttribute('aria-expanded')) === 'false') {
      await row.locator('.twist').click();
      await page.locator(`[data-topic="${topic}"][aria-expanded=true]`).waitFor();
    }
  }
  await page.waitForTimeout(500);
}

/** Clicks one row after another, as an operator that looks something up. */
async function clickRows(page: Page, ms: number): Promise<void> {
  const until = performance.now() + ms;
  for (let n = 0; performance.now() < until; n++) {
    await page.mouse.click(OVER_ROWS.x, 280 + ((n * 90) % 400));
    await page.waitForTimeout(400);
  }
}

async function scroll(page: Page, selector: string, ms: number): Promise<void> {
  await page.evaluate(
    async ([wanted, forMs]) => {
      const element = document.querySelector(wanted)!;
      const endMs = performance.now() + forMs;
      let step = 45;
      while (performance.now() < endMs) {
        const before = element.scrollTop;
        element.scrollTop += step;
        if (element.scrollTop === before) step = -step;
        await new Promise(requestAnimationFrame);
      }
    },
    [selector, ms] as const,
  );
}
