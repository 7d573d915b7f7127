/**
 * Where the screen is, in the part of the address after `#`: `#/devices`, `#/devices/12`,
 * `#/topics/plant%2Froom1`, `#/broker?client=ID`, `#/settings/users`, `#/coap?uri=coap%3A%2F%2F10.0.0.7`. Back, forward and bookmarks work.
 */
export const PAGES = ['overview', 'devices', 'topics', 'broker', 'coap', 'settings', 'first-run'] as const;
export type Page = (typeof PAGES)[number];

export interface Place {
  page: Page;
  /**
   * The rest of the path, decoded: a device's number, a topic. Null when the path ends at the page; empty for the
   * first level of `/a`.
   */
  item: string | null;
  query: Record<string, string>;
}

export function parsePlace(hash: string): Place {
  const [path = '', search = ''] = splitOnce(hash.replace(/^#\/?/, ''), '?');
  const [first = '', rest] = splitOnce(path, '/');
  const page = PAGES.find((name) => name === first) ?? 'overview';
  const item = rest === undefined ? null : decode(rest);
  return { page, item, query: Object.fromEntries(new URLSearchParams(search)) };
}

/** `href('topics', 'plant/room1')` is `#/topics/plant%2Froom1`. */
export function href(page: Page, item?: string | number | null, query?: Record<string, string>): string {
  let hash = `#/${page}`;
  if (item !== undefined && item !== null) hash += `/${encodeURIComponent(String(item))}`;
  if (query !== undefined && Object.keys(query).length > 0) hash += `?${new URLSearchParams(query)}`;
  return hash;
}

function splitOnce(text: string, mark: string): [string, string | undefined] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A hand-written address with a lone % is taken as it stands.
  }
}
