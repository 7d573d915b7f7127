import { codeOf } from '../../base/errors.ts';
import { EMPTY } from '../codec/codes.ts';
import { cancelled } from '../errors.ts';
import type { ExchangeContext } from '../client/exchange.ts';
import type { Peer } from './peer.ts';

const NO_BYTES = new Uint8Array(0);

/** An empty CON and the RST that answers it. */
export function ping(context: ExchangeContext, peer: Peer, signal?: AbortSignal): Promise<{ rttMs: number }> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(cancelled());
      return;
    }
    const onAbort = (): void => context.layer.outbox.fail(transmission, cancelled());
    const answered = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve({ rttMs: context.clock.monotonic() - transmission.firstSentMs });
    };
    const empty = { confirmable: true, code: EMPTY, token: NO_BYTES, options: [], payload: NO_BYTES };
    const transmission = context.layer.outbox.send(peer, empty, {
      // Not what the RFC says, but somebody is there.
      acknowledged: () => {
        context.layer.outbox.release(transmission);
        answered();
      },
      failed: (error) => {
        if (codeOf(error) === 'coap.reset') {
          answered();
          return;
        }
        signal?.removeEventListener('abort', onAbort);
        reject(error);
      },
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
