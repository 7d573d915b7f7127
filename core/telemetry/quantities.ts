/**
 * Which quantity a topic level or key names. The rules for people are in docs/readings.md.
 *
 * `temp`, `temperature`, `tempC`, `temp_f` name a quantity and nothing else: the series takes the quantity's name.
 * `outdoor_temp`, `temp1` name it with something added: quantity and unit are known, the name stays as written.
 */
import { unitForQuantity } from './units.ts';

export interface NamedQuantity {
  quantity: string;
  /** Unit told by the name, else the usual one of the quantity, else empty. */
  unit: string;
  /** The name says the quantity and nothing else. */
  exact: boolean;
}

interface Quantity {
  name: string;
  /** The unit devices mean when they say none; empty where they do not agree. */
  unit: string;
  /** Last words that tell the unit: `temp_c`, `pressure_hpa`. */
  unitWords: Readonly<Record<string, string>>;
}

const TEMPERATURE_WORDS = {
  c: 'Cel',
  cel: 'Cel',
  degc: 'Cel',
  celsius: 'Cel',
  f: 'degF',
  degf: 'degF',
  fahrenheit: 'degF',
  k: 'K',
  kelvin: 'K',
};
const PERCENT_WORDS = { percent: '%', pct: '%', percentage: '%', '%': '%' };
const LENGTH_WORDS = { m: 'm', cm: 'cm', mm: 'mm', km: 'km' };
const DUST_WORDS = { ugm3: 'ug/m3' };
const SPEED_WORDS = { ms: 'm/s', mps: 'm/s', kmh: 'km/h', kph: 'km/h' };

const WORDS = new Map<string, Quantity>();

function quantity(
  name: string,
  unit: string,
  unitWords: Readonly<Record<string, string>>,
  ...words: string[]
): void {
  const entry = { name, unit, unitWords };
  for (const word of [name.replaceAll('_', ''), ...words]) WORDS.set(word, entry);
}

quantity('temperature', 'Cel', TEMPERATURE_WORDS, 'temp', 't', 'tmp', 'temperatur');
quantity('humidity', '%RH', { ...PERCENT_WORDS, rh: '%RH' }, 'hum', 'rh', 'humid', 'relativehumidity');
quantity(
  'pressure',
  'hPa',
  { pa: 'Pa', hpa: 'hPa', kpa: 'kPa', mbar: 'hPa', bar: 'bar', psi: 'psi' },
  'press',
  'baro',
  'barometer',
);
quantity('battery', '%EL', { ...PERCENT_WORDS, v: 'V', mv: 'mV' }, 'batt', 'bat', 'batterylevel');
quantity('voltage', 'V', { v: 'V', mv: 'mV' }, 'volt', 'volts', 'vbat', 'vbatt', 'vcc', 'vdd');
quantity('current', 'A', { a: 'A', ma: 'mA' }, 'amps', 'amperage');
quantity('power', 'W', { w: 'W', kw: 'kW' }, 'watt', 'watts', 'activepower');
quantity('energy', '', { wh: 'Wh', kwh: 'kWh', j: 'J' });
quantity('frequency', 'Hz', { hz: 'Hz', khz: 'kHz', mhz: 'MHz' }, 'freq');
quantity('co2', 'ppm', { ppm: 'ppm' }, 'eco2', 'carbondioxide');
quantity('pm1', 'ug/m3', DUST_WORDS);
quantity('pm25', 'ug/m3', DUST_WORDS);
quantity('pm10', 'ug/m3', DUST_WORDS);
quantity('tvoc', '', { ppb: 'ppb', ppm: 'ppm', ...DUST_WORDS }, 'voc');
quantity('illuminance', 'lx', { lx: 'lx', lux: 'lx' }, 'lux', 'lx');
quantity('level', '', { ...PERCENT_WORDS, ...LENGTH_WORDS });
quantity('flow', '', { lpm: 'l/min', lmin: 'l/min', ls: 'l/s', m3h: 'm3/h' }, 'flowrate');
quantity('speed', '', SPEED_WORDS, 'velocity');
quantity('rpm', '1/min', {}, 'rotation', 'rotationspeed');
quantity('ph', 'pH', {});
quantity('conductivity', '', { uscm: 'uS/cm', sm: 'S/m' });
quantity('rssi', 'dBm', { dbm: 'dBm' });
quantity('snr', 'dB', { db: 'dB' });
quantity('weight', '', { kg: 'kg', g: 'g', t: 't' }, 'mass');
quantity('distance', '', LENGTH_WORDS);
quantity('position', '', { ...PERCENT_WORDS, ...LENGTH_WORDS, deg: 'deg' });
quantity('vibration', '', { mms: 'mm/s' });
quantity('dewpoint', 'Cel', TEMPERATURE_WORDS);
quantity('soil_moisture', '', PERCENT_WORDS);
quantity('uptime', 's', { s: 's', sec: 's', seconds: 's', ms: 'ms', min: 'min', h: 'h' });
quantity('rain', '', { mm: 'mm' }, 'rainfall', 'precipitation');
quantity('volume', '', { l: 'l', m3: 'm3' });

