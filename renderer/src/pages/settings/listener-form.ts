/** What the forms of MQTT and CoAP listeners share: texts as they are typed, and what is wrong with them. Pure. */
import type { MqttListenerConfig } from '../../../../core/contract/listeners.ts';
import { isSecure } from '../../lib/client-words.ts';

/** What every listener has, whatever it speaks. */
export interface PlaceForm {
  name: string;
  transport: MqttListenerConfig['transport'];
  host: string;
  port: string;
  enabled: boolean;
  /** Empty for none. */
  certificate: string;
}

export type FieldProblems<F extends string> = Partial<Record<F, string>>;
export type ReadForm<Listener, Field extends string> =
  { ok: true; listener: Listener } | { ok: false; problems: FieldProblems<Field> };

/** What a dialog must know of the listeners of one protocol. */
export interface ListenerKind<Form extends PlaceForm, Listener> {
  /** With its article: `an MQTT listener`. */
  name: string;
  /** One that connects through it: `client`. */
  peer: string;
  usualPorts: Record<PlaceForm['transport'], string>;
  /** What an address without TLS that others reach means. */
  openNote: string;
  formOf(config: (Listener & { id: string }) | null): Form;
  readForm(form: Form): ReadForm<Listener, keyof Form & string>;
  /** True when the station closes the connections for this change. */
  closes(before: Listener & { id: string }, after: Listener): boolean;
  add(listener: Listener): Promise<unknown>;
  change(listener: Listener & { id: string }): Promise<unknown>;
}

export function isWebSocket(transport: PlaceForm['transport']): boolean {
  return transport === 'ws' || transport === 'wss';
}

/** Reads the field as a whole number; 0, and told in `problems`, where it is none within these bounds. */
export function readWhole<Field extends string>(
  form: Record<Field, unknown>,
  problems: FieldProblems<Field>,
  field: Field,
  least: number,
  most: number,
): number {
  const text = String(form[field]).replace(/[\s_,]/g, '');
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  problems[field] = `A whole number from ${least} to ${most}.`;
  return 0;
}

/** The fields that every listener has; what is wrong with them is told in `problems`. */
export function readPlace(form: PlaceForm, problems: FieldProblems<keyof PlaceForm>) {
  const name = form.name.trim();
  if (name === '') problems.name = 'A name, such as the network it is for.';
  const host = form.host.trim();
  if (host === '') problems.host = 'An address of this machine; 0.0.0.0 for every one.';
  const port = readWhole(form, problems, 'port', 0, 65_535);
  const secure = isSecure(form.transport);
  if (secure && form.certificate === '') {
    problems.certificate = 'TLS needs a server certificate: choose one, or issue one under Certificates.';
  }
  const { transport, enabled } = form;
  return { name, transport, host, port, enabled, certificate: secure ? form.certificate : null };
}

/** The field that an error of the host belongs to; null for one that belongs to none. */
export function fieldOfError(code: string): 'anonymous' | 'certificate' | 'host' | null {
  switch (code) {
    case 'listeners.needs_users':
      return 'anonymous';
    case 'listeners.needs_certificate':
      return 'certificate';
    case 'listeners.bad_address':
      return 'host';
    default:
      return null;
  }
}

/** The path of CoAP over WebSocket (RFC 8323 §8.3). */
export const COAP_PATH = '/.well-known/coap';

/** Where it is reached: `host:port`, with the path of a WebSocket. */
export function placeOf(
  address: string | null,
  config: Pick<MqttListenerConfig, 'transport' | 'host' | 'port'> & { path?: string },
): string {
  const at = address ?? `${config.host.includes(':') ? `[${config.host}]` : config.host}:${config.port}`;
  return isWebSocket(config.transport) ? at + (config.path ?? COAP_PATH) : at;
}

/** True where other machines can reach it. */
export function isOpen(host: string): boolean {
  const bare = host.trim().replace(/^\[|\]$/g, '');
  return !(bare === 'localhost' || bare === '::1' || /^127\./.test(bare));
}
