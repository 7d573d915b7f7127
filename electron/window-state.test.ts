import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadWindowState, placeOnScreens, saveWindowState } from './window-state.ts';

const bounds = { x: 10, y: 20, width: 1_200, height: 800 };
const screen = { x: 0, y: 0, width: 1_920, height: 1_080 };
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-window-'));
  file = join(folder, 'deep', 'window.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('window state', () => {
  it('comes back as it was saved', () => {
    saveWindowState(file, { bounds, maximized: true, fullScreen: false });
    expect(loadWindowState(file)).toEqual({ bounds, maximized: true, fullScreen: false });
  });

  it.each([
    ['', undefined],
    ['null', undefined],
    ['[]', undefined],
    ['{"bounds":{"x":0,"y":0,"width":10,"height":10}}', undefined],
    ['{"bounds":{"x":0.5,"y":0,"width":1200,"height":800}}', undefined],
    ['{"bounds":{"x":null,"y":0,"width":1200,"height":800}}', undefined],
    ['{"bounds":{"x":1,"y":2,"width":1200,"height":800}}', { x: 1, y: 2, width: 1_200, height: 800 }],
  ])('reads %j as a first start or as what it says', (text, expected) => {
    saveWindowState(file, { bounds: undefined, maximized: false, fullScreen: false });
    writeFileSync(file, text);
    expect(loadWindowState(file)).toEqual({ bounds: expected, maximized: false, fullScreen: false });
  });

  it('a missing file is a first start', () => {
    expect(loadWindowState(file).bounds).toBeUndefined();
  });
});

describe('placeOnScreens', () => {
  it('keeps a place that can be seen and grasped', () => {
    expect(placeOnScreens(bounds, [screen])).toBe(bounds);
    const second = { ...screen, x: 1_920 };
    const there = { ...bounds, x: 2_500 };
    expect(placeOnScreens(there, [screen, second])).toBe(there);
  });

  it('drops one on a screen that is gone, or whose title bar nobody could reach', () => {
    expect(placeOnScreens({ ...bounds, x: 2_500 }, [screen])).toBeUndefined();
    expect(placeOnScreens({ ...bounds, x: -1_150 }, [screen])).toBeUndefined();
    expect(placeOnScreens({ ...bounds, y: -400 }, [screen])).toBeUndefined();
    expect(placeOnScreens({ ...bounds, y: 1_050 }, [screen])).toBeUndefined();
    expect(placeOnScreens(undefined, [screen])).toBeUndefined();
  });
});
