import type { PacketReader } from './packet-reader.ts';
import type { Sink } from './sink.ts';

/** Why a connection is not read. */
export const FOR_ACKS = 1;
export const FOR_VERDICT = 2;
export const FOR_RATE = 4;

/** Any reason is enough to stop reading one connection; it goes on when the last of them has gone. */
export class ReadingPauses {
  readonly #reader: PacketReader;
  readonly #sink: Sink;
  readonly #goOn: (resume: () => void) => boolean;
  #reasons = 0;

  /** `goOn` runs what it is given, which hands on the packets that came meanwhile; false when that was the end. */
  constructor(reader: PacketReader, sink: Sink, goOn: (resume: () => void) => boolean) {
    this.#reader = reader;
    this.#sink = sink;
    this.#goOn = goOn;
  }

  get isPaused(): boolean {
    return this.#reasons !== 0;
  }

  pause(reason: number): void {
    if (this.#reasons === 0) {
      this.#reader.pause();
      this.#sink.pause();
    }
    this.#reasons |= reason;
  }

  resume(reason: number): void {
    this.#reasons &= ~reason;
    if (this.isPaused) return;
    const goesOn = this.#goOn(() => this.#reader.resume());
    // What came meanwhile may have been a reason to pause again.
    if (goesOn && !this.isPaused) this.#sink.resume();
  }
}
