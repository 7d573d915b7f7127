import type { TopicsDelta, TopicsSnapshot } from '../contract/topics.ts';
import type { DeviceFeed } from './feed.ts';
import { snapshotOf, viewsOf, wantedBy } from './topic-view.ts';
import type { VisibleTopics } from './topic-view.ts';

/**
 * One subscriber's look at the tree. Messages cost it nothing but a flag: what changed is found when it drains, by
 * comparing the epoch of each visible node with that of the last look.
 */
export class TopicsFeed implements DeviceFeed<TopicsSnapshot, TopicsDelta> {
  readonly #search: RegExp | null;
  readonly #look: () => VisibleTopics;
  readonly #nextEpoch: () => number;
  readonly #totalTopics: () => number;
  readonly #dirty: () => void;
  readonly #onClose: () => void;
  #visible: VisibleTopics = { nodes: [], open: [], leftOut: {} };
  /** Epoch of the last look; 0 before the first, so that everything is new. */
  #lookedIn = 0;
  #marked = false;
  #foundMore = true;
  #closed = false;

  constructor(parts: {
    search: string;
    look: () => VisibleTopics;
    nextEpoch: () => number;
    totalTopics: () => number;
    dirty: () => void;
    onClose: () => void;
  }) {
    this.#search = parts.search === '' ? null : wantedBy(parts.search);
    this.#look = parts.look;
    this.#nextEpoch = parts.nextEpoch;
    this.#totalTopics = parts.totalTopics;
    this.#dirty = parts.dirty;
    this.#onClose = parts.onClose;
  }

  /** Some topic had a message. */
  mark(): void {
    if (this.#marked || this.#closed) return;
    this.#marked = true;
    this.#dirty();
  }

  topicAdded(topic: string): void {
    if (this.#search?.test(topic) === true) this.#foundMore = true;
  }

  snapshot(): TopicsSnapshot {
    this.#marked = false;
    this.#foundMore = false;
    this.#lookedIn = this.#nextEpoch();
    this.#visible = this.#look();
    return snapshotOf(this.#visible, this.#totalTopics());
  }

  drain(): TopicsDelta | null {
    if (!this.#marked || this.#closed) return null;
    this.#marked = false;
    if (this.#structureChanged()) {
      const replace = this.snapshot();
      return { changed: [], replace, totalTopics: replace.totalTopics };
    }
    const since = this.#lookedIn;
    this.#lookedIn = this.#nextEpoch();
    const changed = this.#visible.nodes.filter((node) => node.changedIn > since);
    if (changed.length === 0) return null;
    return { changed: viewsOf(changed), replace: null, totalTopics: this.#totalTopics() };
  }

  close(): void {
    this.#closed = true;
    this.#visible = { nodes: [], open: [], leftOut: {} };
    this.#onClose();
  }

  /** With a search, only a topic that matches changes what is seen. */
  #structureChanged(): boolean {
    if (this.#lookedIn === 0) return true;
    if (this.#search !== null) return this.#foundMore;
    return this.#visible.open.some((node) => node.childrenChangedIn > this.#lookedIn);
  }
}
