/** An observation that a test holds from both ends: what the endpoint makes of it, and what the device says. */
import { ACK, CONTENT, NON } from '../../core/coap/codec/codes.ts';
import type { CoapMessage } from '../../core/coap/codec/codec.ts';
import { OBSERVE, uintOption } from '../../core/coap/codec/options.ts';
import type { Observation } from '../../core/coap/client/observation.ts';
import type { CoapResponse } from '../../core/coap/client/response.ts';
import { EndpointRig, URI } from './coap-endpoint.ts';
import { STATION, textBytes } from './coap-net.ts';

export interface Watched {
  observation: Observation;
  texts: string[];
  responses: CoapResponse[];
  states: string[];
}

export class ObservedRig extends EndpointRig {
  #nextId = 1_000;

  async watch(options: { accept?: number } = {}): Promise<Watched> {
    const texts: string[] = [];
    const responses: CoapResponse[] = [];
    const states: string[] = [];
    const observation = this.endpoint.observe(URI, options, {
      notification: (response) => {
        responses.push(response);
        texts.push(Buffer.from(response.payload).toString());
      },
      state: ({ state, problemCode }) =>
        void states.push(problemCode === null ? state : `${state} ${problemCode}`),
    });
    await this.net.settle();
    return { observation, texts, responses, states };
  }

  /** Answers the last request, piggybacked. */
  reply(text: string, observe: number | undefined, change: Partial<CoapMessage> = {}): Promise<void> {
    const { messageId, token } = this.device.last();
    return this.#say(text, observe, { type: ACK, messageId, token, ...change });
  }

  /** A notification by itself, to the token of the first registration. */
  notify(text: string, observe: number | undefined, change: Partial<CoapMessage> = {}): Promise<void> {
    const { token } = this.device.received[0]!.message;
    return this.#say(text, observe, { type: NON, messageId: this.#nextId++, token, ...change });
  }

  async #say(
    text: string,
    observe: number | undefined,
    message: Partial<CoapMessage> & Pick<CoapMessage, 'type' | 'messageId'>,
  ): Promise<void> {
    const numbered = observe === undefined ? [] : [uintOption(OBSERVE, observe)];
    const options = [...numbered, ...(message.options ?? [])];
    this.device.send({ code: CONTENT, payload: textBytes(text), ...message, options }, STATION);
    await this.net.settle();
  }
}
