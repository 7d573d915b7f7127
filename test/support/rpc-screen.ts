/** A screen that speaks frames by hand, for what a well-behaved client never does. */
import type { ClientFrame, HostFrame } from '../../core/contract/frames.ts';
import type { ClientTransport } from '../../core/rpc/types.ts';

type Kind = HostFrame['kind'];

export class RawScreen {
  readonly frames: HostFrame[] = [];
  readonly #transport: ClientTransport;
  #closedBecause: string | undefined;
  #waiting: (() => void)[] = [];

  constructor(transport: ClientTransport) {
    this.#transport = transport;
    transport.onClose((reason) => {
      this.#closedBecause = reason;
      this.#wake();
    });
    transport.onFrame((frame) => {
      this.frames.push(frame);
      this.#wake();
    });
  }

  send(frame: ClientFrame): void {
    this.#transport.send(frame);
  }

  /** Anything at all, as a hostile screen would. */
  sendRaw(frame: unknown): void {
    this.#transport.send(frame as ClientFrame);
  }

  close(): void {
    this.#transport.close('test');
  }

  /** The first frame of `kind` that `fits`, now or when it comes. Fails when the connection ends before. */
  async next<K extends Kind>(
    kind: K,
    fits: (frame: HostFrame & { kind: K }) => boolean = () => true,
  ): Promise<HostFrame & { kind: K }> {
    for (;;) {
      const found = this.frames.find((frame) => frame.kind === kind && fits(frame as never));
      if (found !== undefined) return found as HostFrame & { kind: K };
      if (this.#closedBecause !== undefined) throw new Error(`closed (${this.#closedBecause}), no ${kind}`);
      await this.#change();
    }
  }

  /** The reason of the end of the connection. */
  async closed(): Promise<string> {
    while (this.#closedBecause === undefined) await this.#change();
    return this.#closedBecause;
  }

  /** Resolves when everything sent before has been taken by the host and answered. */
  async settled(): Promise<void> {
    const id = 1_000_000 + this.frames.length;
    this.send({ kind: 'ping', id });
    await this.next('pong', (frame) => frame.id === id);
  }

  #change(): Promise<void> {
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
