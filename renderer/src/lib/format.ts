/**
 * Numbers, units, ages and times as people read them. A missing value is a dash, never a zero.
 */
export const MISSING = '\u2013';
/** Between a figure and its unit. */
const GAP = '\u00a0';
/** Between groups of three digits. */
const THIN = '\u202f';
const MINUS = '\u2212';

/** SenML unit names (RFC 8428 §12.1) as they are written on a plant floor. */
const UNIT_SIGNS: Record<string, string> = {
  Cel: '°C',
  K: 'K',
  degF: '°F',
  '%RH': '% RH',
  '%': '%',
  '/': '',
  '%EL': '%',
  Pa: 'Pa',
  hPa: 'hPa',
  kPa: 'kPa',
  bar: 'bar',
  V: 'V',
  A: 'A',
  W: 'W',
  kW: 'kW',
  J: 'J',
  Wh: 'Wh',
  kWh: 'kWh',
  VA: 'VA',
  var: 'var',
  Hz: 'Hz',
  lx: 'lx',
  ppm: 'ppm',
  'ug/m3': 'µg/m³',
  m: 'm',
  mm: 'mm',
  m2: 'm²',
  m3: 'm³',
  l: 'L',
  'l/s': 'L/s',
  'm3/s': 'm³/s',
  'm3/h': 'm³/h',
  'm/s': 'm/s',
  'm/s2': 'm/s²',
  kg: 'kg',
  g: 'g',
  s: 's',
  ms: 'ms',
  min: 'min',
  rad: 'rad',
  deg: '°',
  dB: 'dB',
  dBm: 'dBm',
  dBW: 'dBW',
  'S/m': 'S/m',
  pH: 'pH',
  Ohm: 'Ω',
  lm: 'lm',
  cd: 'cd',
  N: 'N',
  count: '',
};

export function unitSign(unit: string): string {
  return UNIT_SIGNS[unit] ?? unit;
}

/** Decimals that make sense for a unit; a number's own precision wins where it has less. */
const UNIT_DECIMALS: Record<string, number> = {
  Cel: 1,
  K: 1,
  degF: 1,
  '%RH': 1,
  '%': 1,
  '%EL': 0,
  Pa: 0,
  hPa: 1,
  kPa: 1,
  bar: 2,
  V: 2,
  A: 2,
  Hz: 2,
  lx: 0,
  ppm: 0,
  dBm: 0,
  'l/s': 2,
  'm/s': 2,
};

/**
 * `21.5`, `−3.2`, `101 325`, `1.2e-7`. With a unit, to the decimals that the unit deserves; otherwise to five
 * significant digits. `decimals` overrules both.
 */
export function formatNumber(value: number | null | undefined, unit = '', decimals?: number): string {
  if (value === null || value === undefined || Number.isNaN(value)) return MISSING;
  if (!Number.isFinite(value)) return value > 0 ? '+∞' : `${MINUS}∞`;
  const size = Math.abs(value);
  let text: string;
  const places = decimals ?? UNIT_DECIMALS[unit];
  if (size !== 0 && (size >= 1e12 || size < 1e-4)) text = size.toExponential(3).replace(/\.?0+e/, 'e');
  // Four tenths of a ppm is not nothing.
  else if (decimals === undefined && places === 0 && size < 10) text = String(Number(size.toPrecision(2)));
  else if (places !== undefined) text = size.toFixed(places);
  else text = String(Number(size.toPrecision(size >= 1e5 ? 12 : 5)));
  const [whole = '', rest] = text.split('.');
  if (!text.includes('e') && whole.length > 3) {
    text = group(whole) + (rest === undefined ? '' : `.${rest}`);
  }
  return value < 0 && Number(text.replaceAll(THIN, '')) !== 0 ? MINUS + text : text;
}

/** `21.5 °C`; only the dash when there is no value. */
export function formatValue(value: number | null | undefined, unit = '', decimals?: number): string {
  const text = formatNumber(value, unit, decimals);
  const sign = unitSign(unit);
  return text === MISSING || sign === '' ? text : `${text}${GAP}${sign}`;
}

/** A whole count with thin spaces: `1 204 330`. */
export function formatCount(count: number | null | undefined): string {
  if (count === null || count === undefined || !Number.isFinite(count)) return MISSING;
  return count < 0 ? MINUS + group(String(Math.round(-count))) : group(String(Math.round(count)));
}

/** A rate per second: `0`, `0.4`, `12`, `1 250`. */
export function formatRate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined || !Number.isFinite(perSecond)) return MISSING;
  if (perSecond === 0) return '0';
  return perSecond < 9.95 ? perSecond.toFixed(1) : formatCount(perSecond);
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, THIN);
}

const BYTE_STEPS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Decimal bytes as disks are sold: `312 B`, `4.2 KB`, `1.3 GB`. */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return MISSING;
  let size = bytes;
  let step = 0;
  while (size >= 999.5 && step < BYTE_STEPS.length - 1) {
    size /= 1000;
    step++;
  }
  return `${step === 0 || size >= 99.5 ? Math.round(size) : size.toFixed(1)}${GAP}${BYTE_STEPS[step]}`;
}

/** Distance in time in its largest unit, rounded down: `0 s`, `59 s`, `3 min`, `2 h`, `5 d`. */
export function formatAge(ageMs: number | null | undefined): string {
  if (ageMs === null || ageMs === undefined || !Number.isFinite(ageMs)) return MISSING;
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds}${GAP}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${GAP}min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}${GAP}h`;
  return `${Math.floor(seconds / 86_400)}${GAP}d`;
}

/** A length of time in two units: `850 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING;
  if (ms < 999.5) return `${Math.round(ms)}${GAP}ms`;
  const seconds = ms / 1000;
  if (seconds < 60)
    return `${seconds < 10 ? String(Number(seconds.toFixed(1))) : Math.floor(seconds)}${GAP}s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return two(Math.floor(whole / 60), 'min', whole % 60, 's');
  if (whole < 86_400) return two(Math.floor(whole / 3600), 'h', Math.floor((whole % 3600) / 60), 'min');
  return two(Math.floor(whole / 86_400), 'd', Math.floor((whole % 86_400) / 3600), 'h');
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const head = `${large}${GAP}${largeUnit}`;
  return small === 0 ? head : `${head} ${small}${GAP}${smallUnit}`;
}

const pad = (value: number, length = 2) => String(value).padStart(length, '0');

/** `14:03:27` in the screen's own time zone; `withMs` adds `.125`. */
export function formatTime(ms: number | null | undefined, withMs = false): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING;
  const at = new Date(ms);
  const text = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return withMs ? `${text}.${pad(at.getMilliseconds(), 3)}` : text;
}

/** `2026-03-09 14:03:27`. */
export function formatDateTime(ms: number | null | undefined, withMs = false): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING;
  const at = new Date(ms);
  return `${pad(at.getFullYear(), 4)}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${formatTime(ms, withMs)}`;
}

/** The time alone for today, with its date otherwise. */
export function formatWhen(ms: number | null | undefined, nowMs: number): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return MISSING;
  const today = new Date(nowMs).toDateString() === new Date(ms).toDateString();
  return today ? formatTime(ms) : formatDateTime(ms);
}

/** `1 device`, `12 devices`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
