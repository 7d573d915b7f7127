import { Buffer } from 'node:buffer';

/**
 * Units as people and devices write them, to the code that a series carries: the SenML registry (RFC 8428 §12.1,
 * RFC 8798 for the secondary ones) where it has one. `degF`, `psi`, `bar`, `ppb`, `l/min`, `m3/h` are not
 * registered and stand for themselves. Values are never converted.
 */
const UNIT_TEXTS = new Map<string, string>();

function unit(code: string, ...texts: string[]): void {
  for (const text of [code, ...texts]) UNIT_TEXTS.set(text, code);
}

unit('Cel', 'C', '°C', '℃', 'degC', 'deg C', 'celsius', 'Celsius');
unit('degF', 'F', '°F', '℉', 'deg F', 'fahrenheit', 'Fahrenheit');
unit('K', 'kelvin', 'Kelvin');
unit('%RH', '% RH', '%rh', '%rF');
unit('%EL');
unit('%', 'percent', 'pct');
unit('Pa');
unit('hPa', 'mbar');
unit('kPa');
unit('bar');
unit('psi', 'PSI');
unit('V');
unit('mV');
unit('A');
unit('mA');
unit('W');
unit('kW');
unit('Wh');
unit('kWh');
unit('J');
unit('Hz');
unit('kHz');
unit('MHz');
unit('lx', 'lux', 'Lux');
unit('ppm');
unit('ppb');
unit('ug/m3', 'µg/m³', 'μg/m³', 'µg/m3', 'μg/m3', 'ug/m³');
unit('m');
unit('cm');
unit('mm');
unit('km');
unit('m/s');
unit('km/h', 'kmh', 'kph');
unit('mm/s');
unit('1/min', 'rpm', 'RPM');
unit('l/s', 'L/s');
unit('l/min', 'L/min');
unit('m3/h', 'm³/h');
unit('m3/s', 'm³/s');
unit('m3', 'm³');
unit('l', 'L');
unit('kg');
unit('g');
unit('t');
unit('s', 'sec');
unit('ms');
unit('min');
unit('h');
unit('dB');
unit('dBm');
unit('pH');
unit('S/m');
unit('uS/cm', 'µS/cm', 'μS/cm');
unit('deg', '°');
unit('rad');
unit('g/m3');
unit('W/m2', 'W/m²');
unit('Ohm', 'Ω', 'ohm');
unit('N');

const LONGEST_UNIT = 32;

/** A unit as a payload tells it, cut where no unit goes on: a part of a long text would keep all of it in memory. */
export function cutUnit(text: string): string {
  return text.length <= LONGEST_UNIT ? text : Buffer.from(text.slice(0, LONGEST_UNIT)).toString();
}

/** The unit code that `text` stands for, or undefined when it is no unit that this table knows. */
export function unitOfText(text: string): string | undefined {
  return UNIT_TEXTS.get(text);
}

/** `%` says only "per cent": what of, the quantity tells. */
export function unitForQuantity(unitCode: string, quantity: string | null): string {
  if (unitCode !== '%') return unitCode;
  if (quantity === 'humidity') return '%RH';
  if (quantity === 'battery') return '%EL';
  return unitCode;
}
