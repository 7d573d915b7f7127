import { describe, expect, it } from 'vitest';
import { panelHeight, planPanels } from './panels.ts';
import type { ChartSeries } from './panels.ts';

const one = (id: number, unit: string, quantity: string | null = null): ChartSeries => ({
  id,
  label: `s${id}`,
  unit,
  quantity,
});

describe('panels', () => {
  it('part temperature and humidity and join what has the same unit', () => {
    const plan = planPanels([one(1, 'Cel'), one(2, '%RH'), one(3, 'Cel')]);
    expect(plan.map((panel) => panel.series.map((series) => series.id))).toEqual([[1, 3], [2]]);
  });

  it('tell lines of one panel apart by colour and by dash', () => {
    const [panel] = planPanels([one(1, 'Cel'), one(2, 'Cel'), one(3, 'Cel'), one(4, 'Cel')]);
    expect(new Set(panel!.series.map((series) => series.drawn.token)).size).toBe(4);
    expect(new Set(panel!.series.map((series) => series.drawn.dash.join())).size).toBe(4);
  });

  it('keep a series its own pen when others go', () => {
    const [panel] = planPanels([{ ...one(9, 'Cel'), pen: 4 }]);
    expect(panel!.series[0]!.drawn.token).toBe('--series-5');
  });

  it('do not mix unknown units', () => {
    expect(planPanels([one(1, ''), one(2, '')])).toHaveLength(2);
    expect(planPanels([one(1, '', 'level'), one(2, '', 'level')])).toHaveLength(1);
  });

  it('share the height, never flatter than a trend needs', () => {
    expect(panelHeight(400, 2)).toBe(200);
    expect(panelHeight(200, 4)).toBe(96);
  });
});
