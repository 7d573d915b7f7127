import type { PublishFrame } from './publish-frame.ts';
import { isReserved } from './topic.ts';

/** The retained message of one topic. Cleared or replaced in place: whoever waits to send it sends the newest. */
export interface RetainedMessage {
  readonly topic: string;
  frame: PublishFrame | null;
}

interface Level {
  readonly parent: Level | null;
  readonly text: string;
  children: Map<string, Level> | null;
  message: RetainedMessage | null;
}

/** Retained messages by the levels of their topics: a filter visits only the branches that it names. */
export class RetainedTree {
  readonly #root = createLevel(null, '');
  #size = 0;
  #levels = 0;

  get size(): number {
    return this.#size;
  }

  get(topic: string): RetainedMessage | null {
    return this.#find(topic)?.message ?? null;
  }

  /** A place for a topic that has none; null when the tree would have more than `maxLevels` levels. */
  add(topic: string, maxLevels: number): RetainedMessage | null {
    const texts = topic.split('/');
    let level = this.#root;
    let depth = 0;
    for (let child; depth < texts.length; depth++, level = child) {
      child = level.children?.get(texts[depth]!);
      if (child === undefined) break;
    }
    const missing = texts.length - depth;
    if (this.#levels + missing > maxLevels) return null;
    for (; depth < texts.length; depth++) {
      const child = createLevel(level, texts[depth]!);
      (level.children ??= new Map()).set(child.text, child);
      level = child;
    }
    this.#levels += missing;
    this.#size++;
    return (level.message = { topic, frame: null });
  }

  /** Removes the place of a topic and every level that only it needed; null when there was none. */
  remove(topic: string): RetainedMessage | null {
    let level = this.#find(topic);
    const message = level?.message ?? null;
    if (level === null || message === null) return null;
    level.message = null;
    this.#size--;
    while (level.parent !== null && level.message === null && level.children === null) {
      const { parent, text }: Level = level;
      parent.children!.delete(text);
      this.#levels--;
      if (parent.children!.size === 0) parent.children = null;
      level = parent;
    }
    return message;
  }

  /** The messages that a valid `filter` matches. Wildcards on the first level leave `$` topics out. */
  match(filter: string): RetainedMessage[] {
    const found: RetainedMessage[] = [];
    const wanted = filter.split('/');
    let reached = [this.#root];
    for (let depth = 0; depth < wanted.length; depth++) {
      const text = wanted[depth]!;
      if (text === '#') {
        for (const level of reached) collectBelow(level, depth === 0, found);
        return found;
      }
      const next: Level[] = [];
      for (const level of reached) {
        if (level.children === null) continue;
        if (text === '+') {
          for (const child of level.children.values()) {
            if (depth > 0 || !isReserved(child.text)) next.push(child);
          }
        } else {
          const child = level.children.get(text);
          if (child !== undefined) next.push(child);
        }
      }
      reached = next;
    }
    for (const level of reached) if (level.message !== null) found.push(level.message);
    return found;
  }

  /** The message of `topic` and all below it; the empty text means all there are. */
  below(topic: string): RetainedMessage[] {
    const found: RetainedMessage[] = [];
    const level = topic === '' ? this.#root : this.#find(topic);
    if (level !== null) collectBelow(level, false, found);
    return found;
  }

  #find(topic: string): Level | null {
    let level = this.#root;
    for (const text of topic.split('/')) {
      const child = level.children?.get(text);
      if (child === undefined) return null;
      level = child;
    }
    return level;
  }
}

function createLevel(parent: Level | null, text: string): Level {
  return { parent, text, children: null, message: null };
}

/** `leavesReserved`: `top` is the root, and `$` topics are not meant. */
function collectBelow(top: Level, leavesReserved: boolean, found: RetainedMessage[]): void {
  const waiting = [top];
  for (let level = waiting.pop(); level !== undefined; level = waiting.pop()) {
    if (level.message !== null) found.push(level.message);
    if (level.children === null) continue;
    for (const child of level.children.values()) {
      if (!(leavesReserved && level === top && isReserved(child.text))) waiting.push(child);
    }
  }
}
