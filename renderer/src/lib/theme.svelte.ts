/** Light, dark, high contrast, or as the system has it. The choice is remembered on this machine. */
export const THEMES = ['system', 'light', 'dark', 'contrast'] as const;
export type Theme = (typeof THEMES)[number];

export const THEME_NAMES: Record<Theme, string> = {
  system: 'As the system',
  light: 'Light',
  dark: 'Dark',
  contrast: 'High contrast',
};

const KEY = 'fieldstation.theme';
const darkQuery = matchMedia('(prefers-color-scheme: dark)');
const contrastQuery = matchMedia('(prefers-contrast: more)');

class ThemeState {
  chosen = $state<Theme>(remembered());
  #systemDark = $state(darkQuery.matches);
  #systemContrast = $state(contrastQuery.matches);

  /** What is on the screen. Charts watch this to take their colours anew. */
  shown = $derived.by((): 'light' | 'dark' | 'contrast' => {
    if (this.chosen !== 'system') return this.chosen;
    if (this.#systemContrast) return 'contrast';
    return this.#systemDark ? 'dark' : 'light';
  });

  constructor() {
    darkQuery.addEventListener('change', (event) => {
      this.#systemDark = event.matches;
      this.#apply();
    });
    contrastQuery.addEventListener('change', (event) => {
      this.#systemContrast = event.matches;
      this.#apply();
    });
    this.#apply();
  }

  choose(theme: Theme): void {
    this.chosen = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // A browser that keeps nothing still shows the theme until it is closed.
    }
    this.#apply();
  }

  // Written at once and not in an effect: whoever reads a token after a change must get the new colours.
  #apply(): void {
    document.documentElement.dataset['theme'] = this.shown;
  }
}

function remembered(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === kept) ?? 'system';
  } catch {
    return 'system';
  }
}

export const theme = new ThemeState();
