import type uPlot from 'uplot';
import type { ChartColors } from './chart-colors.ts';
import type { ChartPanelPlan } from './panels.ts';
import { TIME_STEPS, timeLabels } from './time-axis.ts';

/** Least room for the value axis; `Gutter` gives more where the labels are longer. */
export const VALUE_AXIS_PX = 56;
export const TIME_AXIS_PX = 36;
/** Above each plot: the unit of its axis. */
const PANEL_TOP_PX = 22;
const LINE_PX = 1.5;

export interface PlotHooks {
  /** Index of the row of series `k` that the cursor at `time` reads, or null where it reads none. */
  rowAt: (u: uPlot, k: number, time: number) => number | null;
  /** Rows of series `k` that no line reaches. */
  isolated: (k: number) => number[];
  valueRange: () => [number, number];
  valueText: (value: number) => string;
  hasValues: () => boolean;
  /** Width of the value axis in CSS px for these labels. */
  axisPx: (u: uPlot, labels: readonly string[]) => number;
  /** Over the grid and under the lines. */
  drawMarks: (u: uPlot) => void;
  cursorMoved: (u: uPlot) => void;
  selected: (u: uPlot) => void;
  back: () => void;
  /** Whether another plot belongs to the same chart: a drag is shown in all of them. */
  sameChart: (other: uPlot) => boolean;
}

/** Columns of a panel with n series: time, then (max, min) of each, then the values of each. */
export function valueColumn(count: number, k: number): number {
  return 1 + 2 * count + k;
}

export function plotOptions(
  plan: ChartPanelPlan,
  colors: ChartColors,
  size: { width: number; height: number },
  timeAxis: boolean,
  syncKey: string,
  hooks: PlotHooks,
): uPlot.Options {
  const count = plan.series.length;
  const line = { stroke: colors.grid, width: 1 };
  return {
    ...size,
    ms: 1,
    legend: { show: false },
    padding: [PANEL_TOP_PX, 14, timeAxis ? 0 : 8, 0],
    scales: {
      x: { time: true, auto: false, range: (_u, min, max) => [min, max] },
      y: { auto: false, range: () => hooks.valueRange() },
    },
    axes: [
      {
        scale: 'x',
        show: true,
        size: timeAxis ? TIME_AXIS_PX : 0,
        gap: 5,
        space: 76,
        incrs: TIME_STEPS,
        font: colors.font,
        stroke: colors.axis,
        grid: line,
        ticks: { show: timeAxis, stroke: colors.grid, width: 1, size: 4 },
        values: (_u, splits, _axis, _space, step) =>
          timeAxis ? timeLabels(splits, step) : splits.map(() => ''),
      },
      {
        scale: 'y',
        side: 3,
        size: (u, labels) => hooks.axisPx(u, labels ?? []),
        gap: 6,
        space: 28,
        font: colors.font,
        stroke: colors.axis,
        grid: line,
        ticks: { show: false },
        values: (_u, splits) => splits.map((value) => (hooks.hasValues() ? hooks.valueText(value) : '')),
      },
    ],
    series: [{}, ...bandSeries(plan), ...valueSeries(plan, colors, hooks)],
    bands: plan.series.map((one, k) => ({
      series: [1 + 2 * k, 2 + 2 * k],
      fill: colors.band(one.drawn.token),
    })),
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false, dist: 5 },
      dataIdx: (u, index, closest, time) =>
        index < valueColumn(count, 0) ? closest : hooks.rowAt(u, index - valueColumn(count, 0), time),
      points: { show: (_u, index) => cursorPoint(index >= valueColumn(count, 0)), size: 8 },
      bind: {
        dblclick: () => () => {
          hooks.back();
          return null;
        },
      },
      sync: {
        key: syncKey,
        scales: ['x', null],
        setSeries: false,
        filters: {
          pub: () => true,
          sub: (event, other) => event === 'mousemove' || hooks.sameChart(other),
        },
      },
    },
    hooks: {
      drawAxes: [hooks.drawMarks],
      setCursor: [hooks.cursorMoved],
      setSelect: [hooks.selected],
    },
  };
}

function bandSeries(plan: ChartPanelPlan): uPlot.Series[] {
  return plan.series.flatMap(() => [
    { scale: 'y', width: 0, pxAlign: false, points: { show: false } },
    { scale: 'y', width: 0, pxAlign: false, points: { show: false } },
  ]);
}

function valueSeries(plan: ChartPanelPlan, colors: ChartColors, hooks: PlotHooks): uPlot.Series[] {
  return plan.series.map((one, k) => {
    const stroke = colors.series(one.drawn.token);
    return {
      scale: 'y',
      label: one.label,
      stroke,
      width: LINE_PX,
      pxAlign: false,
      dash: one.drawn.dash,
      points: {
        size: 4,
        space: 16,
        width: 0,
        fill: stroke,
        filter: (_u: uPlot, _index: number, show: boolean) => (show ? null : hooks.isolated(k)),
      },
    };
  });
}

/** A point on each line under the cursor; none on the edges of the bands. */
function cursorPoint(shown: boolean): HTMLElement {
  const point = document.createElement('div');
  point.hidden = !shown;
  return point;
}
