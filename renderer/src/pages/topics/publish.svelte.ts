/** The publish panel: what is written, what is saved at the station, and what was sent from this screen. */
import type { SavedPublish } from '../../../../core/contract/broker.ts';
import { formatBytes, plural } from '../../lib/format.ts';
import { now } from '../../lib/now.svelte.ts';
import { getClient } from '../../lib/station.svelte.ts';
import { problemOf, toasts } from '../../lib/toasts.svelte.ts';
import { printJson, decodeJson } from '../../payload/json.ts';
import { compose, EMPTY_FIELDS, fieldsOf, MAX_SAVED_BYTES, messageOf, savedOf } from './publish-form.ts';
import type { Message } from './publish-form.ts';

export interface Sent {
  id: number;
  atMs: number;
  message: Message;
  /** Subscriptions it went to; null where the station refused it. */
  receivers: number | null;
  problem: string | null;
}

const MOST_SENT = 20;

class Publishing {
  open = $state(false);
  fields = $state(structuredClone(EMPTY_FIELDS));
  /** The saved one that was last put into the fields. */
  from = $state.raw<SavedPublish | null>(null);
  busy = $state(false);
  /** Newest first; forgotten with the page. */
  sent = $state.raw<Sent[]>([]);
  saved = $state.raw<SavedPublish[] | null>(null);
  savedProblem = $state<string | null>(null);
  composed = $derived(compose(this.fields));
  #prefilled = '';
  #nextId = 1;

  /** Takes over the chosen topic where none was written by hand. */
  prefill(topic: string | null): void {
    if (topic === null || (this.fields.topic !== '' && this.fields.topic !== this.#prefilled)) return;
    this.fields.topic = topic;
    this.#prefilled = topic;
  }

  async send(message = this.composed.message): Promise<void> {
    if (message === null || this.busy) return;
    this.busy = true;
    const entry: Sent = { id: this.#nextId++, atMs: now.exactMs(), message, receivers: null, problem: null };
    try {
      entry.receivers = (await getClient().call('broker.publish', message)).receivers;
    } catch (error) {
      entry.problem = problemOf(error);
    } finally {
      this.busy = false;
    }
    this.sent = [entry, ...this.sent].slice(0, MOST_SENT);
  }

  fill(message: Message, from: SavedPublish | null = null): void {
    this.fields = fieldsOf(message);
    this.from = from;
  }

  fillSaved(saved: SavedPublish): void {
    this.fill(messageOf(saved), saved);
  }

  /** Indented, numbers as they were. */
  formatJson(): void {
    const { tree, problem } = decodeJson(this.fields.text);
    if (tree !== null && problem === null) this.fields.text = printJson(tree);
  }

  async list(): Promise<void> {
    try {
      this.saved = (await getClient().call('publishes.list', {})).publishes;
      this.savedProblem = null;
    } catch (error) {
      this.savedProblem = problemOf(error);
    }
  }

  /** Keeps the message under a name. Returns what is wrong, or null. */
  async save(message: Message, name: string, id?: string): Promise<string | null> {
    if (message.payload.byteLength > MAX_SAVED_BYTES) {
      return `The payload has ${formatBytes(message.payload.byteLength)}; at most ${formatBytes(MAX_SAVED_BYTES)} are saved.`;
    }
    try {
      this.from = await getClient().call('publishes.save', savedOf(message, name, id));
      await this.list();
      return null;
    } catch (error) {
      return problemOf(error);
    }
  }

  async remove(saved: SavedPublish): Promise<void> {
    try {
      await getClient().call('publishes.remove', { id: saved.id });
      if (this.from?.id === saved.id) this.from = null;
      await this.list();
      const run = () => void this.save(messageOf(saved), saved.name);
      toasts.show(`“${saved.name}” is no longer saved.`, 'note', { label: 'Undo', run });
    } catch (error) {
      toasts.show(problemOf(error), 'problem');
    }
  }
}

/** What became of a message, one line. */
export function sentText(sent: Sent): string {
  if (sent.problem !== null) return `Not published: ${sent.problem}`;
  if (sent.receivers === 0) return 'Published; nobody is subscribed.';
  return `Went to ${plural(sent.receivers ?? 0, 'subscription')}.`;
}

export const publishing = new Publishing();
