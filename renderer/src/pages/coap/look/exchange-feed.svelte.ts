/** One exchange, kept up to date while something shows it. */
import type { CoapExchange } from '../../../../../core/contract/coap-browser.ts';
import { getClient } from '../../../lib/station.svelte.ts';
import { withDelta } from './exchange-steps.ts';

export class ExchangeFeed {
  data = $state.raw<CoapExchange | null>(null);
  problem = $state<string | null>(null);

  /** For `$effect(() => feed.follow(exchange))`: what it returns ends it. */
  follow(exchange: string): () => void {
    this.data = null;
    this.problem = null;
    return getClient().subscribe(
      'coapExchange',
      { exchange },
      {
        snapshot: (data) => {
          this.data = data;
          this.problem = null;
        },
        delta: (delta) => (this.data = withDelta(this.data, exchange, delta)),
        error: (error) => (this.problem = error.message),
      },
      { maxHz: 10 },
    );
  }
}
