/** An observed resource, and what its observers are told. Used by tests only. */
import { CONTENT } from '../codec/codes.ts';
import { decodeUint } from '../codec/options.ts';
import { textBytes } from '../../../test/support/coap-net.ts';
import { ServerBench, messageText, observeOf } from './incoming-for-tests.ts';
import type { Asking, FakeCarrier } from './incoming-for-tests.ts';
import type { ServerLimits } from './limits.ts';
import type { Resource, ServedAnswer } from './resource.ts';

/** A server with one resource that is observed. */
export class ObservedBench extends ServerBench {
  value = 'a';
  made = 0;
  answer: ((value: string) => ServedAnswer | Promise<ServedAnswer>) | undefined;
  remove: () => void;

  constructor(limits: Partial<ServerLimits> = {}, resource: Partial<Resource> = {}) {
    super({ limits });
    this.remove = this.server.add('t', {
      methods: ['GET', 'PUT', 'FETCH'],
      observable: true,
      handle: ({ observe }) => {
        if (observe) this.made++;
        return this.answer?.(this.value) ?? { code: CONTENT, payload: textBytes(this.value) };
      },
      ...resource,
    });
  }

  observe(asking: Asking = {}): FakeCarrier {
    return this.ask('GET', { path: 't', observe: 0, ...asking }).carrier;
  }

  async set(value: string): Promise<void> {
    this.value = value;
    this.server.changed('t');
    await this.settle();
  }
}

/** Messages without the number of their order: `CON 2.05 Observe "b"`. */
export function told(carrier: FakeCarrier): string[] {
  return carrier.sent.map(
    ({ message }) =>
      `${message.confirmable ? 'CON' : 'NON'} ${messageText(message).replace(/Observe=\d+/, 'Observe')}`,
  );
}

export const orderOf = (carrier: FakeCarrier): number[] =>
  carrier.sent.map(({ message }) => decodeUint(observeOf(message)!));
