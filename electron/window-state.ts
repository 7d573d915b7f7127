import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface WindowState {
  /** Where it was when it was neither maximised nor full-screen; undefined lets the system place it. */
  bounds: Rectangle | undefined;
  maximized: boolean;
  fullScreen: boolean;
}

export const SMALLEST = { width: 1_024, height: 640 };
export const DEFAULT_SIZE = { width: 1_366, height: 768 };
/** So much of a window must lie on a screen for it to be found and moved. */
const VISIBLE_PX = 120;

/** What was remembered; a missing or damaged file is a first start. */
export function loadWindowState(file: string): WindowState {
  const fresh: WindowState = { bounds: undefined, maximized: false, fullScreen: false };
  let stored: unknown;
  try {
    stored = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return fresh;
  }
  if (typeof stored !== 'object' || stored === null) return fresh;
  const { bounds, maximized, fullScreen } = stored as Record<string, unknown>;
  return {
    bounds: isRectangle(bounds) ? bounds : undefined,
    maximized: maximized === true,
    fullScreen: fullScreen === true,
  };
}

/** Written beside and renamed, so that a power cut leaves the old one. */
export function saveWindowState(file: string, state: WindowState): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, JSON.stringify(state));
  renameSync(`${file}.new`, file);
}

/** The remembered place if enough of it lies on a screen that is still there, else undefined. */
export function placeOnScreens(bounds: Rectangle | undefined, workAreas: Rectangle[]): Rectangle | undefined {
  if (bounds === undefined) return undefined;
  const seen = workAreas.some((area) => {
    const width = Math.min(bounds.x + bounds.width, area.x + area.width) - Math.max(bounds.x, area.x);
    const topInside = bounds.y >= area.y - 10 && bounds.y < area.y + area.height - VISIBLE_PX;
    return width >= VISIBLE_PX && topInside;
  });
  return seen ? bounds : undefined;
}

function isRectangle(value: unknown): value is Rectangle {
  if (typeof value !== 'object' || value === null) return false;
  const { x, y, width, height } = value as Record<string, unknown>;
  if (![x, y, width, height].every((number) => Number.isSafeInteger(number))) return false;
  return (width as number) >= SMALLEST.width && (height as number) >= SMALLEST.height;
}
