/** The form of a CoAP listener, and the proxy's list of what may be reached. Pure. */
import type { CoapListenerConfig } from '../../../../../core/contract/coap-server.ts';
import { readPlace } from '../listener-form.ts';
import type { FieldProblems, PlaceForm, ReadForm } from '../listener-form.ts';

export type NewCoapListener = Omit<CoapListenerConfig, 'id'>;

/** RFC 8323 §8 for TCP and TLS; those of WebSocket would be the ports of a web server. */
export const COAP_PORTS: Record<PlaceForm['transport'], string> = {
  tcp: '5683',
  tls: '5684',
  ws: '8085',
  wss: '8086',
};

export function coapFormOf(config: CoapListenerConfig | null): PlaceForm {
  if (config === null) {
    return {
      name: '',
      transport: 'tls',
      host: '0.0.0.0',
      port: COAP_PORTS.tls,
      enabled: true,
      certificate: '',
    };
  }
  const { id: _id, port, certificate, ...same } = config;
  return { ...same, port: String(port), certificate: certificate ?? '' };
}

/** The host's own bounds, told before it has to (core/contract/methods-coap.ts). */
export function readCoapForm(form: PlaceForm): ReadForm<NewCoapListener, keyof PlaceForm> {
  const problems: FieldProblems<keyof PlaceForm> = {};
  const listener = readPlace(form, problems);
  return Object.keys(problems).length > 0 ? { ok: false, problems } : { ok: true, listener };
}

/** True when the station closes the connections for this change. */
export function closesCoapConnections(before: CoapListenerConfig, after: NewCoapListener): boolean {
  return (['transport', 'host', 'port', 'certificate'] as const).some((key) => before[key] !== after[key]);
}

export const MOST_PATTERNS = 200;

export interface LineProblem {
  /** From 1. */
  line: number;
  text: string;
  words: string;
}

/** One pattern a line; empty lines and those that begin with `#` are not sent. */
export function readAllowList(text: string): { allow: string[]; problems: LineProblem[] } {
  const allow: string[] = [];
  const problems: LineProblem[] = [];
  text.split('\n').forEach((raw, index) => {
    const pattern = raw.trim();
    if (pattern === '' || pattern.startsWith('#')) return;
    const words = patternProblem(pattern);
    if (words !== null) problems.push({ line: index + 1, text: pattern, words });
    else if (allow.length >= MOST_PATTERNS) {
      problems.push({ line: index + 1, text: pattern, words: `At most ${MOST_PATTERNS} patterns.` });
    } else allow.push(pattern);
  });
  return { allow, problems };
}

function patternProblem(pattern: string): string | null {
  if (pattern.length > 300) return 'At most 300 characters.';
  if (/\s/.test(pattern)) return 'One pattern a line, without spaces.';
  if (pattern.includes('://')) return 'Without coap://: only address, network or name.';
  return null;
}

/** Where the station's complaint about a pattern belongs; null when the text has it no more. */
export function lineOfPattern(text: string, pattern: string, words: string): LineProblem | null {
  const index = text.split('\n').findIndex((raw) => raw.trim() === pattern);
  return index < 0 ? null : { line: index + 1, text: pattern, words };
}
