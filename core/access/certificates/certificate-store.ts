import { createPrivateKey } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { join } from 'node:path';
import type * as v from 'valibot';
import type { Clock } from '../../base/clock.ts';
import { CodedError } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import type { Log } from '../../base/log.ts';
import type { CertificateRow, importInput, IssuedDevice, issueInput } from '../../contract/listeners.ts';
import { CertificateFiles } from './certificate-files.ts';
import type { StoredCertificate } from './certificate-files.ts';
import { canSign, issue, makeAuthority } from './make.ts';
import type { MadePair } from './make.ts';
import {
  checkUsable,
  hostsOf,
  oneLine,
  orderChain,
  pemOfChain,
  pemOfKey,
  readKey,
  readPem,
  unreadable,
} from './pem.ts';
import type { CertificateKind } from './pem.ts';
import { shortId } from './short-id.ts';

const FOLDER = 'certificates';
const MAX_CERTIFICATES = 2_000;

type IssueInput = v.InferOutput<typeof issueInput>;
type ImportInput = v.InferOutput<typeof importInput>;

/** What a TLS listener needs of a server certificate, PEM. */
export interface ServerPair {
  certificate: string;
  key: string;
  validToMs: number;
}

export interface CertificateParts {
  /** The station's data folder. */
  folder: string;
  clock: Clock;
  log: Log;
}

type UsedBy = (id: string, kind: CertificateKind) => string[];

/** The station's certificates: its own authority, what that signed, and what was brought here. */
export class CertificateStore {
  /** Emits the id of a certificate that is new, renewed or gone. */
  readonly changed = new Signal<string>();
  readonly #files: CertificateFiles;
  readonly #clock: Clock;
  readonly #certificates = new Map<string, StoredCertificate>();
  readonly #users = new Set<UsedBy>();

  private constructor(files: CertificateFiles, clock: Clock) {
    this.#files = files;
    this.#clock = clock;
    for (const certificate of files.load()) this.#certificates.set(certificate.id, certificate);
  }

  /** Throws `access.unreadable`, `access.unwritable`. */
  static open({ folder, clock, log }: CertificateParts): CertificateStore {
    return new CertificateStore(new CertificateFiles(join(folder, FOLDER), log), clock);
  }

  /** One more who tells which listeners use a certificate. Call what it returns to be asked no more. */
  addUsers(usedBy: UsedBy): () => void {
    this.#users.add(usedBy);
    return () => void this.#users.delete(usedBy);
  }

  #usedBy(id: string, kind: CertificateKind): string[] {
    return [...this.#users].flatMap((usedBy) => usedBy(id, kind));
  }

