import type { BrowserWindow, BrowserWindowConstructorOptions } from 'electron';
import { CrashBudget } from './crash-budget.ts';
import type { ElectronApi } from './electron-api.ts';
import { CONSOLE_URL } from './origin.ts';
import { webPreferences } from './security.ts';
import type { ShellLog } from './shell-log.ts';
import type { Timers } from './timers.ts';
import { DEFAULT_SIZE, SMALLEST, loadWindowState, placeOnScreens, saveWindowState } from './window-state.ts';

/** The grounds of the console's two themes (renderer/src/tokens.css), so that nothing flashes before it paints. */
const GROUND = { light: '#e7eaec', dark: '#12171a' };
const MOST_PAGE_CRASHES = 3;
const PAGE_CRASH_WINDOW_MS = 60_000;

export interface ConsoleWindowsOptions {
  preload: string;
  stateFile: string;
  devTools: boolean;
  timers: Timers;
  log: ShellLog;
  /** Asked when a window is about to close; false keeps it open. */
  mayClose: (window: BrowserWindow) => boolean;
  /** A page crashed again and again, or could not be loaded. */
  onBroken: (window: BrowserWindow, reason: string) => void;
}

/** The windows that show the console. Where the last one stood is remembered. */
export class ConsoleWindows {
  readonly #api: Pick<ElectronApi, 'BrowserWindow' | 'nativeTheme' | 'screen'>;
  readonly #options: ConsoleWindowsOptions;
  readonly #open = new Set<BrowserWindow>();

  constructor(
    api: Pick<ElectronApi, 'BrowserWindow' | 'nativeTheme' | 'screen'>,
    options: ConsoleWindowsOptions,
  ) {
    this.#api = api;
    this.#options = options;
  }

  get size(): number {
    return this.#open.size;
  }

  get any(): BrowserWindow | undefined {
    return [...this.#open].at(-1);
  }

  open(): BrowserWindow {
    const { BrowserWindow, screen } = this.#api;
    const state = loadWindowState(this.#options.stateFile);
    // A second window would lie exactly over the first: the system places it.
    const bounds =
      this.size > 0
        ? undefined
        : placeOnScreens(
            state.bounds,
            screen.getAllDisplays().map((display) => display.workArea),
          );
    const window = new BrowserWindow(this.#windowOptions(bounds ?? DEFAULT_SIZE));
    this.#open.add(window);
    window.once('ready-to-show', () => {
      if (state.maximized) window.maximize();
      if (state.fullScreen) window.setFullScreen(true);
      window.show();
    });
    window.on('close', (event) => {
      if (this.#options.mayClose(window)) this.#remember(window);
      else event.preventDefault();
    });
    window.once('closed', () => this.#open.delete(window));
    this.#heal(window);
    this.load(window);
    return window;
  }

  /** Brings the console to the front, in a new window when none is open. */
  focus(): void {
    const window = this.any;
    if (window === undefined) {
      this.open();
      return;
    }
    if (window.isMinimized()) window.restore();
    window.show();
    window.focus();
  }

  load(window: BrowserWindow): void {
    window.loadURL(CONSOLE_URL).catch((error: unknown) => {
      if (!window.isDestroyed())
        this.#options.onBroken(window, `The console could not be loaded: ${String(error)}`);
    });
  }

  #windowOptions(place: { width: number; height: number }): BrowserWindowConstructorOptions {
    return {
      ...place,
      minWidth: SMALLEST.width,
      minHeight: SMALLEST.height,
      show: false,
      title: 'Fieldstation',
      backgroundColor: this.#api.nativeTheme.shouldUseDarkColors ? GROUND.dark : GROUND.light,
      autoHideMenuBar: true,
      webPreferences: webPreferences(this.#options.preload, this.#options.devTools),
    };
  }

  /** A wall screen has nobody near it: a crashed page is loaded again, until that is clearly of no use. */
  #heal(window: BrowserWindow): void {
    const { timers, log, onBroken } = this.#options;
    const budget = new CrashBudget(MOST_PAGE_CRASHES, PAGE_CRASH_WINDOW_MS);
    window.webContents.on('render-process-gone', (_event, details) => {
      if (details.reason === 'clean-exit' || window.isDestroyed()) return;
      log('error', `a page ended: ${details.reason}, code ${details.exitCode}`);
      if (budget.crash(timers.monotonic()).exhausted) {
        onBroken(window, 'The console crashed several times within a minute.');
      } else {
        this.load(window);
      }
    });
    window.on('unresponsive', () => log('warn', 'a page does not respond'));
    window.on('responsive', () => log('info', 'the page responds again'));
  }

  #remember(window: BrowserWindow): void {
    try {
      saveWindowState(this.#options.stateFile, {
        bounds: window.getNormalBounds(),
        maximized: window.isMaximized(),
        fullScreen: window.isFullScreen(),
      });
    } catch (error) {
      this.#options.log('warn', `the place of the window was not remembered: ${String(error)}`);
    }
  }
}
