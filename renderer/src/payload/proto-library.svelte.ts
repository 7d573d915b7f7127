/**
 * The `.proto` files of this browser and which topics hold which message type. Kept in the browser's own storage, which
 * is small: together at most 1 MiB of text.
 */
import { compileProto, messageNames } from './protobuf-types.ts';
import type { ProtoFile } from './protobuf-types.ts';
import { filterMatches } from './topic-filter.ts';

export interface ProtoUse {
  filter: string;
  message: string;
}

interface Kept {
  files: ProtoFile[];
  uses: ProtoUse[];
}

const KEY = 'fieldstation.proto';
export const MAX_LIBRARY_CHARS = 1024 * 1024;
const MAX_FILES = 50;
const MAX_USES = 200;

class ProtoLibrary {
  files = $state.raw<ProtoFile[]>([]);
  uses = $state.raw<ProtoUse[]>([]);
  types = $derived(compileProto(this.files));
  messages = $derived(messageNames(this.types));

  constructor() {
    const kept = read();
    this.files = kept.files;
    this.uses = kept.uses;
  }

  /** Adds a file, or replaces the one of the same name. Returns what is wrong, or null. */
  put(file: ProtoFile): string | null {
    const { problems } = compileProto([file]);
    const unreadable = problems.find((one) => !one.includes('which no loaded file defines'));
    if (unreadable !== undefined) return unreadable;
    const files = [...this.files.filter((one) => one.name !== file.name), file];
    if (files.length > MAX_FILES) return `At most ${MAX_FILES} files are kept; remove one first.`;
    if (files.reduce((sum, { text }) => sum + text.length, 0) > MAX_LIBRARY_CHARS) {
      return 'The files together are larger than 1 MiB; remove one first.';
    }
    this.files = files;
    return this.#save();
  }

  remove(name: string): void {
    this.files = this.files.filter((one) => one.name !== name);
    this.#save();
  }

  /** Topics of this filter hold this message; the newest that matches counts. Null forgets the filter. */
  use(filter: string, message: string | null): string | null {
    const others = this.uses.filter((one) => one.filter !== filter);
    this.uses = message === null ? others : [{ filter, message }, ...others].slice(0, MAX_USES);
    return this.#save();
  }

  messageOf(topic: string | null): string | null {
    if (topic === null) return null;
    return this.uses.find(({ filter }) => filterMatches(filter, topic))?.message ?? null;
  }

  #save(): string | null {
    try {
      localStorage.setItem(KEY, JSON.stringify({ files: this.files, uses: this.uses } satisfies Kept));
      return null;
    } catch {
      return 'This browser could not keep it; it holds until the page is closed.';
    }
  }
}

function read(): Kept {
  const texts = (one: unknown, ...names: string[]) =>
    typeof one === 'object' &&
    one !== null &&
    names.every((name) => typeof (one as Record<string, unknown>)[name] === 'string');
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Kept>;
    const list = <T>(value: T[] | undefined) => (Array.isArray(value) ? value : []);
    return {
      files: list(kept.files).filter((one) => texts(one, 'name', 'text')),
      uses: list(kept.uses).filter((one) => texts(one, 'filter', 'message')),
    };
  } catch {
    return { files: [], uses: [] };
  }
}

export const protoLibrary = new ProtoLibrary();
