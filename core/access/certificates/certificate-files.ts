import { mkdirSync, chmodSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { CodedError, messageOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { certificateId } from '../../contract/listeners.ts';
import { loadPrivate, readPrivate, repairMode, setAside, writePrivate } from '../private-file.ts';
import { commonNameOf, kindOf, pemOfChain, pemOfKey, readPem } from './pem.ts';
import type { ChainWithKey } from './pem.ts';

const OWNER_ONLY = 0o700;
const INDEX = 'index.json';
const SUFFIX = '.pem';

const entry = v.object({
  id: certificateId,
  name: v.string(),
  kind: v.picklist(['authority', 'server', 'device']),
  origin: v.picklist(['made', 'imported']),
});
const index = v.object({ certificates: v.array(entry) });

/** What a certificate does not say of itself. */
export type IndexEntry = v.InferOutput<typeof entry>;

export interface StoredCertificate extends IndexEntry, ChainWithKey {}

/**
 * The folder with the certificates: one PEM file each, with its chain and behind it its key, so that a renewed pair
 * is replaced in one move; and an index of names. A lost index is made anew from the files.
 */
export class CertificateFiles {
  readonly #folder: string;
  readonly #log: Log;

  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
  }

  /** Everything that can be read. A damaged file is set aside and told. Throws `access.unreadable`. */
  load(): StoredCertificate[] {
    this.#makeFolder();
    const entries = this.#loadIndex();
    const found: StoredCertificate[] = [];
    for (const file of readdirSync(this.#folder).sort()) {
      const id = file.slice(0, -SUFFIX.length);
      if (!file.endsWith(SUFFIX) || !v.is(certificateId, id)) continue;
      const parsed = this.#loadOne(id);
      if (parsed === undefined) continue;
      const leaf = parsed.chain[0]!;
      const known = entries.get(id);
      entries.delete(id);
      const own: IndexEntry = known ?? {
        id,
        name: commonNameOf(leaf).slice(0, 80),
        kind: kindOf(leaf),
        origin: 'imported',
      };
      found.push({ ...own, ...parsed });
    }
    for (const { id, name } of entries.values()) {
      this.#log.warn('a certificate is missing in the folder', { id, name });
    }
    return found;
  }

  save(certificate: StoredCertificate): void {
    const { chain, key } = certificate;
    const text = pemOfChain(chain) + (key === null ? '' : pemOfKey(key));
    writePrivate(this.#path(certificate.id), text, 'the certificate');
  }

  saveIndex(certificates: Iterable<IndexEntry>): void {
    const entries = Array.from(certificates, ({ id, name, kind, origin }) => ({ id, name, kind, origin }));
    const text = `${JSON.stringify({ certificates: entries }, null, 2)}\n`;
    writePrivate(join(this.#folder, INDEX), text, 'the list of certificates');
  }

  remove(id: string): void {
    rmSync(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return join(this.#folder, `${id}${SUFFIX}`);
  }

  #makeFolder(): void {
    try {
      mkdirSync(this.#folder, { mode: OWNER_ONLY, recursive: true });
      chmodSync(this.#folder, OWNER_ONLY);
    } catch (error) {
      throw new CodedError(
        'access.unwritable',
        `The folder of the certificates, ${this.#folder}, cannot be made (${messageOf(error)}). Give the station's user the right to write there.`,
        { cause: error },
      );
    }
  }

  #loadIndex(): Map<string, IndexEntry> {
    const loaded = loadPrivate(join(this.#folder, INDEX), {
      what: 'the names of the certificates',
      consequence: 'they are called what they say themselves',
      log: this.#log,
      parse: (text) => {
        const result = v.safeParse(index, JSON.parse(text));
        return result.success ? result.output.certificates : undefined;
      },
    });
    return new Map((loaded ?? []).map((one) => [one.id, one]));
  }

  #loadOne(id: string): ChainWithKey | undefined {
    const path = this.#path(id);
    try {
      const text = readPrivate(path, 'the certificate');
      if (text === undefined) return undefined;
      const parsed = readPem(text);
      if (parsed.key !== null) repairMode(path, 'the key of a certificate', this.#log);
      return parsed;
    } catch (error) {
      if (error instanceof CodedError && error.code === 'certificates.unreadable') {
        this.#log.error('a certificate is damaged and set aside', { id, aside: setAside(path), error });
      } else this.#log.error('a certificate cannot be read', { id, error });
      return undefined;
    }
  }
}
