import type { Clock } from '../../base/clock.ts';
import { codeOf } from '../../base/errors.ts';
import type { Sending, SendingWatcher } from '../carrier.ts';
import { cancelled } from '../errors.ts';

/**
 * An empty CON and the RST that answers it (RFC 7252 §4.3). `send` sends the empty CON. Fails like an exchange, and
 * with `coap.cancelled`.
 */
export function ping(
  clock: Clock,
  send: (watcher: SendingWatcher) => Sending,
  signal?: AbortSignal,
): Promise<{ rttMs: number }> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(cancelled());
      return;
    }
    const onAbort = (): void => {
      sending.release();
      reject(cancelled());
    };
    const answered = (): void => {
      signal?.removeEventListener('abort', onAbort);
      resolve({ rttMs: clock.monotonic() - sending.firstSentMs });
    };
    const sending = send({
      // Not what the RFC says, but somebody is there.
      acknowledged: () => {
        sending.release();
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
