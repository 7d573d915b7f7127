import { homedir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

/**
 * Readings, messages and tokens are for the station's user alone, also in a data folder that others may enter. For the
 * whole process, because SQLite takes no mode for the files it makes.
 */
export function keepFilesPrivate(): void {
  // A thread may not set it (the desktop's tests run the host in one); a process of its own always can.
  if (isMainThread) process.umask(0o077);
}

/** Where the platform keeps the data of an application, unless the operator names another folder. */
export function defaultDataFolder(
  platform: NodeJS.Platform = process.platform,
  env: NodeJS.ProcessEnv = process.env,
  home: string = homedir(),
): string {
  if (platform === 'win32')
    return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'), 'Fieldstation');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'Fieldstation');
  return join(env['XDG_DATA_HOME'] ?? join(home, '.local', 'share'), 'fieldstation');
}
