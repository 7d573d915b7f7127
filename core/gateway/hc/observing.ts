/** Observations for HTTP clients, as server-sent events: `curl -N -H 'Accept: text/event-stream'`, `EventSource`. */
import type { ServerResponse } from 'node:http';
import { notificationEvent, retryField, stateEvent } from '../../coap/proxy/event-stream.ts';
import type { MappedRequest } from '../../coap/proxy/request.ts';
import { mapResponse } from '../../coap/proxy/response.ts';
import type { ProxiedAnswer, ProxiedObservation } from '../../coap/proxy/types.ts';
import type { CoapUri } from '../../coap/uri.ts';
import { plain, retryAfter } from '../answers.ts';
import type { GatewayParts } from '../parts.ts';
import { sendBody } from './send.ts';
import { EventStream } from './stream.ts';
import type { HcProxy } from './types.ts';

export const MAX_STREAMS = 100;
/** A server that refuses at once is told by the status; later ones by an event. */
const OPEN_AFTER_MS = 3_000;
/** After an end that nothing will change soon. An EventSource comes back by itself. */
const RETRY_ENDED_MS = 60_000;
const BUSY_RETRY_MS = 5_000;

export class Observing {
  readonly #parts: GatewayParts;
  readonly #proxy: HcProxy;
  #streams = 0;

  constructor(parts: GatewayParts, proxy: HcProxy) {
    this.#parts = parts;
    this.#proxy = proxy;
  }

  /** Resolves when the stream has ended. Fails like `HcProxy.observe`. */
  async serve(
    response: ServerResponse,
    target: CoapUri,
    mapped: MappedRequest,
    gone: AbortSignal,
  ): Promise<void> {
    if (this.#streams >= MAX_STREAMS) {
      this.#parts.counters.proxyBusy++;
      retryAfter(response, BUSY_RETRY_MS);
      return plain(response, 503, `${MAX_STREAMS} resources are observed through the proxy already.\n`);
    }
    this.#streams++;
    this.#proxy.streaming(1);
    try {
      const refused = await this.#stream(response, target, mapped.attempts[0], gone);
      if (refused !== null) await this.#sayWhy(response, target, mapped, refused, gone);
    } finally {
      this.#streams--;
      this.#proxy.streaming(-1);
    }
  }

  /** Null when the stream is over, else the reason why there was none. */
  async #stream(
    response: ServerResponse,
    target: CoapUri,
    accept: number | undefined,
    gone: AbortSignal,
  ): Promise<string | null> {
    const { clock, counters } = this.#parts;
    const stream = new EventStream(response, clock, () => counters.proxySlow++);
    let over: (refused: string | null) => void = () => undefined;
    const ended = new Promise<string | null>((resolve) => (over = resolve));
    // Nothing is told before the first notification but trouble.
    let told: ProxiedObservation['state'] = 'active';
    const state = (observation: ProxiedObservation): void => {
      const { state: now } = observation;
      if (now === 'ended') {
        if (!stream.isOpen) return over(observation.problem ?? 'The observation ended.');
        stream.send(retryField(RETRY_ENDED_MS));
        stream.end(stateEvent(observation));
        return over(null);
      }
      if (now === 'starting' || (now === 'active' && told === 'active')) return;
      told = now;
      stream.open();
      stream.send(stateEvent(observation));
    };
    const notification = (answer: ProxiedAnswer): void => {
      stream.open();
      stream.send(notificationEvent(answer));
    };
    const observation = await this.#proxy.observe(target, accept, { notification, state }, gone);
    const leave = (): void => {
      over(null);
      void observation.cancel();
    };
    if (gone.aborted) leave();
    else gone.addEventListener('abort', leave, { once: true });
    const opening = clock.after(OPEN_AFTER_MS, () => stream.open());
    try {
      return await ended;
    } finally {
      opening.cancel();
      gone.removeEventListener('abort', leave);
    }
  }

  /** An observation tells its refusal in words only; a plain GET gets the code that belongs in the status. */
  async #sayWhy(
    response: ServerResponse,
    target: CoapUri,
    mapped: MappedRequest,
    refused: string,
    gone: AbortSignal,
  ): Promise<void> {
    const accept = mapped.attempts[0];
    const answer = await this.#proxy.request(
      target,
      { method: 'GET', options: [...mapped.options], ...(accept === undefined ? {} : { accept }) },
      gone,
    );
    if (gone.aborted) return;
    const { status, headers, body } = mapResponse(target, mapped, accept, answer);
    if (status < 400 || body === null) {
      this.#proxy.count('failed');
      return plain(response, 502, `${refused}\n`);
    }
    response.writeHead(status, { ...headers, 'Content-Length': body.length });
    await sendBody(response, body, this.#parts.clock);
  }
}
