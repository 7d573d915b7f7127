/** Desktop or headless: decided from what is there, without fetching anything. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Surroundings {
  platform: NodeJS.Platform;
  env: NodeJS.ProcessEnv;
  isRoot: boolean;
  /** Electron's executable, or null when it is not installed. */
  electronBinary: string | null;
  /** What follows `npm start --`. */
  args: string[];
}

export interface Choice {
  mode: 'desktop' | 'headless';
  /** What to hand on, without the words that only `npm start` understands. */
  args: string[];
  /** One line: which, why, and how to get the other. */
  line: string;
}

export function chooseShell(surroundings: Surroundings): Choice {
  const { args, electronBinary } = surroundings;
  const reason = whyHeadless(surroundings);
  if (reason === null && electronBinary !== null) {
    return {
      mode: 'desktop',
      args: args.filter((word) => word !== '--headless'),
      line: 'Starting the desktop: Electron and a display are here. Without a window: npm start -- --headless',
    };
  }
  return {
    mode: 'headless',
    args: args.filter((word) => word !== '--headless' && word !== '--no-sandbox'),
    line: `Starting without a window, with the console in the browser: ${reason}`,
  };
}

function whyHeadless({ platform, env, isRoot, electronBinary, args }: Surroundings): string | null {
  if (args.includes('--headless')) return '--headless asks for it. For the desktop leave it out.';
  if (isSet(env['FIELDSTATION_HEADLESS']))
    return 'FIELDSTATION_HEADLESS asks for it. For the desktop unset it.';
  if (electronBinary === null) {
    return "Electron's program is not installed. For the desktop run: npx install-electron";
  }
  if (platform !== 'linux') return null;
  if (!isSet(env['DISPLAY']) && !isSet(env['WAYLAND_DISPLAY'])) {
    return 'there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set). For the desktop start it in a graphical session.';
  }
  if (isRoot && !args.includes('--no-sandbox')) {
    return "this is root, and the desktop's sandbox does not run as root. For the desktop start it as another user.";
  }
  return null;
}

/**
 * Where Electron's executable lies, or null. The package's own `require('electron')` is not asked, because it
 * downloads what it does not find.
 */
export function findElectronBinary(
  root: string,
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
): string | null {
  const folder = join(root, 'node_modules', 'electron');
  let executable = platform === 'win32' ? 'electron.exe' : 'electron';
  if (platform === 'darwin') executable = 'Electron.app/Contents/MacOS/Electron';
  try {
    executable = readFileSync(join(folder, 'path.txt'), 'utf8').trim() || executable;
  } catch {
    // Written when the program is installed; ELECTRON_OVERRIDE_DIST_PATH does without.
  }
  const override = env['ELECTRON_OVERRIDE_DIST_PATH'];
  const path = join(isSet(override) ? override : join(folder, 'dist'), executable);
  return existsSync(path) ? path : null;
}

/** The console's address in the line that `serve` prints when it is ready, or null when that line is none. */
export function consoleAddress(line: string): { address: string | null } | null {
  let ready: unknown;
  try {
    ready = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof ready !== 'object' || ready === null) return null;
  const { ready: isReady, http, token } = ready as Record<string, unknown>;
  if (isReady !== true) return null;
  if (typeof http !== 'string' || typeof token !== 'string') return { address: null };
  return { address: `${http.replace(/\/$/, '')}/?token=${encodeURIComponent(token)}` };
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '' && value !== '0';
}
