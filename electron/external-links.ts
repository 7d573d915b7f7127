import type { ElectronApi } from './electron-api.ts';

/** Where a link of the console may lead outside: the standards that the inspector names. Origin, then path. */
const ALLOWED: readonly { origin: string; path: string }[] = [
  { origin: 'https://www.rfc-editor.org', path: '/rfc/' },
  { origin: 'https://docs.oasis-open.org', path: '/mqtt/' },
];

export function isAllowedLink(url: string): boolean {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username !== '' || parsed.password !== '') return false;
  return ALLOWED.some(({ origin, path }) => parsed.origin === origin && parsed.pathname.startsWith(path));
}

/**
 * The address of a running station as the operator's browser may open it, or null. It comes from the host, which
 * read it from the lock file of a data folder, so it is checked as a stranger's: plain http(s), no credentials.
 */
export function stationUrl(url: unknown): string | null {
  if (typeof url !== 'string') return null;
  const parsed = URL.parse(url);
  if (parsed === null || parsed.username !== '' || parsed.password !== '') return null;
  return parsed.protocol === 'http:' || parsed.protocol === 'https:' ? parsed.href : null;
}

/** Hands an allowed link to the system's browser, after the call that asked for it has returned. */
export function openAllowedLink(
  shell: ElectronApi['shell'],
  url: string,
  onError: (error: unknown) => void,
): void {
  if (!isAllowedLink(url)) return;
  setImmediate(() => shell.openExternal(url).catch(onError));
}
