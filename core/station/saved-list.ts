import { randomUUID } from 'node:crypto';
import { loadPrivate, writePrivate } from '../access/private-file.ts';
import type { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export const MAX_SAVED = 500;

/** A list that people keep, each one with an id and a name: a private file, written whole with every change. */
export class SavedList<T extends { id: string }> {
  readonly #parts: {
    path: string;
    what: string;
    write: (saved: T[]) => unknown;
    unknown: () => CodedError;
    tooMany: () => CodedError;
  };
  #saved: T[];

  /** `read` throws for a file that is not such a list; it is then set aside. `what`: for people, in the plural. */
  constructor(parts: {
    path: string;
    what: string;
    log: Log;
    read: (json: unknown) => T[];
    write: (saved: T[]) => unknown;
    unknown: () => CodedError;
    tooMany: () => CodedError;
  }) {
    this.#parts = parts;
    const { path, what, log, read } = parts;
    this.#saved =
      loadPrivate(path, {
        ...{ what, log, consequence: 'the list starts anew' },
        parse: (text) => read(JSON.parse(text)),
      }) ?? [];
  }

  list(): T[] {
    return this.#saved;
  }

  /** Without an id it is a new one. Fails with `unknown()` or `tooMany()`. */
  save(input: Omit<T, 'id'> & { id?: string | undefined }): T {
    const saved = { ...input, id: input.id ?? randomUUID() } as T;
    const known = this.#saved.some(({ id }) => id === saved.id);
    if (input.id !== undefined && !known) throw this.#parts.unknown();
    if (!known && this.#saved.length >= MAX_SAVED) throw this.#parts.tooMany();
    this.#keep(
      known ? this.#saved.map((one) => (one.id === saved.id ? saved : one)) : [...this.#saved, saved],
    );
    return saved;
  }

  /** Fails with `unknown()`. */
  remove(id: string): void {
    if (!this.#saved.some((one) => one.id === id)) throw this.#parts.unknown();
    this.#keep(this.#saved.filter((one) => one.id !== id));
  }

  #keep(saved: T[]): void {
    const { path, what, write } = this.#parts;
    writePrivate(path, `${JSON.stringify(write(saved), null, 2)}\n`, what);
    this.#saved = saved;
  }
}
