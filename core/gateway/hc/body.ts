/** Bodies for CoAP: small ones, held in memory, since CoAP sends them in blocks that it may have to send again. */
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';

/** The largest payload that a screen may send, too. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** What comes past the limit is read and dropped so far: a client that is still sending does not hear an answer. */
const MAX_DROPPED_BYTES = 4 * 1024 * 1024;
/** Of all bodies together. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;
const IDLE_MS = 15_000;

export type BodyResult = Uint8Array | 'too_large' | 'no_room' | 'too_slow' | 'gone';

/** Reads bodies and knows how much of them is held. */
export class Bodies {
  readonly #clock: Clock;
  #heldBytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** The caller calls `release` when it needs the body no more, whatever became of it. */
  read(request: IncomingMessage): { body: Promise<BodyResult>; release(): void } {
    let held = 0;
    const release = (): void => {
      this.#heldBytes -= held;
      held = 0;
    };
    const body = new Promise<BodyResult>((resolve) => {
      const announced = Number(request.headers['content-length'] ?? 0);
      if (announced > MAX_DROPPED_BYTES) return resolve('too_large');
      const chunks: Buffer[] = [];
      let bytes = 0;
      let refused: 'too_large' | 'no_room' | undefined;
      const settle = (result: BodyResult): void => {
        idle.cancel();
        request.off('data', take).off('end', ended).off('close', gone).off('error', gone);
        // Node wants somebody to hear of an error also after this.
        request.on('error', () => undefined);
        resolve(result);
      };
      const refuse = (why: 'too_large' | 'no_room'): void => {
        refused ??= why;
        chunks.length = 0;
        release();
      };
      const take = (chunk: Buffer): void => {
        bytes += chunk.byteLength;
        idle.cancel();
        idle = this.#clock.after(IDLE_MS, slow);
        if (bytes > MAX_BODY_BYTES) refuse('too_large');
        else if (refused === undefined && this.#heldBytes + chunk.byteLength > MAX_HELD_BYTES)
          refuse('no_room');
        if (refused === undefined) {
          chunks.push(chunk);
          held += chunk.byteLength;
          this.#heldBytes += chunk.byteLength;
        } else if (bytes > MAX_DROPPED_BYTES) settle(refused);
      };
      const ended = (): void => settle(refused ?? Buffer.concat(chunks));
      const gone = (): void => settle('gone');
      const slow = (): void => settle('too_slow');
      let idle = this.#clock.after(IDLE_MS, slow);
      request.on('data', take).on('end', ended).on('close', gone).on('error', gone);
    });
    return { body, release };
  }
}
