import { parseArgs } from 'node:util';
import { CodedError, messageOf } from '../base/errors.ts';
import { defaultDataFolder } from '../station/data-folder.ts';
import {
  DEFAULT_COAP,
  DEFAULT_COAP_WS,
  DEFAULT_HTTP,
  DEFAULT_MQTT,
  parseHostPort,
} from '../station/options.ts';
import type { HostPort, StationOptions } from '../station/options.ts';

const NAMES = ['data', 'mqtt', 'coap', 'coap-tcp', 'coap-ws', 'http', 'profile'];
const SWITCHES = ['no-record', 'mqtt-anonymous'];

/** The flags of `serve`, shared by the command line and the desktop's host process. @throws CodedError `options.*` */
export function parseServeArguments(args: string[]): StationOptions {
  const { values, switches, words } = flags(args, NAMES, SWITCHES);
  if (words.length > 0) {
    throw new CodedError(
      'options.unknown_word',
      `"${words[0]}" belongs to no flag. The data folder is named with --data DIR.`,
    );
  }
  const address = (name: string, fallback: HostPort): HostPort =>
    values[name] === undefined ? fallback : parseHostPort(values[name], fallback, `--${name}`);
  return {
    dataFolder: values['data'] ?? defaultDataFolder(),
    mqtt: address('mqtt', DEFAULT_MQTT),
    coap: address('coap', DEFAULT_COAP),
    coapTcp: values['coap-tcp'] === undefined ? null : address('coap-tcp', DEFAULT_COAP),
    coapWs: values['coap-ws'] === undefined ? null : address('coap-ws', DEFAULT_COAP_WS),
    http: address('http', DEFAULT_HTTP),
    record: !switches.has('no-record'),
    mqttAnonymous: switches.has('mqtt-anonymous'),
    profile: parseProfile(values['profile']),
  };
}

function parseProfile(name: string | undefined): StationOptions['profile'] {
  if (name === undefined || name === 'conformance') return name ?? null;
  throw new CodedError(
    'options.unknown_profile',
    `There is no profile "${name}". The only one is "conformance".`,
  );
}

/** Text-valued flags by name, switches, and the words between them. @throws CodedError `options.unknown_flag` */
export function flags(
  args: string[],
  names: string[],
  switchNames: string[] = [],
): { values: Record<string, string | undefined>; switches: Set<string>; words: string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: withJoinedValues(args, names, switchNames),
      allowPositionals: true,
      options: Object.fromEntries([
        ...names.map((name) => [name, { type: 'string' as const }]),
        ...switchNames.map((name) => [name, { type: 'boolean' as const }]),
      ]) as Record<string, { type: 'string' | 'boolean' }>,
    });
    return {
      values: Object.fromEntries(names.map((name) => [name, values[name] as string | undefined])),
      switches: new Set(switchNames.filter((name) => values[name] === true)),
      words: positionals,
    };
  } catch (error) {
    throw new CodedError('options.unknown_flag', messageOf(error));
  }
}

/**
 * `--flag VALUE` as `--flag=VALUE`: the parser takes a value that begins with a dash for another flag, and a token may
 * well begin with one.
 */
function withJoinedValues(args: string[], names: string[], switchNames: string[]): string[] {
  const known = [...names, ...switchNames];
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const value = args[i + 1];
    const named = names.some((name) => args[i] === `--${name}`);
    if (named && value !== undefined && !known.some((name) => value.split('=')[0] === `--${name}`)) {
      joined.push(`${args[i]}=${value}`);
      i++;
    } else joined.push(args[i]!);
  }
  return joined;
}
