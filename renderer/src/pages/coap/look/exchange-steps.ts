/** Steps of an exchange as they come in. Pure. */
import type { CoapExchange, CoapExchangeDelta, CoapStep } from '../../../../../core/contract/coap-browser.ts';

/** Newest steps of an observation that stay on the screen; the station keeps fewer. */
const MOST_OBSERVED = 600;

/** True for the exchange of an observation, of which the newest steps are kept. */
export function isObserved(exchange: string): boolean {
  return exchange.startsWith('observe ');
}

export function withDelta(
  before: CoapExchange | null,
  exchange: string,
  delta: CoapExchangeDelta,
): CoapExchange {
  const all: CoapStep[] = [...(before?.steps ?? []), ...delta.steps];
  if (!isObserved(exchange)) return { ...delta, exchange, steps: all };
  // The station may have let go of some that are still here: what is not shown is what counts.
  const steps = all.slice(-MOST_OBSERVED);
  return { ...delta, exchange, steps, leftOut: (before?.leftOut ?? 0) + all.length - steps.length };
}
