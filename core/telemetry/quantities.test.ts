import { describe, expect, test } from 'vitest';
import { quantityOfName } from './quantities.ts';

function told(name: string): string {
  const named = quantityOfName(name);
  return named === null ? '-' : `${named.quantity} ${named.unit}${named.exact ? '' : ' +'}`;
}

describe('what a name says', () => {
  test.each([
    ['temperature', 'temperature Cel'],
    ['Temp', 'temperature Cel'],
    ['t', 'temperature Cel'],
    ['rh', 'humidity %RH'],
    ['hum', 'humidity %RH'],
    ['HUMIDITY', 'humidity %RH'],
    ['press', 'pressure hPa'],
    ['batt', 'battery %EL'],
    ['voltage', 'voltage V'],
    ['co2', 'co2 ppm'],
    ['eCO2', 'co2 ppm'],
    ['PM2.5', 'pm25 ug/m3'],
    ['pm2_5', 'pm25 ug/m3'],
    ['pm10', 'pm10 ug/m3'],
    ['lux', 'illuminance lx'],
    ['soilMoisture', 'soil_moisture '],
    ['dew_point', 'dewpoint Cel'],
    ['rpm', 'rpm 1/min'],
    ['pH', 'ph pH'],
    ['uptime', 'uptime s'],
    ['energy', 'energy '],
  ])('%s is %s', (name, expected) => expect(told(name)).toBe(expected));

  test.each([
    ['temp_c', 'temperature Cel'],
    ['temperatureC', 'temperature Cel'],
    ['tempF', 'temperature degF'],
    ['tempf', 'temperature degF'],
    ['temperature_fahrenheit', 'temperature degF'],
    ['humidity_percent', 'humidity %RH'],
    ['humidity%', 'humidity %RH'],
    ['battery_mv', 'battery mV'],
    ['battery_pct', 'battery %EL'],
    ['pressure_kPa', 'pressure kPa'],
    ['power-kw', 'power kW'],
    ['pm2_5_ug_m3', 'pm25 ug/m3'],
  ])('%s tells its unit: %s', (name, expected) => expect(told(name)).toBe(expected));

  test.each([
    ['outdoor_temp', 'temperature Cel +'],
    ['outdoorTempF', 'temperature degF +'],
    ['temp1', 'temperature Cel +'],
    ['temp_2', 'temperature Cel +'],
    ['battery_voltage', 'voltage V +'],
    ['room humidity', 'humidity %RH +'],
    ['indoor_dew_point', 'dewpoint Cel +'],
  ])('%s says a quantity and something more: %s', (name, expected) => expect(told(name)).toBe(expected));

  test.each([
    '',
    'status',
    'sensor7',
    'x_t',
    't1',
    'temporary',
    'tempest',
    'v',
    'h',
    '%',
    '21',
    'constructor',
    '__proto__',
  ])('%j says nothing', (name) => expect(told(name)).toBe('-'));

  test('a unit of another quantity is not taken for one', () => expect(told('temp_kwh')).toBe('-'));
  test('a very long name is not looked into', () => expect(told(`${'a_'.repeat(40)}temp`)).toBe('-'));
});
