/** Server-sent events to one client, bounded: one that does not read is cut, and may come again. */
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../base/clock.ts';
import { HEARTBEAT } from '../../coap/proxy/event-stream.ts';

const HEARTBEAT_MS = 15_000;
/** What may wait for the client besides the event that is written now. */
export const MAX_WAITING_BYTES = 256 * 1024;
/** Heartbeats in a row during which the client read nothing at all. */
const MAX_STALLED_BEATS = 4;

export class EventStream {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #cut: () => void;
  #beat: Timer | undefined;
  #stalledBeats = 0;

  /** `cut` hears that the client was cut for not reading. */
  constructor(response: ServerResponse, clock: Clock, cut: () => void) {
    this.#response = response;
    this.#clock = clock;
    this.#cut = cut;
  }

  get isOpen(): boolean {
    return this.#beat !== undefined;
  }

  open(): void {
    if (this.isOpen || this.#response.destroyed) return;
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // Proxies on the way must not collect it.
      'X-Accel-Buffering': 'no',
    });
    this.#response.flushHeaders();
    this.#response.on('drain', () => (this.#stalledBeats = 0));
    this.#response.once('close', () => this.#stop());
    this.#arm();
  }

  send(text: string): void {
    if (!this.isOpen || this.#response.destroyed) return;
    if (this.#response.writableLength > MAX_WAITING_BYTES) return this.#cutOff();
    this.#response.write(text);
  }

  end(text: string): void {
    this.send(text);
    if (!this.isOpen) return;
    this.#stop();
    this.#response.end();
  }

  #arm(): void {
    this.#beat = this.#clock.after(HEARTBEAT_MS, () => {
      if (this.#response.writableNeedDrain && ++this.#stalledBeats >= MAX_STALLED_BEATS)
        return this.#cutOff();
      this.send(HEARTBEAT);
      if (this.isOpen) this.#arm();
    });
  }

  #cutOff(): void {
    this.#stop();
    this.#cut();
    this.#response.destroy();
  }

  #stop(): void {
    this.#beat?.cancel();
    this.#beat = undefined;
  }
}
