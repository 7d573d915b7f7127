/** The subscriptions that a client wants, across any number of connections. */
import type { ClientFrame, HostFrame } from '../contract/frames.ts';
import type { ClientClock } from './client-clock.ts';

/**
 * A host refuses what would wait behind 16 MiB, such as the first snapshot of a large site. That passes, and a page
 * that wants something keeps wanting it: it is asked for again after so long.
 */
export const BUSY_RETRY_MS = 500;
const BUSY = 'rpc.busy';

export interface AnyListener {
  snapshot(data: unknown): void;
  delta(data: unknown): void;
  error?(error: { code: string; message: string }): void;
}

interface Wanted {
  topic: string;
  params: unknown;
  maxHz: number | undefined;
  listener: AnyListener;
  /** Its number on the present connection; 0 while there is none. */
  wireId: number;
  /** Of the last snapshot or delta; 0 before the first snapshot. */
  seq: number;
}

export class ClientSubscriptions {
  readonly #clock: ClientClock;
  readonly #nextId: () => number;
  readonly #send: (frame: ClientFrame) => void;
  readonly #wanted = new Set<Wanted>();
  readonly #byWireId = new Map<number, Wanted>();
  #open = false;

  constructor(clock: ClientClock, nextId: () => number, send: (frame: ClientFrame) => void) {
    this.#clock = clock;
    this.#nextId = nextId;
    this.#send = send;
  }

  get size(): number {
    return this.#wanted.size;
  }

  add(topic: string, params: unknown, maxHz: number | undefined, listener: AnyListener): () => void {
    const wanted: Wanted = { topic, params, maxHz, listener, wireId: 0, seq: 0 };
    this.#wanted.add(wanted);
    if (this.#open) this.#subscribe(wanted);
    return () => {
      if (!this.#wanted.delete(wanted)) return;
      this.#unsubscribe(wanted);
    };
  }

  opened(): void {
    this.#open = true;
    for (const wanted of this.#wanted) this.#subscribe(wanted);
  }

  lost(): void {
    this.#open = false;
    this.#byWireId.clear();
    for (const wanted of this.#wanted) wanted.wireId = 0;
  }

  /** Tells every listener that it will hear nothing more. */
  failAll(error: { code: string; message: string }): void {
    this.lost();
    const wanted = [...this.#wanted];
    this.#wanted.clear();
    for (const { listener } of wanted) shielded(() => listener.error?.(error));
  }

  clear(): void {
    this.lost();
    this.#wanted.clear();
  }

  take(frame: HostFrame & { kind: 'snap' | 'delta' | 'end' }): void {
    // Frames for a subscription that was just given up may still be on their way.
    const wanted = this.#byWireId.get(frame.id);
    if (wanted === undefined) return;
    if (frame.kind === 'end') {
      this.#byWireId.delete(frame.id);
      wanted.wireId = 0;
      if (frame.error.code === BUSY) return this.#askAgain(wanted);
      this.#wanted.delete(wanted);
      shielded(() => wanted.listener.error?.(frame.error));
      return;
    }
    if (frame.kind === 'delta' && frame.seq !== wanted.seq + 1) {
      // Never seen on an ordered transport; a hole in the numbers must not become a wrong picture.
      this.#unsubscribe(wanted);
      this.#subscribe(wanted);
      return;
    }
    wanted.seq = frame.seq;
    if (frame.kind === 'snap') shielded(() => wanted.listener.snapshot(frame.data));
    else shielded(() => wanted.listener.delta(frame.data));
    // After the listener: a screen that is slow to draw thereby slows its own stream.
    if (wanted.wireId === frame.id) this.#send({ kind: 'ack', id: frame.id, seq: frame.seq });
  }

  #subscribe(wanted: Wanted): void {
    const { topic, params, maxHz } = wanted;
    const id = this.#nextId();
    wanted.wireId = id;
    wanted.seq = 0;
    this.#byWireId.set(id, wanted);
    this.#send(
      maxHz === undefined ? { kind: 'sub', id, topic, params } : { kind: 'sub', id, topic, params, maxHz },
    );
  }

  /** Unless it was given up, or a new connection asked for it meanwhile. */
  #askAgain(wanted: Wanted): void {
    this.#clock.after(BUSY_RETRY_MS, () => {
      if (this.#open && wanted.wireId === 0 && this.#wanted.has(wanted)) this.#subscribe(wanted);
    });
  }

  #unsubscribe(wanted: Wanted): void {
    if (wanted.wireId === 0) return;
    this.#byWireId.delete(wanted.wireId);
    this.#send({ kind: 'unsub', id: wanted.wireId });
    wanted.wireId = 0;
  }
}

/** A listener that throws is a fault of its screen: reported as uncaught, and the stream goes on. */
function shielded(run: () => void): void {
  try {
    run();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
