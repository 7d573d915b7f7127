/** Entry of the desktop. The only file that meets the real Electron; everything else is handed it. */
import { join } from 'node:path';
import {
  BrowserWindow,
  Menu,
  MessageChannelMain,
  app,
  dialog,
  ipcMain,
  nativeTheme,
  protocol,
  screen,
  session,
  shell,
  utilityProcess,
} from 'electron';
import { startShell } from './shell.ts';
import { systemTimers } from './timers.ts';

// Built to dist/electron/main.js, beside dist/host and dist/console.
const dist = join(import.meta.dirname, '..');
const env = { ...process.env };
delete env['NODE_OPTIONS'];

const api = {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  nativeTheme,
  protocol,
  screen,
  session,
  shell,
  utilityProcess,
};

startShell(api, {
  hostEntry: join(dist, 'host', 'host.js'),
  preload: join(import.meta.dirname, 'preload.cjs'),
  consoleFolder: join(dist, 'console'),
  argv: process.argv,
  env,
  platform: process.platform,
  timers: systemTimers,
}).catch((error: unknown) => {
  dialog.showErrorBox('Fieldstation', `The desktop could not start: ${String(error)}`);
  app.exit(1);
});
