import { parsePlace } from './place.ts';
import type { Page, Place } from './place.ts';

/** Where the screen is now. `href` and the grammar of addresses are in place.ts. */
class RouteState {
  place = $state.raw<Place>(parsePlace(typeof location === 'undefined' ? '' : location.hash));

  constructor() {
    if (typeof window === 'undefined') return;
    window.addEventListener('hashchange', () => (this.place = parsePlace(location.hash)));
  }

  get page(): Page {
    return this.place.page;
  }

  get item(): string | null {
    return this.place.item;
  }

  get query(): Record<string, string> {
    return this.place.query;
  }
}

export const route = new RouteState();

/** Goes to a page. `replace` leaves no step behind for Back: for what follows typing or arrow keys. */
export function go(hash: string, options: { replace?: boolean } = {}): void {
  if (options.replace === true) {
    history.replaceState(null, '', hash);
    route.place = parsePlace(hash);
  } else location.hash = hash;
}
