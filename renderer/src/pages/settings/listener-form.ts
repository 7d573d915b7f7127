/** The form of a listener: texts as they are typed, checked and turned into what the station takes. Pure. */
import type { MqttListenerConfig } from '../../../../core/contract/listeners.ts';

export interface ListenerForm {
  name: string;
  transport: MqttListenerConfig['transport'];
  host: string;
  port: string;
  path: string;
  enabled: boolean;
  /** Empty for none. */
  certificate: string;
  clientCertificates: MqttListenerConfig['clientCertificates'];
  certificateUser: MqttListenerConfig['certificateUser'];
  anonymous: boolean;
  acknowledge: MqttListenerConfig['acknowledge'];
  maxConnections: string;
  maxPacketBytes: string;
  publishRate: string;
}

export type ListenerField = keyof ListenerForm;
export type FieldProblems<F extends string> = Partial<Record<F, string>>;
/** What `listeners.add` takes. */
export type NewListener = Omit<MqttListenerConfig, 'id'>;

export function isTls(transport: ListenerForm['transport']): boolean {
  return transport === 'tls' || transport === 'wss';
}

export function isWebSocket(transport: ListenerForm['transport']): boolean {
  return transport === 'ws' || transport === 'wss';
}

/** Ports that clients try by themselves (IANA for MQTT; usual for WebSocket). */
export const USUAL_PORTS: Record<ListenerForm['transport'], string> = {
  tcp: '1883',
  tls: '8883',
  ws: '8083',
  wss: '8084',
};

export function formOf(config: MqttListenerConfig | null): ListenerForm {
  if (config === null) {
    return {
      name: '',
      transport: 'tls',
      host: '0.0.0.0',
      port: USUAL_PORTS.tls,
      path: '/mqtt',
      enabled: true,
      certificate: '',
      clientCertificates: 'none',
      certificateUser: 'common-name',
      anonymous: false,
      acknowledge: 'committed',
      maxConnections: '10000',
      maxPacketBytes: '1048576',
      publishRate: '0',
    };
  }
  const { id: _id, certificate, port, maxConnections, maxPacketBytes, publishRate, ...same } = config;
  return {
    ...same,
    certificate: certificate ?? '',
    port: String(port),
    maxConnections: String(maxConnections),
    maxPacketBytes: String(maxPacketBytes),
    publishRate: String(publishRate),
  };
}

/** The host's own bounds, told before it has to (core/contract/listeners.ts). */
export function readForm(
  form: ListenerForm,
): { ok: true; listener: NewListener } | { ok: false; problems: FieldProblems<ListenerField> } {
  const problems: FieldProblems<ListenerField> = {};
  const whole = (field: ListenerField, least: number, most: number): number => {
    const text = String(form[field]).replace(/[\s_,]/g, '');
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    problems[field] = `A whole number from ${least} to ${most}.`;
    return 0;
  };
  const name = form.name.trim();
  if (name === '') problems.name = 'A name, such as the network it is for.';
  const host = form.host.trim();
  if (host === '') problems.host = 'An address of this machine; 0.0.0.0 for every one.';
  const port = whole('port', 0, 65_535);
  const maxConnections = whole('maxConnections', 1, 100_000);
  const maxPacketBytes = whole('maxPacketBytes', 256, 268_435_460);
  const publishRate = whole('publishRate', 0, 10_000_000);
  const path = form.path.trim();
  if (isWebSocket(form.transport) && !/^\/[\w\-./]*$/.test(path)) problems.path = 'A path such as /mqtt.';
  const secure = isTls(form.transport);
  if (secure && form.certificate === '') {
    problems.certificate = 'TLS needs a server certificate: choose one, or issue one under Certificates.';
  }
  if (Object.keys(problems).length > 0) return { ok: false, problems };
  return {
    ok: true,
    listener: {
      name,
      transport: form.transport,
      host,
      port,
      enabled: form.enabled,
      path: isWebSocket(form.transport) ? path : '/mqtt',
      certificate: secure ? form.certificate : null,
      clientCertificates: secure ? form.clientCertificates : 'none',
      certificateUser: form.certificateUser,
      anonymous: form.anonymous,
      acknowledge: form.acknowledge,
      maxConnections,
      maxPacketBytes,
      publishRate,
    },
  };
}

/** The field that an error of the host belongs to; null for one that belongs to none. */
export function fieldOfError(code: string): ListenerField | null {
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

/** True where other machines can reach it. */
export function isOpen(host: string): boolean {
  const bare = host.trim().replace(/^\[|\]$/g, '');
  return !(bare === 'localhost' || bare === '::1' || /^127\./.test(bare));
}

/** True when the station closes the connections for this change: anything but the name and the limits. */
export function closesConnections(before: MqttListenerConfig, after: NewListener): boolean {
  const keys = [
    'transport',
    'host',
    'port',
    'path',
    'certificate',
    'clientCertificates',
    'certificateUser',
    'anonymous',
    'acknowledge',
  ] as const;
  return keys.some((key) => before[key] !== after[key]);
}
