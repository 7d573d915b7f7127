import { describe, expect, it } from 'vitest';
import { hostArguments } from './host-arguments.ts';

describe('hostArguments', () => {
  it('starts after the program, and after the folder when it runs from the sources', () => {
    expect(hostArguments(['/opt/fieldstation', '--data', '/d'], true)).toEqual(['--data', '/d']);
    expect(hostArguments(['electron', '.', '--data', '/d'], false)).toEqual(['--data', '/d']);
  });

  it('takes both ways of writing a flag, also with an equals sign in the value', () => {
    expect(hostArguments(['x', '--http=[::1]:0', '--data=/a=b'], true)).toEqual([
      '--http',
      '[::1]:0',
      '--data',
      '/a=b',
    ]);
  });

  it('passes switches on, which have no value', () => {
    const words = [
      'x',
      '--mqtt-anonymous',
      '--mqtt',
      '0.0.0.0:1883',
      '--no-record',
      '--profile',
      'conformance',
    ];
    expect(hostArguments(words, true)).toEqual(words.slice(1));
    expect(hostArguments(['x', '--mqtt-anonymous=yes'], true)).toEqual([]);
  });

  it('leaves what is not of the host, and a flag whose value is missing', () => {
    expect(hostArguments(['x', '--no-sandbox', 'file.txt', '--datax=1', '--coap'], true)).toEqual([]);
  });
});
