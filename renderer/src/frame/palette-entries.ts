/** What the palette can find. */
import type { Device } from '../lib/devices.svelte.ts';
import { href } from '../lib/place.ts';
import { THEME_NAMES, THEMES } from '../lib/theme.svelte.ts';
import type { Theme } from '../lib/theme.svelte.ts';

export interface Entry {
  id: string;
  kind: 'page' | 'device' | 'topic' | 'theme';
  label: string;
  note: string;
  href?: string;
  theme?: Theme;
}

export interface EntryGroup {
  kind: Entry['kind'];
  entries: Entry[];
}

const PAGES: Entry[] = [
  {
    id: 'page.overview',
    kind: 'page',
    label: 'Overview',
    note: 'What needs attention',
    href: href('overview'),
  },
  {
    id: 'page.devices',
    kind: 'page',
    label: 'Devices',
    note: 'Every device and its last values',
    href: href('devices'),
  },
  { id: 'page.topics', kind: 'page', label: 'Topics', note: 'What is published', href: href('topics') },
  {
    id: 'page.broker',
    kind: 'page',
    label: 'Broker',
    note: 'MQTT clients, sessions, disconnect',
    href: href('broker'),
  },
  {
    id: 'page.broker.listeners',
    kind: 'page',
    label: 'Broker: listeners',
    note: 'Start and stop, connections, certificates',
    href: href('broker', 'listeners'),
  },
  {
    id: 'page.broker.sys',
    kind: 'page',
    label: 'Broker: $SYS',
    note: 'Its own figures',
    href: href('broker', 'sys'),
  },
  { id: 'page.coap', kind: 'page', label: 'CoAP', note: 'Discover, read and observe', href: href('coap') },
  {
    id: 'page.first-run',
    kind: 'page',
    label: 'Connect a device',
    note: 'Lines to copy',
    href: href('first-run'),
  },
  {
    id: 'page.settings',
    kind: 'page',
    label: 'Settings',
    note: 'Appearance, station, limits',
    href: href('settings'),
  },
  {
    id: 'page.settings.listeners',
    kind: 'page',
    label: 'Settings: MQTT listeners',
    note: 'Addresses, TLS, WebSocket',
    href: href('settings', 'listeners'),
  },
  {
    id: 'page.settings.certificates',
    kind: 'page',
    label: 'Settings: certificates',
    note: 'Own authority, servers, devices, expiry',
    href: href('settings', 'certificates'),
  },
  {
    id: 'page.settings.users',
    kind: 'page',
    label: 'Settings: users & roles',
    note: 'Passwords, rules, who may do what',
    href: href('settings', 'users'),
  },
];

const THEME_ENTRIES: Entry[] = THEMES.map((name) => ({
  id: `theme.${name}`,
  kind: 'theme',
  label: `Theme: ${THEME_NAMES[name].toLowerCase()}`,
  note: '',
  theme: name,
}));

const MOST_DEVICES = 20;

/** `leftOut` counts the devices that match and are not among the entries. */
export function findEntries(
  text: string,
  devices: readonly Device[],
): { groups: EntryGroup[]; leftOut: number } {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (haystack: string) => words.every((word) => haystack.includes(word));
  const matching = words.length === 0 ? [] : devices.filter((device) => fits(device.searchText));
  const groups: EntryGroup[] = [
    { kind: 'page', entries: PAGES.filter((entry) => fits(`${entry.label} ${entry.note}`.toLowerCase())) },
    { kind: 'device', entries: matching.slice(0, MOST_DEVICES).map(deviceEntry) },
    { kind: 'theme', entries: THEME_ENTRIES.filter((entry) => fits(entry.label.toLowerCase())) },
  ];
  const exact = text.trim();
  // A topic is a path: what looks like one can be opened without the tree.
  if (exact.includes('/') && !exact.includes('://')) {
    const entry: Entry = {
      id: 'topic',
      kind: 'topic',
      label: exact,
      note: 'Open this topic',
      href: href('topics', exact),
    };
    groups.splice(2, 0, { kind: 'topic', entries: [entry] });
  }
  return {
    groups: groups.filter((group) => group.entries.length > 0),
    leftOut: Math.max(0, matching.length - MOST_DEVICES),
  };
}

function deviceEntry(device: Device): Entry {
  const row = device.peek();
  const note = row.name === row.key ? '' : row.key;
  return { id: `device.${row.id}`, kind: 'device', label: row.name, note, href: href('devices', row.id) };
}
