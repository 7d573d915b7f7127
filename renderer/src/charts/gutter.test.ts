import type uPlot from 'uplot';
import { expect, it } from 'vitest';
import { Gutter } from './gutter.ts';

function plot(redrawn: string[], name: string): uPlot {
  return { redraw: () => redrawn.push(name) } as unknown as uPlot;
}
const measure = (label: string) => label.length * 6;

it('is as wide in every panel as the longest label of any of them', async () => {
  const redrawn: string[] = [];
  const told: number[] = [];
  const gutter = new Gutter(56, (widthPx) => told.push(widthPx));
  const [above, below] = [plot(redrawn, 'above'), plot(redrawn, 'below')];
  expect(gutter.fit(above, ['20.0', '21.0'], measure)).toBe(56);
  expect(gutter.fit(below, ['123 400 000', '123 500 000'], measure)).toBe(76);
  await Promise.resolve();
  expect(redrawn).toEqual(['above']);
  expect(told).toEqual([76]);
  expect(gutter.fit(above, ['20.0', '21.0'], measure)).toBe(76);
});

it('does not shrink under the pointer, only when the panel goes', async () => {
  const gutter = new Gutter(56, () => undefined);
  const [wide, narrow] = [plot([], 'wide'), plot([], 'narrow')];
  gutter.fit(narrow, ['1'], measure);
  gutter.fit(wide, ['123 400 000'], measure);
  expect(gutter.fit(wide, ['1'], measure)).toBe(76);
  gutter.forget(wide);
  expect(gutter.widthPx).toBe(56);
});
