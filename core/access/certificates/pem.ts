/** PEM texts as certificates and keys, and what can be said of them. Node's own parser: nothing is made here. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { CodedError, messageOf } from '../../base/errors.ts';

/** Of one file. Real chains have two to four. */
const MAX_CHAIN = 10;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';

export type CertificateKind = 'authority' | 'server' | 'device';

/** A certificate, those that lead up to its authority (each signed by the next), and perhaps its key. */
export interface ChainWithKey {
  chain: X509Certificate[];
  key: KeyObject | null;
}

/** Reads certificates in their order and a key, if there is one. Throws `certificates.unreadable`. */
export function readPem(text: string): ChainWithKey {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const key = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----[^]+?-----END (?:[A-Z0-9]+ )*PRIVATE KEY-----/.exec(
    text,
  );
  if (blocks.length === 0) throw unreadable('there is no certificate in it');
  if (blocks.length > MAX_CHAIN) throw unreadable(`more than ${MAX_CHAIN} certificates in one file`);
  try {
    return {
      chain: blocks.map((block) => new X509Certificate(block)),
      key: key === null ? null : readKey(key[0]),
    };
  } catch (error) {
    if (error instanceof CodedError) throw error;
    throw unreadable(messageOf(error), error);
  }
}

/** Throws `certificates.unreadable`. */
export function readKey(text: string): KeyObject {
  if (/BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw unreadable(
      'the key is locked with a passphrase; take it off first (openssl pkey -in KEY -out NEW_KEY)',
    );
  }
  try {
    return createPrivateKey(text);
  } catch (error) {
    // The parser's message never quotes the key, but it says little to people.
    throw unreadable('the private key cannot be read', error);
  }
}

/** What `core/mqtt` is given and files are written as. */
export function pemOfChain(chain: readonly X509Certificate[]): string {
  return chain.map((certificate) => `${certificate.toString().trim()}\n`).join('');
}

export function pemOfKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/**
 * The chain in its order: first the certificate of `key` (without one, the first that is given), then each one's
 * issuer. Throws `certificates.key_mismatch`, and `certificates.unreadable` when one belongs to no chain.
 */
export function orderChain(
  certificates: readonly X509Certificate[],
  key: KeyObject | null,
): X509Certificate[] {
  const leaf = key === null ? certificates[0]! : certificates.find((one) => one.checkPrivateKey(key));
  if (leaf === undefined) {
    throw new CodedError(
      'certificates.key_mismatch',
      'The key belongs to another certificate. Choose the two files that were made together.',
    );
  }
  const chain = [leaf];
  const rest = certificates.filter((one) => one !== leaf);
  while (rest.length > 0) {
    const last = chain.at(-1)!;
    const next = rest.findIndex((one) => last.checkIssued(one) && last.verify(one.publicKey));
    if (next < 0) {
      const strangers = rest.map((one) => commonNameOf(one)).join(', ');
      throw unreadable(`it contains certificates that did not sign "${commonNameOf(last)}": ${strangers}`);
    }
    chain.push(...rest.splice(next, 1));
  }
  return chain;
}

/** Whether TLS takes the pair: keys that are too short and hashes that are broken are refused there. */
export function checkUsable(certificate: string, key: string): void {
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    throw unreadable(`TLS refuses it (${messageOf(error)})`, error);
  }
}

export function kindOf(certificate: X509Certificate): CertificateKind {
  if (certificate.ca) return 'authority';
  return certificate.keyUsage?.includes(SERVER_AUTH) === true ? 'server' : 'device';
}

/** Names and addresses of the Subject Alternative Name; other kinds of names are left out. */
export function hostsOf(certificate: X509Certificate): string[] {
  const hosts: string[] = [];
  for (const entry of (certificate.subjectAltName ?? '').split(', ')) {
    const match = /^(?:DNS|IP Address):(.+)$/.exec(entry);
    if (match !== null) hosts.push(match[1]!);
  }
  return hosts;
}

/** The common name, or the whole subject where there is none. */
export function commonNameOf(certificate: X509Certificate): string {
  const name: unknown = certificate.toLegacyObject().subject?.CN;
  return typeof name === 'string' ? name : oneLine(certificate.subject);
}

/** Node writes a distinguished name with a line for each part; undefined when it is empty. */
export function oneLine(name: string | undefined): string {
  return (name ?? '').trim().split('\n').join(', ');
}

export function unreadable(why: string, cause?: unknown): CodedError {
  return new CodedError(
    'certificates.unreadable',
    `The certificate cannot be used: ${why}. PEM files begin with -----BEGIN CERTIFICATE-----.`,
    { cause },
  );
}
