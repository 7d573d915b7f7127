/** Makes keys and certificates: ECDSA P-256 with SHA-256, which every TLS 1.2 client and Electron's BoringSSL speak. */
// The library registers its parts through decorators that need this first.
import 'reflect-metadata';
import { createPrivateKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Extension } from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3_650;
/** Valid from a day ago: a device's clock may be behind ours. */
const BACKDATED_MS = DAY_MS;

// By use and not by name: Node and the browser, whose types the tests load too, name them in different places.
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;
interface KeyPair {
  publicKey: Key;
  privateKey: Key;
}

/** A certificate with its private key (PKCS #8), both PEM. */
export interface MadePair {
  certificate: string;
  key: string;
}

export interface IssueRequest {
  kind: 'server' | 'device';
  commonName: string;
  /** DNS names and IP addresses, checked. */
  hosts: readonly string[];
  days: number;
}

/** An authority that signs itself and may sign servers and devices, but no further authorities (RFC 5280 §4.2.1.9). */
export async function makeAuthority(name: string, nowMs: number): Promise<MadePair> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: newSerial(),
      name: nameOf(name),
      notBefore: new Date(nowMs - BACKDATED_MS),
      notAfter: new Date(nowMs + AUTHORITY_DAYS * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
      ],
    },
    crypto,
  );
  return { certificate: pemOf(certificate), key: await keyPem(keys) };
}

/** A certificate signed by `authority`. It never outlives it. */
export async function issue(authority: MadePair, request: IssueRequest, nowMs: number): Promise<MadePair> {
  const issuer = new X509Certificate(authority.certificate);
  const { signingKey, signingAlgorithm } = await signing(authority.key);
  const keys = await newKeys();
  const usage = request.kind === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([usage]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey, false, crypto),
    await AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, crypto),
  ];
  if (request.hosts.length > 0) {
    const names = request.hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const);
    extensions.push(new SubjectAlternativeNameExtension(names));
  }
  const certificate = await X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      subject: nameOf(request.commonName),
      issuer: issuer.subjectName,
      notBefore: new Date(Math.max(nowMs - BACKDATED_MS, issuer.notBefore.getTime())),
      notAfter: new Date(Math.min(nowMs + request.days * DAY_MS, issuer.notAfter.getTime())),
      signingAlgorithm,
      publicKey: keys.publicKey,
      signingKey,
      extensions,
    },
    crypto,
  );
  return { certificate: pemOf(certificate), key: await keyPem(keys) };
}

/** Curves by OpenSSL's names, as WebCrypto calls them. */
const CURVES: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** Whether certificates can be signed with this key: an imported authority may have another curve, or RSA. */
export function canSign(key: KeyObject): boolean {
  return signatureOf(key) !== undefined;
}

function signatureOf(key: KeyObject): { name: string; namedCurve?: string; hash: string } | undefined {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const namedCurve = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  return namedCurve === undefined ? undefined : { name: 'ECDSA', namedCurve, hash: 'SHA-256' };
}

async function signing(
  pem: string,
): Promise<{ signingKey: Key; signingAlgorithm: { name: string; hash: string } }> {
  const key = createPrivateKey(pem);
  const algorithm = signatureOf(key);
  if (algorithm === undefined) throw new Error('certificates cannot be signed with this kind of key');
  const der = key.export({ type: 'pkcs8', format: 'der' });
  const signingKey = await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
  return { signingKey, signingAlgorithm: algorithm };
}

function newKeys(): Promise<KeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

/** Positive, and with 126 random bits hard to guess (RFC 5280 §4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** As an object and not as text: a name may contain commas, equals signs, and a # in front. */
function nameOf(commonName: string): Name {
  return new Name([{ CN: [{ utf8String: commonName }] }]);
}

function pemOf(certificate: X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}

async function keyPem(keys: KeyPair): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}
