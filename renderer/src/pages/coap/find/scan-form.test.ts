import { describe, expect, it } from 'vitest';
import type { CoapScanStep } from '../../../../../core/contract/coap-discovery.ts';
import { FIRST_FORM, formFrom, rangeProblem, readScanForm } from './scan-form.ts';
import { progressText, scanShare, scanText } from './scan-words.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('what a scan is to do', () => {
  it('asks on every interface but loopback when nothing else is chosen', () => {
    expect(readScanForm(FIRST_FORM)).toEqual({
      ok: true,
      params: { multicast: true, mdns: true, port: 5683 },
    });
  });

  it('takes a range and a directory, with or without scheme', () => {
    const form = {
      ...FIRST_FORM,
      useRange: true,
      range: ' 10.0.0.0/24 ',
      useDirectory: true,
      directory: '10.0.0.1',
    };
    expect(readScanForm(form)).toMatchObject({
      params: { range: '10.0.0.0/24', directory: 'coap://10.0.0.1', port: 5683 },
    });
  });

  it('says what is wrong where it is wrong', () => {
    const problems = (rest: object) => {
      const read = readScanForm({ ...FIRST_FORM, ...rest });
      return read.ok ? null : Object.keys(read.problems);
    };
    expect(problems({ multicast: false, mdns: false })).toEqual(['form']);
    expect(problems({ interfaces: [] })).toEqual(['form']);
    expect(
      problems({ interfaces: [], multicast: false, mdns: false, useRange: true, range: '10.0.0.0/24' }),
    ).toBeNull();
    expect(problems({ port: '0' })).toEqual(['port']);
    expect(problems({ useDirectory: true, directory: 'http://x' })).toEqual(['directory']);
    expect(problems({ useRange: true })).toEqual(['range']);
  });

  it('bounds a range to 1,024 addresses', () => {
    const fits = [
      '10.0.0.0/22',
      '10.0.0.7/32',
      '10.0.0.10-10.0.0.40',
      '10.0.0.0-10.0.3.255',
      'fe80::/120',
      '10.0.0.10-40',
    ];
    expect(fits.map(rangeProblem)).toEqual(fits.map(() => null));
    const not = [
      '',
      '10.0.0.0/21',
      '10.0.0.0-10.0.4.0',
      '10.0.0.9-10.0.0.1',
      '10.0.0.9-1',
      '10.0.0.9-256',
      '10.0.0.256/32',
      '10.0.0.1',
      'a-b',
      '1-2-3',
    ];
    expect(not.filter((one) => rangeProblem(one) === null)).toEqual([]);
  });

  it('takes of what was kept only what fits', () => {
    expect(formFrom({ multicast: false, mdns: 'yes', interfaces: ['eth0'], more: 1 })).toEqual({
      ...FIRST_FORM,
      multicast: false,
      interfaces: ['eth0'],
    });
    expect([formFrom(null), formFrom([1]), formFrom({ interfaces: [1] })]).toEqual([
      FIRST_FORM,
      FIRST_FORM,
      FIRST_FORM,
    ]);
  });
});

describe('a scan in words', () => {
  const step = (rest: Partial<CoapScanStep>): CoapScanStep => ({
    kind: 'range', label: '', state: 'running', done: 120, total: 254, found: 0, problem: null, ...rest,
  }); // prettier-ignore

  it('counts addresses and tells time waited', () => {
    expect(progressText(step({}))).toBe('120 of 254');
    expect(plain(progressText(step({ kind: 'multicast', done: 1_240, total: 2_000 })))).toBe('1.2 of 2 s');
    expect(plain(progressText(step({ kind: 'mdns', state: 'done', done: 3_000, total: 3_000 })))).toBe('3 s');
    expect(progressText(step({ state: 'waiting' }))).toBe('waits');
  });

  it('knows how far it is', () => {
    const steps = [
      step({ state: 'done' }),
      step({ state: 'failed' }),
      step({ done: 127 }),
      step({ state: 'waiting' }),
    ];
    expect(scanShare({ steps })).toBe(0.625);
    expect(scanShare({ steps: [] })).toBe(0);
  });

  it('counts those past the bound too', () => {
    const scan = { startedMs: 0, endedMs: null, steps: [], found: [], leftOut: 3 };
    expect(scanText({ ...scan, state: 'running' })).toBe('Looking: 3 servers so far');
    expect(scanText({ ...scan, leftOut: 1, state: 'stopped' })).toBe('Stopped: 1 server found');
  });
});
