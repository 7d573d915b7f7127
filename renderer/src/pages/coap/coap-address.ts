/** What a person types into the address bar. */
export type Address =
  | { ok: true; uri: string; authority: string; /** `/` when none was written. */ path: string }
  | { ok: false; problem: string };

const DEFAULT_PORT = 5683;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;

/**
 * Reads `coap://host:port/path`, also without the scheme: `10.0.0.7`, `[fe80::1%eth0]:5683/sensors`. The authority
 * comes out with its port, as the station names servers.
 */
export function readAddress(text: string): Address {
  const trimmed = text.trim();
  if (trimmed === '') return bad('Enter the address of a CoAP server, for example coap://192.168.1.20.');
  const scheme = SCHEME.exec(trimmed)?.[1]?.toLowerCase() ?? 'coap';
  if (scheme === 'coaps') return bad('coaps:// needs DTLS, which this version cannot speak. Use coap://.');
  if (scheme !== 'coap') return bad(`${scheme}:// is not CoAP. An address begins with coap://.`);
  const rest = trimmed.replace(SCHEME, '');
  if (/\s/.test(rest)) return bad('An address has no spaces; write %20 for a space in a path.');
  const [, host = '', tail = ''] = /^(\[[^\]]*\]|[^:/?#]*)(.*)$/.exec(rest) ?? [];
  if (host === '' || host === '[]') return bad('The name or IP address of the server is missing.');
  if (rest.startsWith('[') && !/^\[[0-9a-f:.]+(%[\w.%-]+)?\]$/i.test(host)) {
    return bad(`${host} is not an IPv6 address in brackets.`);
  }
  const [, portText, path = ''] = /^(?::(\d*))?([/?][^#]*)?$/.exec(tail) ?? [undefined, undefined, null];
  if (path === null) return bad(badTail(tail));
  const port = portText === undefined || portText === '' ? DEFAULT_PORT : Number(portText);
  if (port < 1 || port > 65_535) return bad('A port is a number from 1 to 65535.');
  const authority = `coap://${canonicalHost(host)}:${port}`;
  return { ok: true, authority, path: path === '' ? '/' : path, uri: authority + path };
}

/** Lower case, but the interface of a scoped address as it is, after %25 (RFC 6874). */
function canonicalHost(host: string): string {
  const [address = '', scope] = host.split(/%(?:25(?=.))?/);
  return scope === undefined ? host.toLowerCase() : `${address.toLowerCase()}%25${scope}`;
}

function badTail(tail: string): string {
  if (tail.includes('#')) return 'A CoAP address has no part after #.';
  if (/^:[^/]*:/.test(tail)) return 'Write an IPv6 address in brackets: coap://[fe80::1].';
  return 'A port is a number from 1 to 65535.';
}

function bad(problem: string): Address {
  return { ok: false, problem };
}

const MOST_KEPT = 12;

/** The history with `uri` as its newest entry, each once. */
export function withNewest(history: readonly string[], uri: string): string[] {
  return [uri, ...history.filter((other) => other !== uri)].slice(0, MOST_KEPT);
}
