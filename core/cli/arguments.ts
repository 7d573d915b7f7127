import { parseArgs } from 'node:util';
import { CodedError, messageOf } from '../base/errors.ts';
import { defaultDataFolder } from '../station/data-folder.ts';
import { DEFAULT_COAP, DEFAULT_HTTP, DEFAULT_MQTT, parseHostPort } from '../station/options.ts';
import type { StationOptions } from '../station/options.ts';

/** The flags of `serve`, shared by the command line and the desktop's host process. @throws CodedError `options.*` */
export function parseServeArguments(args: string[]): StationOptions {
  const { values, words } = flags(args, ['data', 'mqtt', 'coap', 'http']);
  if (words.length > 0) {
    throw new CodedError(
      'options.unknown_word',
      `"${words[0]}" belongs to no flag. The data folder is named with --data DIR.`,
    );
  }
  return {
    dataFolder: values['data'] ?? defaultDataFolder(),
    mqtt: values['mqtt'] === undefined ? DEFAULT_MQTT : parseHostPort(values['mqtt'], DEFAULT_MQTT, '--mqtt'),
    coap: values['coap'] === undefined ? DEFAULT_COAP : parseHostPort(values['coap'], DEFAULT_COAP, '--coap'),
    http: values['http'] === undefined ? DEFAULT_HTTP : parseHostPort(values['http'], DEFAULT_HTTP, '--http'),
  };
}

/** Text-valued flags by name, and the words between them. @throws CodedError `options.unknown_flag` */
export function flags(
  args: string[],
  names: string[],
): { values: Record<string, string | undefined>; words: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: withJoinedValues(args, names),
      allowPositionals: true,
      options: Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
    });
    return { values: values as Record<string, string | undefined>, words: positionals };
  } catch (error) {
    throw new CodedError('options.unknown_flag', messageOf(error));
  }
}

/**
 * `--flag VALUE` as `--flag=VALUE`: the parser takes a value that begins with a dash for another flag, and a token may
 * well begin with one.
 */
function withJoinedValues(args: string[], names: string[]): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const value = args[i + 1];
    const named = names.some((name) => args[i] === `--${name}`);
    if (named && value !== undefined && !names.some((name) => value.split('=')[0] === `--${name}`)) {
      joined.push(`${args[i]}=${value}`);
      i++;
    } else joined.push(args[i]!);
  }
  return joined;
}
