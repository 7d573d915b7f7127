import { messageOf } from './errors.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

const ORDER: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Lines of text for people, one event each. Callers never pass secrets: keys, tokens, passwords, payloads. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** A log that writes `TIME LEVEL part: message key=value` lines; a field that is an Error shows its message. */
export function createLog(
  part: string,
  write: (line: string) => void,
  minimum: LogLevel = 'info',
  now: () => number = Date.now,
): Log {
  const at = (level: LogLevel) => (message: string, fields?: Record<string, unknown>) => {
    if (ORDER[level] < ORDER[minimum]) return;
    let line = `${new Date(now()).toISOString()} ${level} ${part}: ${message}`;
    for (const [key, value] of Object.entries(fields ?? {})) line += ` ${key}=${text(value)}`;
    write(line.replaceAll('\n', ' '));
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function text(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(messageOf(value));
  return JSON.stringify(value) ?? 'undefined';
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