  /** Authorities first, then servers, then devices, each by name. */
  list(): CertificateRow[] {
    const order = ['authority', 'server', 'device'];
    return Array.from(this.#certificates.values(), (one) => this.#row(one)).sort(
      (a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || a.name.localeCompare(b.name),
    );
  }

  /** Makes the station's own authority, or returns the one that is there. */
  async makeAuthority(name: string): Promise<CertificateRow> {
    const own = this.#authority();
    if (own !== undefined) return this.#row(own);
    return this.#add(
      { name, kind: 'authority', origin: 'made' },
      await makeAuthority(name, this.#clock.now()),
    );
  }

  /**
   * Signs a server certificate. A name that a server certificate has already renews that one: listeners that use
   * it take it up at once. Throws `certificates.no_authority`, `certificates.bad_host`, `certificates.too_many`.
   */
  async issueServer({ name, hosts, days }: IssueInput): Promise<CertificateRow> {
    const checked = hosts.map((host) => checkedHost(host));
    if (checked.length === 0) throw badHost('A server certificate needs at least one name or address.');
    const request = { kind: 'server', commonName: name, hosts: checked, days } as const;
    const pair = await issue(this.#issuer(), request, this.#clock.now());
    return this.#add({ name, kind: 'server', origin: 'made' }, pair);
  }

  /** Signs a device certificate. Its key is in the answer and nowhere else. Throws as `issueServer`. */
  async issueDevice({ name, hosts, days }: IssueInput): Promise<IssuedDevice> {
    const issuer = this.#issuer();
    const request = {
      kind: 'device',
      commonName: name,
      hosts: hosts.map((host) => checkedHost(host)),
      days,
    } as const;
    const pair = await issue(issuer, request, this.#clock.now());
    const row = this.#add(
      { name, kind: 'device', origin: 'made' },
      { certificate: pair.certificate, key: null },
    );
    return { row, certificatePem: pair.certificate, keyPem: pair.key, authorityPem: issuer.certificate };
  }

  /**
   * Takes in a certificate that was made elsewhere: a server's with its key, or an authority's. A server
   * certificate of the same name is renewed. Throws `certificates.unreadable`, `.key_mismatch`, `.expired`,
   * `.too_many`.
   */
  import(input: ImportInput): CertificateRow {
    const read = readPem(input.certificate);
    const key = input.key === undefined ? read.key : readKey(input.key);
    if (input.kind === 'server' && key === null) {
      throw new CodedError(
        'certificates.key_mismatch',
        'A server certificate needs its key: choose both files.',
      );
    }
    const chain = orderChain(read.chain, key);
    if (input.kind === 'authority' && !chain[0]!.ca) {
      throw unreadable('it may not sign others, so it is no authority');
    }
    const expired = chain.find((one) => validToMs(one) < this.#clock.now());
    if (expired !== undefined) {
      throw new CodedError(
        'certificates.expired',
        `The certificate of ${oneLine(expired.subject)} expired on ${new Date(validToMs(expired)).toISOString().slice(0, 10)}. Import its successor.`,
      );
    }
    const pair = { certificate: pemOfChain(chain), key: key === null ? null : pemOfKey(key) };
    if (pair.key !== null) checkUsable(pair.certificate, pair.key);
    return this.#add({ name: input.name, kind: input.kind, origin: 'imported' }, pair);
  }

  /**
   * Of several authorities each may go: clients that it signed are then refused. Throws `certificates.in_use`,
   * `certificates.unknown`.
   */
  remove(id: string): void {
    const { kind, name } = this.#get(id);
    const users = this.#usedBy(id, kind);
    if (users.length > 0 && (kind !== 'authority' || this.#authorityCount() === 1)) {
      throw new CodedError(
        'certificates.in_use',
        `"${name}" is used by ${users.join(', ')}. Give those listeners another certificate first.`,
        { detail: { listeners: users } },
      );
    }
    this.#files.remove(id);
    this.#certificates.delete(id);
    this.#files.saveIndex(this.#certificates.values());
    this.changed.emit(id);
  }

  /** The certificate with its chain, never its key. Throws `certificates.unknown`. */
  export(id: string): string {
    return pemOfChain(this.#get(id).chain);
  }

  /** For a TLS listener; undefined when there is no such server certificate with its key. */
  serverPair(id: string): ServerPair | undefined {
    const found = this.#certificates.get(id);
    if (found?.kind !== 'server' || found.key === null) return undefined;
    return {
      certificate: pemOfChain(found.chain),
      key: pemOfKey(found.key),
      validToMs: Math.min(...found.chain.map((one) => validToMs(one))),
    };
  }

  /** Every authority's certificates, PEM: client certificates that they signed are accepted. */
  authorities(): string[] {
    const found: string[] = [];
    for (const { kind, chain } of this.#certificates.values()) {
      if (kind === 'authority') found.push(...chain.map((one) => one.toString()));
    }
    return found;
  }

  #authorityCount(): number {
    return [...this.#certificates.values()].filter(({ kind }) => kind === 'authority').length;
  }

  #get(id: string): StoredCertificate {
    const found = this.#certificates.get(id);
    if (found !== undefined) return found;
    throw new CodedError('certificates.unknown', `There is no certificate "${id}" any more.`);
  }

  /** The authority that signs: ours, else one that was imported with its key. */
  #authority(): StoredCertificate | undefined {
    const able = [...this.#certificates.values()].filter(
      ({ kind, key, chain }) =>
        kind === 'authority' && key !== null && canSign(key) && validToMs(chain[0]!) > this.#clock.now(),
    );
    return able.find(({ origin }) => origin === 'made') ?? able[0];
  }

  #issuer(): MadePair {
    const authority = this.#authority();
    if (authority?.key == null) {
      throw new CodedError(
        'certificates.no_authority',
        'There is no authority here that could sign. Make one first, or import one with its key.',
      );
    }
    return { certificate: authority.chain[0]!.toString(), key: pemOfKey(authority.key) };
  }

  #add(
    entry: { name: string; kind: CertificateKind; origin: 'made' | 'imported' },
    pair: { certificate: string; key: string | null },
  ): CertificateRow {
    const { chain } = readPem(pair.certificate);
    const key = pair.key === null ? null : createPrivateKey(pair.key);
    const renewed = entry.kind === 'server' ? this.#serverNamed(entry.name) : undefined;
    if (renewed === undefined && this.#certificates.size >= MAX_CERTIFICATES) {
      throw new CodedError(
        'certificates.too_many',
        `There are ${MAX_CERTIFICATES} certificates already. Remove some that have expired.`,
      );
    }
    const certificate = {
      ...entry,
      id: renewed?.id ?? shortId(entry.name, entry.kind, (id) => this.#certificates.has(id)),
      chain,
      key,
    };
    this.#files.save(certificate);
    this.#certificates.set(certificate.id, certificate);
    this.#files.saveIndex(this.#certificates.values());
    this.changed.emit(certificate.id);
    return this.#row(certificate);
  }

  #serverNamed(name: string): StoredCertificate | undefined {
    return [...this.#certificates.values()].find((one) => one.kind === 'server' && one.name === name);
  }

  #row({ id, name, kind, origin, chain, key }: StoredCertificate): CertificateRow {
    const leaf = chain[0]!;
    return {
      id,
      name,
      kind,
      subject: oneLine(leaf.subject),
      issuer: oneLine(leaf.issuer),
      hosts: hostsOf(leaf),
      validFromMs: Date.parse(leaf.validFrom),
      validToMs: validToMs(leaf),
      fingerprint: leaf.fingerprint256,
      origin,
      hasKey: key !== null,
      usedBy: this.#usedBy(id, kind),
    };
  }
}

function validToMs(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

/** A DNS name (also `*.name`) or an address without a zone, lower case. Throws `certificates.bad_host`. */
function checkedHost(text: string): string {
  const host = text.trim().toLowerCase();
  if (isIP(host) !== 0 && !host.includes('%')) return host;
  const name = host.startsWith('*.') ? host.slice(2) : host;
  const labels = name.split('.');
  const good = labels.every((label) => /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/.test(label));
  // What looks like an address and is none: 10.0.0.300.
  if (good && name.length <= 253 && !/^\d+$/.test(labels.at(-1)!)) return host;
  throw badHost(`"${text}" is neither a host name nor an IP address.`);
}

function badHost(message: string): CodedError {
  return new CodedError(
    'certificates.bad_host',
    `${message} Give the names and addresses under which clients reach this station.`,
  );
}
