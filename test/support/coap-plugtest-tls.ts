/** Certificates of a plugtest as files, made by OpenSSL's command line: not by the code that is tested. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { backEndOf } from './coap-plugtest-libcoap.ts';
import type { Way } from './coap-plugtest-libcoap.ts';

export interface PlugtestCertificates {
  /** Paths of PEM files. */
  files: { ca: string; serverCert: string; serverKey: string; clientCert: string; clientKey: string };
  /** What is in them. */
  ca: string;
  serverCert: string;
  serverKey: string;
  remove(): void;
}

/** What libcoap's server has to be told for TLS, where clients need no certificate; nothing over UDP and TCP. */
export function serverTlsArgs(way: Way, { files }: PlugtestCertificates): string[] {
  if (backEndOf(way) === 'notls') return [];
  return ['-n', '-c', files.serverCert, '-j', files.serverKey, '-C', files.ca];
}

/** The same for its client. */
export function clientTlsArgs(way: Way, { files }: PlugtestCertificates): string[] {
  if (backEndOf(way) === 'notls') return [];
  return ['-R', files.ca, '-c', files.clientCert, '-j', files.clientKey];
}

export function makePlugtestCertificates(): PlugtestCertificates {
  const folder = mkdtempSync(join(tmpdir(), 'plugtest-tls-'));
  const at = (name: string): string => join(folder, name);
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8', timeout: 30_000 });
    if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl(
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=Plugtest', '-keyout', at('ca.key')],
    ...['-out', at('ca.pem'), '-addext', 'basicConstraints=critical,CA:TRUE'],
    ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  );
  for (const [name, extensions] of [
    ['server', 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n'],
    ['client', 'extendedKeyUsage=clientAuth\n'],
  ] as const) {
    writeFileSync(at(`${name}.ext`), extensions);
    openssl(
      'req',
      ...newKey,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      at(`${name}.key`),
      '-out',
      at(`${name}.csr`),
    );
    openssl(
      ...['x509', '-req', '-in', at(`${name}.csr`), '-CA', at('ca.pem'), '-CAkey', at('ca.key')],
      ...['-CAcreateserial', '-days', '2', '-extfile', at(`${name}.ext`), '-out', at(`${name}.pem`)],
    );
  }
  const files = {
    ca: at('ca.pem'),
    serverCert: at('server.pem'),
    serverKey: at('server.key'),
    clientCert: at('client.pem'),
    clientKey: at('client.key'),
  };
  return {
    files,
    ca: readFileSync(files.ca, 'utf8'),
    serverCert: readFileSync(files.serverCert, 'utf8'),
    serverKey: readFileSync(files.serverKey, 'utf8'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
