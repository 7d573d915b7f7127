/** The tokens as a canvas needs them: read anew at every change of theme. */
export interface ChartColors {
  axis: string;
  grid: string;
  gap: string;
  hatch: string;
  stale: string;
  fault: string;
  ground: string;
  font: string;
  /** Colour of a `--series-n` token. */
  series: (token: string) => string;
  /** The same as a light fill. */
  band: (token: string) => string;
}

export function readColors(element: Element): ChartColors {
  const style = getComputedStyle(element);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return {
    axis: token('--chart-axis'),
    grid: token('--chart-grid'),
    gap: token('--chart-gap'),
    hatch: token('--hatch'),
    stale: token('--state-stale'),
    fault: token('--state-fault'),
    ground: token('--surface-raised'),
    font: `11px ${token('--font-ui')}`,
    series: token,
    band: (name) => translucent(token(name)),
  };
}

/** `#rrggbb` at a fifth of its strength; any other notation is left to the band's own outline. */
function translucent(color: string): string {
  return /^#[0-9a-f]{6}$/i.test(color) ? `${color}38` : 'transparent';
}