/** Unit words written onto the quantity's word without a border: `tempf`, `tempc`. */
const JOINED = new Map<string, [word: string, unitWord: string]>([
  ['tempc', ['temp', 'c']],
  ['tempf', ['temp', 'f']],
  ['temperaturec', ['temp', 'c']],
  ['temperaturef', ['temp', 'f']],
]);

/** Names longer than this name nothing: look-ups stay cheap whatever a device sends. */
const LONGEST_NAME = 64;

/** What `name` (a topic level or a key) names, or null. */
export function quantityOfName(name: string): NamedQuantity | null {
  if (name.length === 0 || name.length > LONGEST_NAME) return null;
  const words = wordsOf(name);
  if (words.length === 0) return null;
  const whole = WORDS.get(words.join(''));
  if (whole !== undefined) return { quantity: whole.name, unit: whole.unit, exact: true };
  const joined = JOINED.get(words.join(''));
  if (joined !== undefined) return withUnit(WORDS.get(joined[0])!, joined[1], true);
  return withUnitWord(words) ?? qualified(words);
}

/** `temp_c`, `outdoorTempF`, `pm2_5_ug_m3`: the last word, or the last two, are a unit of what stands before. */
function withUnitWord(words: string[]): NamedQuantity | null {
  for (const count of [1, 2]) {
    const before = words.slice(0, -count);
    if (before.length === 0) break;
    const unitWord = words.slice(-count).join('');
    const exact = WORDS.get(before.join(''));
    const entry = exact ?? lastWord(before);
    if (entry !== undefined && Object.hasOwn(entry.unitWords, unitWord)) {
      return withUnit(entry, unitWord, exact !== undefined);
    }
  }
  return null;
}

/** `outdoor_temp`, `temp1`, `temp_2`, `room humidity`. */
function qualified(words: string[]): NamedQuantity | null {
  const bare = [...words];
  const last = bare.at(-1)!.replace(/\d+$/, '');
  if (last === '') bare.pop();
  else bare[bare.length - 1] = last;
  if (bare.length === 0) return null;
  const entry = lastWord(words) ?? lastWord(bare);
  return entry === undefined ? null : { quantity: entry.name, unit: entry.unit, exact: false };
}

/** One-letter words are too short to be trusted beside others. Two words first: `indoor_dew_point`. */
function lastWord(words: string[]): Quantity | undefined {
  if (words.length > 1) {
    const two = WORDS.get(words.slice(-2).join(''));
    if (two !== undefined) return two;
  }
  const word = words.at(-1)!;
  return word.length > 1 ? WORDS.get(word) : undefined;
}

function withUnit(entry: Quantity, unitWord: string, exact: boolean): NamedQuantity {
  const unit = unitForQuantity(entry.unitWords[unitWord]!, entry.name);
  return { quantity: entry.name, unit, exact };
}

/** `soilMoisture`, `soil_moisture`, `Soil Moisture`, `PM2.5` in lower-case words. */
function wordsOf(name: string): string[] {
  return name
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .replace('%', ' % ')
    .split(/[^a-z0-9%]+/)
    .filter((word) => word !== '');
}
