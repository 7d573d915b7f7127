import { describe, expect, it } from 'vitest';
import { CodedError } from '../base/errors.ts';
import { DEFAULT_MQTT, formatHostPort, parseHostPort } from '../station/options.ts';
import { flags, parseServeArguments } from './arguments.ts';

describe('serve flags', () => {
  it('defaults to loopback and the standard ports', () => {
    const options = parseServeArguments(['--data', '/tmp/x']);
    expect(formatHostPort(options.mqtt)).toBe('127.0.0.1:1883');
    expect(formatHostPort(options.coap)).toBe('127.0.0.1:5683');
    expect(formatHostPort(options.http)).toBe('127.0.0.1:8080');
    expect(options.dataFolder).toBe('/tmp/x');
  });

  it.each([
    ['0.0.0.0:1884', { host: '0.0.0.0', port: 1884 }],
    ['1884', { host: '127.0.0.1', port: 1884 }],
    [':0', { host: '127.0.0.1', port: 0 }],
    ['[::1]:1884', { host: '::1', port: 1884 }],
    ['station.local:1', { host: 'station.local', port: 1 }],
  ])('reads %s', (text, expected) => {
    expect(parseHostPort(text, DEFAULT_MQTT, '--mqtt')).toEqual(expected);
  });

  it.each(['', 'host', 'host:', '::1:80', '127.0.0.1:65536', '127.0.0.1:-1', 'a:b:1'])(
    'refuses "%s"',
    (text) => {
      expect(() => parseHostPort(text, DEFAULT_MQTT, '--mqtt')).toThrow(CodedError);
    },
  );

  it('takes a value that begins with a dash, as one token in 64 does', () => {
    const { values, words } = flags(['call', '--token', '-x9', '--http', 'http://a'], ['token', 'http']);
    expect({ ...values }).toEqual({ token: '-x9', http: 'http://a' });
    expect(words).toEqual(['call']);
    expect(flags(['--token=-x9'], ['token']).values['token']).toBe('-x9');
    expect(() => flags(['--token', '--http', 'x'], ['token', 'http'])).toThrow(CodedError);
    expect(() => flags(['--token'], ['token'])).toThrow(CodedError);
  });

  it('refuses a flag that it does not know', () => {
    expect(() => flags(['--mqqt', 'x'], ['mqtt'])).toThrow(/mqqt/);
  });
});
