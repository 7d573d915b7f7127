import { CodedError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { Signal } from '../base/events.ts';
import type {
  RetainedJob,
  RetainedMessageView,
  RetainedPage,
  RetainedRow,
  RetainedStatus,
} from '../contract/retained.ts';
import type { PublishFrame } from '../mqtt/publish-frame.ts';
import type { RetainedStore } from '../mqtt/retained.ts';
import { messagePropertiesOf } from './message-properties.ts';
import { Trash } from './trash.ts';

const PREVIEW_CHARACTERS = 200;
/** Messages of one turn of a job: the broker goes on serving between two turns. */
const STEP = 500;
const JOBS_KEPT = 8;

interface Task {
  view: RetainedJob;
  steps: Generator<number>;
}

/**
 * The retained store as a person works with it: pages, clear into a trash, undo. Changes here are changes of the
 * store alone: no message goes to subscribers, who keep what they have been told.
 */
export class RetainedDesk {
  readonly changed = new Signal<void>();
  readonly #store: RetainedStore;
  readonly #clock: Clock;
  readonly #trash = new Trash();
  readonly #jobs: RetainedJob[] = [];
  readonly #tasks: Task[] = [];
  #turn: NodeJS.Immediate | null = null;
  #nextJob = 1;

  constructor(parts: { store: RetainedStore; clock: Clock }) {
    this.#store = parts.store;
    this.#clock = parts.clock;
  }

  /** Steps when the store or the trash changes. */
  get revision(): number {
    return this.#store.revision;
  }

  status(): RetainedStatus {
    const { countOfClients, bytes, limits, revision } = this.#store;
    return {
      messages: countOfClients,
      bytes,
      maxMessages: limits.maxMessages,
      maxBytes: limits.maxBytes,
      revision,
      trash: this.#trash.entries(),
      trashBytes: this.#trash.bytes,
      maxTrashBytes: this.#trash.maxBytes,
      jobs: this.#jobs.map((job) => ({ ...job })),
    };
  }

  page(params: { search: string; after: string; limit: number }): RetainedPage {
    const { frames, total, next } = this.#store.page(params);
    return { rows: frames.map(rowOf), total, next };
  }

  /** @throws CodedError `retained.unknown` */
  get(topic: string): RetainedMessageView {
    const frame = this.#store.get(topic);
    if (frame === null) throw new CodedError('retained.unknown', `No message is retained on ${topic}.`);
    return {
      ...rowOf(frame),
      payload: frame.payload.slice(),
      properties: messagePropertiesOf(frame.properties),
    };
  }

  clear(topics: string[]): RetainedJob {
    const what = topics.length === 1 ? topics[0]! : `${topics.length} topics`;
    return this.#start('clear', what, topics.length, (job) => this.#clearing(job, topics));
  }

  /** The topic itself and everything below it; the empty text means the whole store but `$SYS`. */
  clearBelow(topic: string): RetainedJob {
    const topics = this.#store.below(topic).filter((name) => name !== '$SYS' && !name.startsWith('$SYS/'));
    return this.#start('clear', topic === '' ? '#' : `${topic}/#`, topics.length, (job) =>
      this.#clearing(job, topics),
    );
  }

  /** @throws CodedError `retained.no_such_trash` */
  restore(trash: number): RetainedJob {
    const line = this.#trash.take(trash);
    if (line === null) throw new CodedError('retained.no_such_trash', 'This line of the trash is gone.');
    return this.#start('restore', line.what, line.frames.length, (job) =>
      this.#restoring(job, line.what, line.frames),
    );
  }

  /** What was done stays done. A job that has ended stays as it is. */
  cancel(id: number): RetainedJob {
    const at = this.#tasks.findIndex(({ view }) => view.id === id);
    const job = this.#jobs.find((known) => known.id === id);
    if (job === undefined) throw new CodedError('retained.no_such_job', 'This job is not known any more.');
    if (at >= 0) {
      // Runs the generator's finally: what was cleared so far is in the trash.
      this.#tasks[at]!.steps.return(0);
      this.#tasks.splice(at, 1);
      job.state = 'cancelled';
      this.changed.emit();
    }
    return { ...job };
  }

  emptyTrash(): number {
    const messages = this.#trash.empty();
    this.changed.emit();
    return messages;
  }

  stop(): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    this.changed.clear();
  }

  #start(
    kind: RetainedJob['kind'],
    what: string,
    total: number,
    work: (job: RetainedJob) => Generator<number>,
  ): RetainedJob {
    const job: RetainedJob = {
      id: this.#nextJob++,
      kind,
      what,
      done: 0,
      total,
      state: 'running',
      error: null,
      trash: null,
    };
    this.#jobs.unshift(job);
    while (this.#jobs.length > JOBS_KEPT && this.#jobs.at(-1)!.state !== 'running') this.#jobs.pop();
    const task = { view: job, steps: work(job) };
    // The first step at once: most jobs are one message, and their answer should tell that it is done.
    if (!this.#step(task)) this.#tasks.push(task);
    this.#schedule();
    this.changed.emit();
    return { ...job };
  }

  #schedule(): void {
    if (this.#tasks.length === 0) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      const task = this.#tasks[0];
      if (task !== undefined && this.#step(task)) this.#tasks.shift();
      this.changed.emit();
      this.#schedule();
    });
  }

  /** True when the job has ended. */
  #step(task: Task): boolean {
    const { view, steps } = task;
    const { done, value } = steps.next();
    if (done !== true) view.done = value;
    else if (view.state === 'running') view.state = 'done';
    return view.state !== 'running';
  }

  *#clearing(job: RetainedJob, topics: readonly string[]): Generator<number> {
    const cleared: PublishFrame[] = [];
    try {
      for (let at = 0; at < topics.length; at++) {
        if (at > 0 && at % STEP === 0) yield at;
        const frame = this.#store.get(topics[at]!);
        if (frame === null) continue;
        this.#store.delete(topics[at]!);
        cleared.push(frame);
      }
    } finally {
      // What had gone by itself meanwhile was not cleared here.
      job.done = cleared.length;
      if (cleared.length > 0) job.trash = this.#trash.add(job.what, cleared, this.#clock.now());
    }
  }

  *#restoring(job: RetainedJob, what: string, frames: readonly PublishFrame[]): Generator<number> {
    let at = 0;
    let restored = 0;
    try {
      for (; at < frames.length; at++) {
        if (at > 0 && at % STEP === 0) yield at;
        const frame = frames[at]!;
        // What came meanwhile is newer.
        if (frame.expired(this.#clock.now()) || this.#store.get(frame.topic) !== null) continue;
        if (!this.#store.set(frame.topic, frame)) {
          job.state = 'failed';
          job.error = 'The retained store is full. What did not fit is still in the trash.';
          return;
        }
        restored++;
      }
    } finally {
      job.done = restored;
      if (at < frames.length) job.trash = this.#trash.add(what, frames.slice(at), this.#clock.now());
    }
  }
}

function rowOf(frame: PublishFrame): RetainedRow {
  const { payload } = frame;
  return {
    topic: frame.topic,
    bytes: payload.length,
    qos: frame.qos,
    receivedMs: frame.receivedMs,
    client: frame.publisher,
    expiresMs: frame.expiresMs,
    text: previewOf(payload),
  };
}

const strict = new TextDecoder('utf-8', { fatal: true });

function previewOf(payload: Uint8Array): string | null {
  // A character has at most four bytes; a cut one at the end is not the payload's fault.
  const most = PREVIEW_CHARACTERS * 4;
  for (let length = Math.min(payload.length, most); ; length--) {
    try {
      return strict.decode(payload.subarray(0, length)).slice(0, PREVIEW_CHARACTERS);
    } catch {
      if (payload.length <= most || length <= most - 3) return null;
    }
  }
}
