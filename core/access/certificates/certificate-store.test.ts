import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CodedError } from '../../base/errors.ts';
import { createLog } from '../../base/log.ts';
import { ManualClock } from '../../base/manual-clock.ts';
import { CertificateStore } from './certificate-store.ts';
import { issue, makeAuthority } from './make.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 2, 1);

let folder: string;
let lines: string[];
let clock: ManualClock;
let store: CertificateStore;
const log = createLog('certificates', (line) => lines.push(line), 'debug');
const open = (): CertificateStore => CertificateStore.open({ folder, clock, log });
const file = (name: string): string => join(folder, 'certificates', name);
const server = {
  kind: 'server',
  name: 'Plant',
  hosts: ['plant.example', '10.0.0.7', '::1'],
  days: 90,
} as const;
const serverInput = { ...server, hosts: [...server.hosts] };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fieldstation-certificates-'));
  lines = [];
  clock = new ManualClock(START_MS);
  store = open();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (error instanceof CodedError) return error.code;
    throw error;
  }
  return 'none';
}

describe('the certificate store', () => {
  it('makes one authority that may sign servers and devices and no further authorities', async () => {
    expect(await codeOf(() => store.issueServer(serverInput))).toBe('certificates.no_authority');
    const made = await store.makeAuthority('Werk Süd, Halle #1');
    expect(made).toMatchObject({
      kind: 'authority',
      origin: 'made',
      hasKey: true,
      name: 'Werk Süd, Halle #1',
    });
    expect(made.validToMs - START_MS).toBe(3_650 * DAY_MS);
    expect(await store.makeAuthority('another')).toEqual(made);
    const certificate = new X509Certificate(store.export(made.id));
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe('CN=Werk Süd\\, Halle #1');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(made.fingerprint).toBe(certificate.fingerprint256);
  });

  it('signs a server for names and addresses, for as long as the authority lives', async () => {
    const authority = await store.makeAuthority('Plant CA');
    const row = await store.issueServer(serverInput);
    expect(row).toMatchObject({
      id: 'plant',
      kind: 'server',
      hasKey: true,
      subject: 'CN=Plant',
      issuer: 'CN=Plant CA',
    });
    expect(row.hosts).toEqual(['plant.example', '10.0.0.7', '0:0:0:0:0:0:0:1']);
    expect(row.validToMs).toBe(START_MS + 90 * DAY_MS);
    expect(row.validFromMs).toBe(START_MS - DAY_MS);
    const certificate = new X509Certificate(store.serverPair('plant')!.certificate);
    const issuer = new X509Certificate(store.export(authority.id));
    expect([certificate.checkIssued(issuer), certificate.verify(issuer.publicKey)]).toEqual([true, true]);
    expect(certificate.checkHost('plant.example')).toBe('plant.example');
    expect(certificate.checkIP('10.0.0.7')).toBe('10.0.0.7');
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    clock.advance(3_640 * DAY_MS);
    const late = await store.issueServer({ ...serverInput, name: 'late' });
    expect(late.validToMs).toBe(authority.validToMs);
  });

  it('gives a device its key once and never keeps it', async () => {
    await store.makeAuthority('Plant CA');
    const issued = await store.issueDevice({ kind: 'device', name: 'pump-1', hosts: [], days: 30 });
    const certificate = new X509Certificate(issued.certificatePem);
    const { createPrivateKey } = await import('node:crypto');
    expect(certificate.checkPrivateKey(createPrivateKey(issued.keyPem))).toBe(true);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.verify(new X509Certificate(issued.authorityPem).publicKey)).toBe(true);
    expect(issued.row).toMatchObject({ kind: 'device', hasKey: false, subject: 'CN=pump-1' });
    const kept = readdirSync(join(folder, 'certificates')).map((name) => readFileSync(file(name), 'utf8'));
    const keyBody = issued.keyPem.split('\n')[1]!;
    expect(kept.some((text) => text.includes(keyBody))).toBe(false);
    expect(lines.join()).not.toContain(keyBody);
  });

  it('gives every certificate its own serial number', async () => {
    await store.makeAuthority('Plant CA');
    const serials = new Set<string>();
    for (let n = 0; n < 5; n++) {
      const { certificatePem } = await store.issueDevice({
        kind: 'device',
        name: 'same',
        hosts: [],
        days: 1,
      });
      serials.add(new X509Certificate(certificatePem).serialNumber);
    }
    expect(serials.size).toBe(5);
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9A-F]{31}$/);
    expect(store.list().map(({ id }) => id)).toContain('same-5');
  });

  it.each(['', 'a b', '10.0.0.300', '-x', 'x-', 'fe80::1%eth0', 'a..b', '*', 'x'.repeat(64), 'http://plant'])(
    'refuses the host "%s"',
    async (host) => {
      await store.makeAuthority('Plant CA');
      const hosts = host === '' ? [] : [host];
      expect(await codeOf(() => store.issueServer({ ...serverInput, hosts }))).toBe('certificates.bad_host');
    },
  );

  it('keeps everything over a restart, for its owner only', async () => {
    await store.makeAuthority('Plant CA');
    await store.issueServer(serverInput);
    await store.issueDevice({ kind: 'device', name: 'pump', hosts: [], days: 30 });
    const before = store.list();
    expect(before.map(({ kind }) => kind)).toEqual(['authority', 'server', 'device']);
    expect(statSync(join(folder, 'certificates')).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(folder, 'certificates'))) {
      expect(statSync(file(name)).mode & 0o777).toBe(0o600);
    }
    const again = open();
    expect(again.list()).toEqual(before);
    expect(again.serverPair('plant')).toEqual(store.serverPair('plant'));
    expect(lines).toEqual([]);
  });

  it('renews a server certificate of the same name under the same id, and says so', async () => {
    await store.makeAuthority('Plant CA');
    const first = await store.issueServer(serverInput);
    const heard: string[] = [];
    store.changed.on((id) => heard.push(id));
    const second = await store.issueServer({ ...serverInput, days: 200 });
    expect(second.id).toBe(first.id);
    expect(second.fingerprint).not.toBe(first.fingerprint);
    expect(heard).toEqual(['plant']);
    expect(store.list().filter(({ kind }) => kind === 'server')).toEqual([second]);
  });

  it('removes what nobody uses', async () => {
    await store.makeAuthority('Plant CA');
    await store.issueServer(serverInput);
    const remove = store.addUsers((id) => (id === 'plant' ? ['mqtts'] : []));
    expect(store.list().map(({ usedBy }) => usedBy)).toEqual([[], ['mqtts']]);
    expect(await codeOf(() => store.remove('plant'))).toBe('certificates.in_use');
    remove();
    store.remove('plant');
    expect(existsSync(file('plant.pem'))).toBe(false);
    expect(await codeOf(() => store.remove('plant'))).toBe('certificates.unknown');
    expect(await codeOf(() => store.export('plant'))).toBe('certificates.unknown');
    expect(open().list()).toHaveLength(1);
  });

  it('never exports a key', async () => {
    await store.makeAuthority('Plant CA');
    await store.issueServer(serverInput);
    for (const { id } of store.list()) expect(store.export(id)).not.toContain('PRIVATE');
  });
});

