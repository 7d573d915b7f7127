/** A made-up retained store with jobs that take a while, so that their progress can be looked at. */
import { CodedError } from '../../core/base/errors.ts';
import type { MessageProperties, MqttQos } from '../../core/contract/broker.ts';
import type {
  RetainedJob,
  RetainedMessageView,
  RetainedStatus,
  TrashEntry,
} from '../../core/contract/retained.ts';
import type { Feed, Handlers } from '../../core/rpc/types.ts';
import type { MadeUpTopic } from './console-payloads.ts';

interface Kept {
  topic: string;
  client: string | null;
  qos: MqttQos;
  payload: Uint8Array;
  properties: MessageProperties;
}

const STEP_MS = 100;
const PER_STEP = 80;

export class MadeUpRetained {
  readonly #store = new Map<string, RetainedMessageView>();
  readonly #trashed = new Map<number, RetainedMessageView[]>();
  readonly #feeds = new Set<() => void>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #trash: TrashEntry[] = [];
  #jobs: RetainedJob[] = [];
  #revision = 1;
  #nextId = 1;

  constructor(topics: readonly MadeUpTopic[]) {
    const filler = Array.from({ length: 3_000 }, (_, i) => ({
      topic: `config/unit${String(i).padStart(4, '0')}/limits`,
      client: `engineering-${i % 5}`,
      qos: 1 as const,
      payload: () => new TextEncoder().encode(`{"low":${i % 40},"high":${60 + (i % 40)}}`),
    }));
    for (const one of [...topics, ...filler]) this.put({ properties: {}, ...one, payload: one.payload(1) });
    this.#bin('plant/old-line/#', [...this.#store.values()].slice(0, 120), Date.now() - 8_000_000);
  }

  put({ topic, client, qos, payload, properties }: Kept): void {
    const text = payload.some((byte) => byte > 126 || byte < 9)
      ? null
      : Buffer.from(payload).toString().slice(0, 200);
    const expiry = properties.messageExpirySeconds;
    const receivedMs = Date.now() - Math.floor(Math.random() * 9e6);
    const expiresMs = expiry === undefined ? 0 : Date.now() + expiry * 1_000;
    if (payload.length === 0) this.#store.delete(topic);
    else
      this.#store.set(topic, {
        topic,
        client,
        qos,
        payload,
        properties,
        bytes: payload.length,
        receivedMs,
        expiresMs,
        text,
      });
    this.#changed();
  }

  readonly methods: Partial<Handlers['methods']> = {
    'retained.list': ({ search, after, limit }) => {
      const all = [...this.#store.values()]
        .filter(({ topic }) => topic.toLowerCase().includes(search.toLowerCase()))
        .sort((a, b) => (a.topic < b.topic ? -1 : 1));
      const rows = all.filter(({ topic }) => topic > after).slice(0, limit);
      const last = rows.at(-1)?.topic ?? '';
      return {
        rows,
        total: all.length,
        next: all.some(({ topic }) => topic > last) && rows.length > 0 ? last : null,
      };
    },
    'retained.get': ({ topic }) => {
      const found = this.#store.get(topic);
      if (found === undefined) throw new CodedError('retained.unknown', 'It was cleared, or has expired.');
      return found;
    },
    'retained.clear': ({ topics }) =>
      this.#clear(topics.length === 1 ? topics[0]! : `${topics.length} topics`, topics),
    'retained.clearBelow': ({ topic }) =>
      this.#clear(
        `${topic}/#`,
        [...this.#store.keys()].filter((one) => one === topic || one.startsWith(`${topic}/`)),
      ),
    'retained.restore': ({ trash }) => {
      const line = this.#trash.find(({ id }) => id === trash);
      const list = this.#trashed.get(trash);
      if (line === undefined || list === undefined)
        throw new CodedError('retained.no_such_trash', 'It is no longer in the trash.');
      this.#trash = this.#trash.filter((one) => one !== line);
      return this.#work('restore', line.what, list, (one) => void this.#store.set(one.topic, one), null);
    },
    'retained.cancel': ({ job }) => {
      const found = this.#jobs.find(({ id }) => id === job)!;
      if (found.state === 'running') this.#update(found, { state: 'cancelled' });
      return this.#jobs.find(({ id }) => id === job)!;
    },
    'retained.emptyTrash': () => {
      const messages = this.#trash.reduce((sum, line) => sum + line.messages, 0);
      this.#trash = [];
      this.#changed();
      return { messages };
    },
  };

  open(dirty: () => void): Feed<RetainedStatus, RetainedStatus> {
    let changed = false;
    const mark = () => {
      changed = true;
      dirty();
    };
    this.#feeds.add(mark);
    return {
      snapshot: () => this.#status(),
      drain: () => (changed ? ((changed = false), this.#status()) : null),
      close: () => void this.#feeds.delete(mark),
    };
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #clear(what: string, topics: string[]): RetainedJob {
    const list = topics.map((topic) => this.#store.get(topic)).filter((one) => one !== undefined);
    const trash = this.#bin(what, list, Date.now());
    return this.#work('clear', what, list, (one) => void this.#store.delete(one.topic), trash);
  }

  #bin(what: string, list: RetainedMessageView[], clearedMs: number): number {
    const id = this.#nextId++;
    this.#trashed.set(id, list);
    const bytes = list.reduce((sum, one) => sum + one.bytes, 0);
    this.#trash = [{ id, what, messages: list.length, bytes, clearedMs }, ...this.#trash];
    return id;
  }

  #work(
    kind: RetainedJob['kind'],
    what: string,
    list: RetainedMessageView[],
    each: (one: RetainedMessageView) => void,
    trash: number | null,
  ): RetainedJob {
    const job: RetainedJob = {
      id: this.#nextId++,
      kind,
      what,
      done: 0,
      total: list.length,
      state: 'running',
      error: null,
      trash,
    };
    this.#jobs = [job, ...this.#jobs].slice(0, 10);
    const step = () => {
      const now = this.#jobs.find(({ id }) => id === job.id)!;
      if (now.state !== 'running') return clearInterval(timer);
      for (const one of list.slice(now.done, now.done + PER_STEP)) each(one);
      const done = Math.min(now.total, now.done + PER_STEP);
      this.#update(now, { done, state: done === now.total ? 'done' : 'running' });
    };
    const timer = setInterval(step, STEP_MS);
    this.#timers.add(timer);
    if (list.length <= PER_STEP) step();
    this.#changed();
    return this.#jobs.find(({ id }) => id === job.id)!;
  }

  #update(job: RetainedJob, change: Partial<RetainedJob>): void {
    this.#jobs = this.#jobs.map((one) => (one.id === job.id ? { ...one, ...change } : one));
    this.#changed();
  }

  #changed(): void {
    this.#revision++;
    for (const feed of this.#feeds) feed();
  }

  #status(): RetainedStatus {
    const rows = [...this.#store.values()];
    return {
      messages: rows.length,
      bytes: rows.reduce((sum, one) => sum + one.bytes, 0),
      maxMessages: 100_000,
      maxBytes: 256 * 1024 * 1024,
      revision: this.#revision,
      trash: this.#trash,
      trashBytes: this.#trash.reduce((sum, line) => sum + line.bytes, 0),
      maxTrashBytes: 64 * 1024 * 1024,
      jobs: this.#jobs,
    };
  }
}
