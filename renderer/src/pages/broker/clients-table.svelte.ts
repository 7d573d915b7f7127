/** What the operator asked of the table; kept while the screen is on, so that Back shows the same list. */
import type { WantedClients } from './client-order.ts';

class ClientsTable {
  wanted = $state<WantedClients>({ search: '', filter: 'all', sort: 'clientId', descending: false });
  /** Row that the keys moved to or that was opened. */
  activeId = $state<string | null>(null);
  scrollOffset = 0;
}

export const clientsTable = new ClientsTable();
