/** What a scan is to do, as it is chosen; kept on this machine. Pure but for the keeping. */

export interface ScanForm {
  /** Names of interfaces; null for all but loopback. */
  interfaces: string[] | null;
  multicast: boolean;
  mdns: boolean;
  useRange: boolean;
  range: string;
  useDirectory: boolean;
  directory: string;
  port: string;
}

export interface ScanParams {
  interfaces?: string[];
  multicast: boolean;
  mdns: boolean;
  directory?: string;
  range?: string;
  port: number;
}

export type ScanProblems = Partial<Record<'range' | 'directory' | 'port' | 'form', string>>;

export const FIRST_FORM: ScanForm = {
  interfaces: null,
  multicast: true,
  mdns: true,
  useRange: false,
  range: '',
  useDirectory: false,
  directory: '',
  port: '5683',
};

const MOST_ADDRESSES = 1_024;

/** The host's own bounds, told before it has to (core/contract/methods-coap.ts). */
export function readScanForm(
  form: ScanForm,
): { ok: true; params: ScanParams } | { ok: false; problems: ScanProblems } {
  const problems: ScanProblems = {};
  const port = Number(form.port.trim());
  if (!/^\d+$/.test(form.port.trim()) || port < 1 || port > 65_535) {
    problems.port = 'A whole number from 1 to 65535.';
  }
  const range = form.range.trim();
  if (form.useRange) {
    const wrong = rangeProblem(range);
    if (wrong !== null) problems.range = wrong;
  }
  const directory = withScheme(form.directory.trim());
  if (form.useDirectory && !/^coaps?(\+(tcp|ws))?:\/\/[^/\s]+/.test(directory)) {
    problems.directory = 'An address such as coap://10.0.0.1.';
  }
  if (!form.multicast && !form.mdns && !form.useRange && !form.useDirectory) {
    problems.form = 'Choose at least one way to look.';
  } else if (form.interfaces?.length === 0 && (form.multicast || form.mdns)) {
    problems.form = 'Choose at least one interface to ask on.';
  }
  if (Object.keys(problems).length > 0) return { ok: false, problems };
  return {
    ok: true,
    params: {
      ...(form.interfaces === null ? {} : { interfaces: form.interfaces }),
      multicast: form.multicast,
      mdns: form.mdns,
      ...(form.useDirectory ? { directory } : {}),
      ...(form.useRange ? { range } : {}),
      port,
    },
  };
}

/** What is wrong with a range of addresses; null when nothing is. IPv6 is left to the station. */
export function rangeProblem(range: string): string | null {
  const wrong = 'A network such as 10.0.0.0/24, or 10.0.0.10-10.0.0.40.';
  if (range === '') return wrong;
  const network = /^(.+)\/(\d{1,3})$/.exec(range);
  if (network !== null) {
    const [, address = '', bits = ''] = network;
    if (address.includes(':')) return Number(bits) > 128 ? wrong : null;
    if (ipv4(address) === null || Number(bits) > 32) return wrong;
    return 2 ** (32 - Number(bits)) > MOST_ADDRESSES ? tooMany() : null;
  }
  if (range.includes(':')) return null;
  const [first = '', last = '', more] = range.split('-').map((part) => part.trim());
  const from = ipv4(first);
  // `10.0.0.10-40`: within the last part.
  const to = ipv4(/^\d{1,3}$/.test(last) ? first.replace(/\d+$/, last) : last);
  if (more !== undefined || from === null || to === null) return wrong;
  if (to < from) return 'The last address lies before the first.';
  return to - from + 1 > MOST_ADDRESSES ? tooMany() : null;
}

function tooMany(): string {
  return `At most ${MOST_ADDRESSES} addresses at once: a /22, or less.`;
}

function ipv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255))
    return null;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

function withScheme(text: string): string {
  return text === '' || text.includes('://') ? text : `coap://${text}`;
}

const KEY = 'fieldstation.coap.scan';

export function rememberedForm(): ScanForm {
  try {
    return formFrom(JSON.parse(localStorage.getItem(KEY) ?? '{}'));
  } catch {
    return FIRST_FORM;
  }
}

/** What was kept, as far as it fits. */
export function formFrom(kept: unknown): ScanForm {
  if (typeof kept !== 'object' || kept === null) return FIRST_FORM;
  const form: Record<string, unknown> = { ...FIRST_FORM };
  for (const [name, value] of Object.entries(kept)) {
    if (name === 'interfaces') {
      if (Array.isArray(value) && value.every((one) => typeof one === 'string')) form[name] = value;
    } else if (name in form && typeof value === typeof form[name]) form[name] = value;
  }
  return form as unknown as ScanForm;
}

export function rememberForm(form: ScanForm): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(form));
  } catch {
    // Not remembered then; the form still holds while the page is open.
  }
}
