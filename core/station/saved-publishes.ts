import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { loadPrivate, writePrivate } from '../access/private-file.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { SavedPublish } from '../contract/broker.ts';

const FILE = 'publishes.json';
const MAX_SAVED = 500;
const WHAT = 'the saved publishes';

const properties = v.strictObject({
  payloadFormat: v.optional(v.picklist([0, 1])),
  messageExpirySeconds: v.optional(v.number()),
  contentType: v.optional(v.string()),
  responseTopic: v.optional(v.string()),
  /** Base64 in the file. */
  correlationData: v.optional(v.string()),
  userProperties: v.optional(v.array(v.tuple([v.string(), v.string()]))),
});
const file = v.strictObject({
  publishes: v.array(
    v.strictObject({
      id: v.string(),
      name: v.string(),
      topic: v.string(),
      payload: v.string(),
      qos: v.picklist([0, 1, 2]),
      retain: v.boolean(),
      properties,
    }),
  ),
});
type Stored = v.InferOutput<typeof file>['publishes'][number];

/** Publishes that people keep to send them again. One file in the data folder, written whole with every change. */
export class SavedPublishes {
  readonly #path: string;
  #saved: SavedPublish[];

  constructor(folder: string, log: Log) {
    this.#path = join(folder, FILE);
    const kept = loadPrivate(this.#path, {
      what: WHAT,
      consequence: 'the list starts anew',
      log,
      parse: (text) => v.parse(file, JSON.parse(text)),
    });
    this.#saved = kept?.publishes.map(loaded) ?? [];
  }

  list(): SavedPublish[] {
    return this.#saved;
  }

  /** Without an id it is a new one. @throws CodedError `publishes.unknown`, `publishes.too_many` */
  save(input: Omit<SavedPublish, 'id'> & { id?: string | undefined }): SavedPublish {
    const saved: SavedPublish = { ...input, id: input.id ?? randomUUID() };
    const known = this.#saved.some(({ id }) => id === saved.id);
    if (input.id !== undefined && !known) throw unknown();
    if (!known && this.#saved.length >= MAX_SAVED) {
      throw new CodedError(
        'publishes.too_many',
        `${MAX_SAVED} publishes are saved already. Remove one first.`,
      );
    }
    this.#keep(
      known ? this.#saved.map((one) => (one.id === saved.id ? saved : one)) : [...this.#saved, saved],
    );
    return saved;
  }

  /** @throws CodedError `publishes.unknown` */
  remove(id: string): void {
    if (!this.#saved.some((one) => one.id === id)) throw unknown();
    this.#keep(this.#saved.filter((one) => one.id !== id));
  }

  #keep(saved: SavedPublish[]): void {
    writePrivate(this.#path, `${JSON.stringify({ publishes: saved.map(stored) }, null, 2)}\n`, WHAT);
    this.#saved = saved;
  }
}

function unknown(): CodedError {
  return new CodedError('publishes.unknown', 'This saved publish is gone: somebody removed it.');
}

function stored({ properties: { correlationData, ...rest }, ...publish }: SavedPublish): Stored {
  const base64 =
    correlationData === undefined ? {} : { correlationData: Buffer.from(correlationData).toString('base64') };
  return { ...publish, properties: { ...rest, ...base64 } };
}

function loaded({ properties: { correlationData, ...rest }, ...publish }: Stored): SavedPublish {
  const bytes =
    correlationData === undefined
      ? {}
      : { correlationData: new Uint8Array(Buffer.from(correlationData, 'base64')) };
  return { ...publish, properties: { ...rest, ...bytes } };
}
