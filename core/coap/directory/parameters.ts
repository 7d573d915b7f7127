/** The query of a registration or its update (RFC 9176 §5, §9.3). */

/** Parameters of one request; what it does not say is absent. */
export interface RegistrationParameters {
  endpoint?: string;
  sector?: string;
  lifetimeSeconds?: number;
  base?: string;
  attributes: [name: string, value: string][];
}

export const DEFAULT_LIFETIME_S = 90_000;
const MAX_LIFETIME_S = 0xff_ff_ff_ff;
const MAX_NAME_BYTES = 63;
/** Further parameters of one registration. */
export const MAX_ATTRIBUTES = 32;
// Both are control characters, which §5 forbids in names.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const TOKEN = /^[\w!#$&+.^`|~-]+\*?$/;
/** Would be taken for something else where the endpoint is shown as a link or searched for. */
const NOT_ATTRIBUTES = new Set(['href', 'anchor', 'rel', 'rt', 'page', 'count']);

/** Reads decoded Uri-Query options. A string says why the request is bad: 4.00. */
export function readParameters(query: readonly string[]): RegistrationParameters | string {
  const read: RegistrationParameters = { attributes: [] };
  for (const one of query) {
    if (one === '') continue; // `?` alone
    const equals = one.indexOf('=');
    const name = equals < 0 ? one : one.slice(0, equals);
    const value = equals < 0 ? '' : one.slice(equals + 1);
    const problem = readParameter(read, name, value);
    if (problem !== undefined) return problem;
  }
  return read;
}

function readParameter(read: RegistrationParameters, name: string, value: string): string | undefined {
  switch (name) {
    case 'ep':
      if (read.endpoint !== undefined) return 'ep is said twice';
      if (value === '' || !isName(value)) return 'ep must be 1 to 63 bytes without control characters';
      read.endpoint = value;
      return undefined;
    case 'd':
      if (read.sector !== undefined) return 'd is said twice';
      if (!isName(value)) return 'd must be at most 63 bytes without control characters';
      read.sector = value;
      return undefined;
    case 'lt': {
      const seconds = /^\d{1,10}$/.test(value) ? Number(value) : 0;
      if (read.lifetimeSeconds !== undefined) return 'lt is said twice';
      if (seconds < 1 || seconds > MAX_LIFETIME_S) return 'lt must be 1 to 4294967295 seconds';
      read.lifetimeSeconds = seconds;
      return undefined;
    }
    case 'base':
      if (read.base !== undefined) return 'base is said twice';
      read.base = value;
      return undefined;
    default:
      if (!TOKEN.test(name)) return `"${name}" is not the name of a parameter`;
      if (CONTROL.test(value)) return `${name} has a control character`;
      if (read.attributes.length === MAX_ATTRIBUTES) return `more than ${MAX_ATTRIBUTES} parameters`;
      if (!NOT_ATTRIBUTES.has(name.toLowerCase())) read.attributes.push([name.toLowerCase(), value]);
      return undefined;
  }
}

function isName(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_NAME_BYTES && !CONTROL.test(text);
}
