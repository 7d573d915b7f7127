import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '../base/errors.ts';
import { createClient } from '../rpc/client.ts';
import { connectWebSocket, rpcUrlOf } from '../rpc/websocket-client.ts';
import type { RpcClient } from '../rpc/types.ts';
import { defaultDataFolder } from '../station/data-folder.ts';
import { flags } from './arguments.ts';

export interface Target {
  client: RpcClient;
  /** What is left of the arguments: the name and perhaps its JSON. */
  words: string[];
}

/**
 * Finds the station from `--http` and `--token`, or from what it left in its data folder (readable by its owner only).
 * @throws CodedError `cli.no_station`, `cli.no_token`, `cli.unreachable`, `rpc.refused`, `options.*`
 */
export async function connect(args: string[]): Promise<Target> {
  const { values, words } = flags(args, ['http', 'token', 'data']);
  if (words.length > 2) {
    throw new CodedError(
      'options.unknown_word',
      `"${words[2]}" is one word too many: a name and one JSON text are needed. Put the JSON into quotes.`,
    );
  }
  const folder = values['data'] ?? defaultDataFolder();
  const http = values['http'] ?? (await runningHttp(folder));
  const token = values['token'] ?? process.env['FIELDSTATION_TOKEN'] ?? (await adminToken(folder));
  if (http === null) {
    throw new CodedError(
      'cli.no_station',
      `No station is running on ${folder}. Start one with "serve", or name it with --http URL --token T.`,
    );
  }
  if (token === null) {
    throw new CodedError('cli.no_token', 'The station asks for a token: give --token T from its ready line.');
  }
  return { client: await open(http, token), words };
}

/** Parses the JSON argument of a command; none is `{}`. @throws CodedError `cli.bad_json` */
export function jsonArgument(text: string | undefined): unknown {
  if (text === undefined) return {};
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new CodedError('cli.bad_json', `The argument is not JSON: ${(error as Error).message}`);
  }
}

/** A connection that is open: a command fails at once instead of waiting for a station that is not there. */
function open(http: string, token: string): Promise<RpcClient> {
  const client = createClient(() => connectWebSocket(rpcUrlOf(http), token));
  return new Promise((resolve, reject) => {
    const stop = client.onState((state, reason) => {
      if (state === 'connecting') return;
      stop();
      if (state === 'open') return resolve(client);
      client.close();
      const code = state === 'refused' ? 'rpc.refused' : 'cli.unreachable';
      reject(new CodedError(code, `${http}: ${reason}`));
    });
  });
}

async function runningHttp(folder: string): Promise<string | null> {
  const running = await readJson(join(folder, 'running.json'));
  return typeof running?.['http'] === 'string' ? running['http'] : null;
}

async function adminToken(folder: string): Promise<string | null> {
  const tokens = await readJson(join(folder, 'tokens.json'));
  return typeof tokens?.['admin'] === 'string' ? tokens['admin'] : null;
}

async function readJson(file: string): Promise<Record<string, unknown> | null> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
  } catch {
    return null;
  }
}
