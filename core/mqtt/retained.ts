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

export interface RetainedLimits {
  maxMessages: number;
  maxBytes: number;
  /** Levels of all topics together: what a short topic of 200 levels really costs. */
  maxLevels: number;
}

/** The last retained message of every topic, as a tree: a filter visits only the branches that it names. */
export class RetainedStore {
  readonly #root = createLevel(null, '');
  readonly #limits: RetainedLimits;
  #count = 0;
  #bytes = 0;
  #levels = 0;

  constructor(limits: RetainedLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps `frame` (which owns its bytes) for `topic`; false when a limit is in the way, and then nothing changes. */
  set(topic: string, frame: PublishFrame): boolean {
    const known = this.#find(topic)?.message ?? null;
    const bytes = this.#bytes + frame.size - (known?.frame?.size ?? 0);
    if (bytes > this.#limits.maxBytes || (known === null && this.#count >= this.#limits.maxMessages))
      return false;
    if (known !== null) known.frame = frame;
    else if (!this.#add(topic, frame)) return false;
    this.#bytes = bytes;
    return true;
  }

  /** Forgets the message of `topic` (MQTT-3.3.1-10). False when there was none. */
  delete(topic: string): boolean {
    let level = this.#find(topic);
    if (level === null || level.message === null) return false;
    this.#bytes -= level.message.frame!.size;
    this.#count--;
    level.message.frame = null;
    level.message = null;
    while (level.parent !== null && level.message === null && level.children === null) {
      const { parent, text }: Level = level;
      parent.children!.delete(text);
      this.#levels--;
      if (parent.children!.size === 0) parent.children = null;
      level = parent;
    }
    return true;
  }

  get(topic: string): PublishFrame | null {
    return this.#find(topic)?.message?.frame ?? null;
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

  #add(topic: string, frame: PublishFrame): boolean {
    const texts = topic.split('/');
    let level = this.#root;
    let depth = 0;
    for (let child; depth < texts.length; depth++, level = child) {
      child = level.children?.get(texts[depth]!);
      if (child === undefined) break;
    }
    const missing = texts.length - depth;
    if (this.#levels + missing > this.#limits.maxLevels) return false;
    for (; depth < texts.length; depth++) {
      const child = createLevel(level, texts[depth]!);
      (level.children ??= new Map()).set(child.text, child);
      level = child;
    }
    level.message = { topic, frame };
    this.#levels += missing;
    this.#count++;
    return true;
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

function collectBelow(top: Level, isRoot: boolean, found: RetainedMessage[]): void {
  const waiting = [top];
  for (let level = waiting.pop(); level !== undefined; level = waiting.pop()) {
    if (level.message !== null) found.push(level.message);
    if (level.children === null) continue;
    for (const child of level.children.values()) {
      if (!(isRoot && level === top && isReserved(child.text))) waiting.push(child);
    }
  }
}