describe('importing', () => {
  const days = (n: number) =>
    ({ kind: 'server', commonName: 'imported', hosts: ['imported.example'], days: n }) as const;

  it('takes a server with its key and its chain, in whatever order', async () => {
    const root = await makeAuthority('Root', START_MS);
    const leaf = await issue(root, days(30), START_MS);
    const row = store.import({
      name: 'Bought',
      kind: 'server',
      certificate: root.certificate + leaf.certificate,
      key: leaf.key,
    });
    expect(row).toMatchObject({
      id: 'bought',
      origin: 'imported',
      subject: 'CN=imported',
      hosts: ['imported.example'],
    });
    expect(store.export('bought')).toBe(leaf.certificate + root.certificate);
    expect(store.serverPair('bought')?.validToMs).toBe(START_MS + 30 * DAY_MS);
    expect(open().list()).toEqual(store.list());
  });

  it('refuses what does not fit together, has expired, or is no certificate', async () => {
    const root = await makeAuthority('Root', START_MS);
    const other = await makeAuthority('Other', START_MS);
    const leaf = await issue(root, days(30), START_MS);
    const old = await issue(root, days(1), START_MS - 3 * DAY_MS);
    const input = (certificate: string, key?: string) => ({
      name: 'x',
      kind: 'server' as const,
      certificate,
      ...(key && { key }),
    });
    const attempts: [string, () => unknown][] = [
      ['certificates.key_mismatch', () => store.import(input(leaf.certificate, other.key))],
      ['certificates.key_mismatch', () => store.import(input(leaf.certificate))],
      ['certificates.unreadable', () => store.import(input(leaf.certificate + other.certificate, leaf.key))],
      ['certificates.unreadable', () => store.import(input(leaf.certificate.replace('M', '#'), leaf.key))],
      ['certificates.unreadable', () => store.import(input(leaf.certificate, 'rubbish -----BEGIN '))],
      ['certificates.unreadable', () => store.import(input('-----BEGIN nothing'))],
      ['certificates.unreadable', () => store.import(input(root.certificate.repeat(11), root.key))],
      [
        'certificates.unreadable',
        () =>
          store.import(
            input(
              leaf.certificate,
              '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----',
            ),
          ),
      ],
      ['certificates.expired', () => store.import(input(old.certificate, old.key))],
      [
        'certificates.unreadable',
        () => store.import({ name: 'x', kind: 'authority', certificate: leaf.certificate }),
      ],
    ];
    for (const [code, run] of attempts) expect(await codeOf(run)).toBe(code);
    expect(store.list()).toEqual([]);
    expect(readdirSync(join(folder, 'certificates'))).toEqual([]);
  });

  it('trusts an authority without its key, and signs with one that has it', async () => {
    const root = await makeAuthority('Root', START_MS);
    store.import({ name: 'Trusted', kind: 'authority', certificate: root.certificate });
    expect(store.authorities()).toEqual([root.certificate]);
    expect(await codeOf(() => store.issueServer(serverInput))).toBe('certificates.no_authority');
    store.import({ name: 'Able', kind: 'authority', certificate: root.certificate, key: root.key });
    expect((await store.issueServer(serverInput)).issuer).toBe('CN=Root');
  });
});

