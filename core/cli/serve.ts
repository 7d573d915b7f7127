import { createLog } from '../base/log.ts';
import type { Log } from '../base/log.ts';
import { keepFilesPrivate } from '../station/data-folder.ts';
import { Station } from '../station.ts';
import { parseServeArguments } from './arguments.ts';

/** Logs of all parts go to stderr, so that stdout carries the ready line alone. */
export function stderrLog(part: string): Log {
  const minimum = process.env['FIELDSTATION_LOG'] === 'debug' ? 'debug' : 'info';
  return createLog(part, (line) => process.stderr.write(`${line}\n`), minimum);
}

/**
 * Runs the station until SIGINT or SIGTERM; a second signal ends it at once. Answers with the exit code.
 * @throws CodedError `store.locked`, `options.*`, `station.no_listener`
 */
export async function serve(args: string[]): Promise<number> {
  keepFilesPrivate();
  const station = new Station(parseServeArguments(args), { logFor: stderrLog });
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGINT', () => resolve('SIGINT'));
    process.once('SIGTERM', () => resolve('SIGTERM'));
  });
  const ready = await station.start();
  process.stdout.write(`${JSON.stringify(ready)}\n`);
  // The sockets keep the process alive; should all of them have failed, this does.
  const alive = setInterval(() => {}, 60_000);
  await signal;
  const impatient = () => process.exit(130);
  process.once('SIGINT', impatient);
  process.once('SIGTERM', impatient);
  await station.stop();
  clearInterval(alive);
  process.off('SIGINT', impatient);
  process.off('SIGTERM', impatient);
  return 0;
}
