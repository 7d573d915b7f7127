/** What is built, from what, into what. Everything lands in `dist/`; `electron-builder.yml` packs that folder. */
import { existsSync, readdirSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, join } from 'node:path';
import type { InlineConfig } from 'vite';

export interface BuildTarget {
  name: string;
  /** Sources that must be there. */
  needs: string[];
  /** Files that exist when it has been built, relative to the project. */
  makes: string[];
  config: InlineConfig;
}

const BUILTINS = [...builtinModules, ...builtinModules.map((name) => `node:${name}`), /^node:/];

/** The licences of what was bundled must travel with it. */
const LICENSES = { fileName: 'LICENSES.md' };

export function buildTargets(root: string, outputFolder = join(root, 'dist')): BuildTarget[] {
  const workers = readdirSync(join(root, 'core', 'store')).filter((name) => name.endsWith('-worker.ts'));
  const hostEntries = ['core/host.ts', 'core/cli.ts', ...workers.map((name) => `core/store/${name}`)];
  return [
    {
      name: 'console',
      needs: ['renderer/index.html', 'renderer/src/main.ts', 'vite.config.ts'],
      makes: ['console/index.html'],
      config: {
        root: join(root, 'renderer'),
        configFile: join(root, 'vite.config.ts'),
        logLevel: 'warn',
        build: {
          outDir: join(outputFolder, 'console'),
          license: LICENSES,
          // It comes from the disk or the next room: one large file is not a slow one.
          chunkSizeWarningLimit: 2_000,
          rolldownOptions: { checks: { bundlerTimings: false } },
        },
      },
    },
    // Workers are entries of their own beside the host, which finds them by name (core/store/worker-url.ts).
    nodeTarget(root, join(outputFolder, 'host'), 'host', hostEntries, 'es', ['better-sqlite3']),
    nodeTarget(root, join(outputFolder, 'electron'), 'main', ['electron/main.ts'], 'es', ['electron']),
    // A sandboxed preload is one CommonJS file and may require `electron` only, not even Node's own modules.
    nodeTarget(root, join(outputFolder, 'electron'), 'preload', ['electron/preload.ts'], 'cjs', ['electron']),
  ];
}

function nodeTarget(
  root: string,
  folder: string,
  name: string,
  entries: string[],
  format: 'es' | 'cjs',
  packages: string[],
): BuildTarget {
  const ending = format === 'es' ? 'js' : 'cjs';
  const input = Object.fromEntries(entries.map((entry) => [basename(entry, '.ts'), join(root, entry)]));
  return {
    name,
    needs: entries,
    makes: Object.keys(input).map((entry) => `${basename(folder)}/${entry}.${ending}`),
    config: {
      root,
      configFile: false,
      logLevel: 'warn',
      // ws tries two native helpers that are not ours to install; with these it does not even try.
      define: { 'process.env.WS_NO_BUFFER_UTIL': '"1"', 'process.env.WS_NO_UTF_8_VALIDATE': '"1"' },
      ssr: { noExternal: true, target: 'node' },
      build: {
        ssr: true,
        outDir: folder,
        ...(name === 'host' ? { license: LICENSES } : {}),
        // Two targets share one folder; the build empties it once before all of them.
        emptyOutDir: false,
        target: 'node24',
        minify: false,
        reportCompressedSize: false,
        copyPublicDir: false,
        rolldownOptions: {
          input,
          external: format === 'es' ? [...BUILTINS, ...packages] : packages,
          output: {
            format,
            // Chunks lie flat beside the entries: code that looks for a file beside itself must not have moved.
            entryFileNames: `[name].${ending}`,
            chunkFileNames: `[name]-[hash].${ending}`,
          },
        },
      },
    },
  };
}

/** Sources a target lacks, relative to the project. */
export function missingSources(root: string, target: BuildTarget): string[] {
  return target.needs.filter((path) => !existsSync(join(root, path)));
}