describe('a damaged folder', () => {
  beforeEach(async () => {
    await store.makeAuthority('Plant CA');
    await store.issueServer({ ...serverInput, name: 'Shown name' });
  });

  it('loses only names with its index', () => {
    writeFileSync(file('index.json'), '{"certificates":[');
    const again = open();
    expect(again.list().map(({ id, name, kind }) => [id, name, kind])).toEqual([
      ['plant-ca', 'Plant CA', 'authority'],
      ['shown-name', 'Shown name', 'server'],
    ]);
    expect(again.serverPair('shown-name')).toEqual(store.serverPair('shown-name'));
    expect(lines.join()).toContain('set aside');
  });

  it('sets one certificate aside and keeps the others', () => {
    writeFileSync(file('shown-name.pem'), 'nothing');
    expect(
      open()
        .list()
        .map(({ id }) => id),
    ).toEqual(['plant-ca']);
    expect(readdirSync(join(folder, 'certificates')).filter((name) => name.includes('damaged'))).toHaveLength(
      1,
    );
    expect(lines.join()).toContain('a certificate is damaged and set aside');
  });

  it('says which certificate is missing, and repairs rights', () => {
    rmSync(file('shown-name.pem'));
    chmodSync(file('plant-ca.pem'), 0o644);
    expect(open().list()).toHaveLength(1);
    expect(lines.join()).toContain('a certificate is missing');
    expect(statSync(file('plant-ca.pem')).mode & 0o777).toBe(0o600);
  });
});
