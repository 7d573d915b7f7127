/**
 * The retained store as a whole: how full it is, its trash, and the long jobs. One subscription while the Topics page is
 * open; a job that this screen began ends with a message that can undo it.
 */
import type { RetainedJob, RetainedStatus } from '../../../../core/contract/retained.ts';
import { plural } from '../../lib/format.ts';
import { getClient } from '../../lib/station.svelte.ts';
import { problemOf, toasts } from '../../lib/toasts.svelte.ts';

class RetainedStore {
  status = $state.raw<RetainedStatus | null>(null);
  problem = $state<string | null>(null);
  running = $derived(this.status?.jobs.filter((job) => job.state === 'running') ?? []);
  /** Steps when a job that was begun here has ended. */
  ended = $state(0);
  /** Jobs that were begun here and have not been told of yet. */
  readonly #mine = new Set<number>();
  #stop: (() => void) | undefined;

  start(): void {
    const take = (status: RetainedStatus) => {
      this.status = status;
      this.problem = null;
      for (const job of status.jobs) if (this.#mine.has(job.id)) this.#tellWhenEnded(job);
    };
    this.#stop ??= getClient().subscribe(
      'retained',
      {},
      { snapshot: take, delta: take, error: ({ message }) => (this.problem = message) },
      { maxHz: 4 },
    );
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  clear(topics: string[]): Promise<boolean> {
    return this.#begin(() => getClient().call('retained.clear', { topics }));
  }

  clearBelow(topic: string): Promise<boolean> {
    return this.#begin(() => getClient().call('retained.clearBelow', { topic }));
  }

  restore(trash: number): Promise<boolean> {
    return this.#begin(() => getClient().call('retained.restore', { trash }));
  }

  cancel(job: number): Promise<boolean> {
    return this.#begin(() => getClient().call('retained.cancel', { job }));
  }

  async emptyTrash(): Promise<void> {
    try {
      const { messages } = await getClient().call('retained.emptyTrash', {});
      toasts.show(`The trash is empty: ${plural(messages, 'message')} gone for good.`);
    } catch (error) {
      toasts.show(problemOf(error), 'problem');
    }
  }

  /** False when it was refused; the reason is then told. */
  async #begin(ask: () => Promise<RetainedJob>): Promise<boolean> {
    try {
      const job = await ask();
      this.#mine.add(job.id);
      // A small one may have ended before its answer came, and before the subscription told of it.
      this.#tellWhenEnded(this.status?.jobs.find(({ id }) => id === job.id) ?? job);
      return true;
    } catch (error) {
      toasts.show(problemOf(error), 'problem');
      return false;
    }
  }

  #tellWhenEnded(job: RetainedJob): void {
    if (job.state === 'running' || !this.#mine.delete(job.id)) return;
    this.ended++;
    const { trash } = job;
    const undo =
      job.kind === 'clear' && trash !== null && job.done > 0
        ? { label: 'Undo', run: () => void this.restore(trash) }
        : undefined;
    toasts.show(endText(job), job.state === 'failed' ? 'problem' : 'note', undo);
  }
}

/** What a job that ended has done. */
export function endText(job: RetainedJob): string {
  const what = `${plural(job.done, 'retained message')}`;
  const did = job.kind === 'clear' ? 'cleared' : 'restored';
  if (job.state === 'failed') return `${what} ${did}, then it failed: ${job.error ?? 'no reason was given'}`;
  if (job.state === 'cancelled') return `Stopped: ${what} of ${job.total} ${did}.`;
  if (job.kind === 'restore' && job.done < job.total) {
    return `${what} restored; ${job.total - job.done} had a newer message and were left alone.`;
  }
  return `${what} ${did}.`;
}

export const retained = new RetainedStore();
