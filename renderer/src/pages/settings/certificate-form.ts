/** Forms around certificates. Pure. */
import type { CertificateRow } from '../../../../core/contract/listeners.ts';

export const KIND_NAMES: Record<CertificateRow['kind'], string> = {
  authority: 'Authority',
  server: 'Server',
  device: 'Device',
};

/** Names and addresses as people write them: one a line, or apart by commas and spaces. */
export function readHosts(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((one) => one !== ''))];
}

/** Days as typed, or null when they are not from 1 to 3,650. */
export function readDays(text: string): number | null {
  const days = Number(text);
  return /^\d+$/.test(text.trim()) && days >= 1 && days <= 3_650 ? days : null;
}

export type ImportField = 'name' | 'certificate' | 'key';

/** The field that an error of the import belongs to; null for none. */
export function importFieldOf(code: string): ImportField | null {
  switch (code) {
    case 'certificates.unreadable':
    case 'certificates.expired':
      return 'certificate';
    case 'certificates.key_mismatch':
      return 'key';
    default:
      return null;
  }
}

/** Text that can be PEM at all; the station reads it in earnest. */
export function looksLikePem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

const KIND_ORDER: CertificateRow['kind'][] = ['authority', 'server', 'device'];

/** Authorities first, then what listeners use, then devices; within each what ends first comes first. */
export function orderCertificates(rows: readonly CertificateRow[]): CertificateRow[] {
  return [...rows].sort(
    (a, b) => KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) || a.validToMs - b.validToMs,
  );
}

/** The authority that can sign, which this station made. */
export function ownAuthority(rows: readonly CertificateRow[]): CertificateRow | null {
  return rows.find(({ kind, origin, hasKey }) => kind === 'authority' && origin === 'made' && hasKey) ?? null;
}

/** The common name where the whole subject is one; else the subject as it stands. */
export function shortSubject(subject: string): string {
  const match = /^CN=([^,=+]+)$/.exec(subject);
  return match === null ? subject : match[1]!;
}
