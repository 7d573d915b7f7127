import { fileURLToPath } from 'node:url';

/** Where the built console lies: `dist/console`, seen from the sources as well as from the bundled host. */
export function consoleFolder(): string {
  const fromSources = import.meta.url.endsWith('/core/station/console-folder.ts');
  return fileURLToPath(new URL(fromSources ? '../../dist/console' : '../console', import.meta.url));
}
