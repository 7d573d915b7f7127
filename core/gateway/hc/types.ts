/** What the routes at `/hc/` need of the station. */
import type { ProxiedAnswer, ProxiedHandlers } from '../../coap/proxy/types.ts';
import type { ProxiedObservation, ProxiedRequest } from '../../coap/proxy/types.ts';
import type { CoapUri } from '../../coap/uri.ts';

export type HcCount = 'requests' | 'unauthorized' | 'refused' | 'failed';

export interface HcProxy {
  readonly enabled: boolean;
  count(what: HcCount): void;
  /** A stream began or ended. */
  streaming(change: 1 | -1): void;
  /** Fails like `CoapEndpoint.request`, and with `coap.forbidden`. */
  request(target: CoapUri, request: ProxiedRequest, signal: AbortSignal): Promise<ProxiedAnswer>;
  /**
   * Fails like `request`. Handlers are never called before the promise is kept. Ends by itself when the target goes
   * from the access list.
   */
  observe(
    target: CoapUri,
    accept: number | undefined,
    handlers: ProxiedHandlers,
    signal: AbortSignal,
  ): Promise<ProxiedObservation>;
}
