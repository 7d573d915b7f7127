/** What the operator asked of the table; kept while the screen is on, so that Back shows the same list. */
import type { Wanted } from './device-order.ts';

class TableState {
  wanted = $state<Wanted>({ search: '', protocol: 'all', presence: 'all', sort: 'name', descending: false });
  /** Device last opened or pointed at with the keys. */
  activeId = $state<number | null>(null);
  scrollOffset = 0;
}

export const tableState = new TableState();
