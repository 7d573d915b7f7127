/** Answers to clients that may read slowly, or not at all. */
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../base/clock.ts';

const CHUNK_BYTES = 64 * 1024;
/** Without any progress. */
const STALLED_MS = 30_000;

/** Resolves when all is handed to the system or the client is gone; false when it was cut for not reading. */
export async function sendBody(response: ServerResponse, body: Uint8Array, clock: Clock): Promise<boolean> {
  for (let at = 0; at < body.length && !response.destroyed; at += CHUNK_BYTES) {
    const more = response.write(body.subarray(at, at + CHUNK_BYTES));
    if (!more && !(await drained(response, clock))) return false;
  }
  response.end();
  return true;
}

/** False after it has cut the connection. A client that goes away counts as drained. */
function drained(response: ServerResponse, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (result: boolean): void => {
      stalled.cancel();
      response.off('drain', done).off('close', done);
      resolve(result);
    };
    const done = (): void => settle(true);
    const stalled = clock.after(STALLED_MS, () => {
      settle(false);
      response.destroy();
    });
    response.on('drain', done).on('close', done);
  });
}
