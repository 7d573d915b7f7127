/** The form of an MQTT listener: texts as they are typed, checked and turned into what the station takes. Pure. */
import type { MqttListenerConfig } from '../../../../core/contract/listeners.ts';
import { isSecure } from '../../lib/client-words.ts';
import { isWebSocket, readPlace, readWhole } from './listener-form.ts';
import type { FieldProblems, PlaceForm, ReadForm } from './listener-form.ts';

export interface MqttListenerForm extends PlaceForm {
  path: string;
  clientCertificates: MqttListenerConfig['clientCertificates'];
  certificateUser: MqttListenerConfig['certificateUser'];
  anonymous: boolean;
  acknowledge: MqttListenerConfig['acknowledge'];
  maxConnections: string;
  maxPacketBytes: string;
  publishRate: string;
}

export type MqttListenerField = keyof MqttListenerForm;
/** What `listeners.add` takes. */
export type NewMqttListener = Omit<MqttListenerConfig, 'id'>;

/** Ports that clients try by themselves (IANA for MQTT; usual for WebSocket). */
export const MQTT_PORTS: Record<PlaceForm['transport'], string> = {
  tcp: '1883',
  tls: '8883',
  ws: '8083',
  wss: '8084',
};

export function mqttFormOf(config: MqttListenerConfig | null): MqttListenerForm {
  if (config === null) {
    return {
      name: '',
      transport: 'tls',
      host: '0.0.0.0',
      port: MQTT_PORTS.tls,
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
export function readMqttForm(form: MqttListenerForm): ReadForm<NewMqttListener, MqttListenerField> {
  const problems: FieldProblems<MqttListenerField> = {};
  const place = readPlace(form, problems);
  const maxConnections = readWhole(form, problems, 'maxConnections', 1, 100_000);
  const maxPacketBytes = readWhole(form, problems, 'maxPacketBytes', 256, 268_435_460);
  const publishRate = readWhole(form, problems, 'publishRate', 0, 10_000_000);
  const path = form.path.trim();
  if (isWebSocket(form.transport) && !/^\/[\w\-./]*$/.test(path)) problems.path = 'A path such as /mqtt.';
  if (Object.keys(problems).length > 0) return { ok: false, problems };
  return {
    ok: true,
    listener: {
      ...place,
      path: isWebSocket(form.transport) ? path : '/mqtt',
      clientCertificates: isSecure(form.transport) ? form.clientCertificates : 'none',
      certificateUser: form.certificateUser,
      anonymous: form.anonymous,
      acknowledge: form.acknowledge,
      maxConnections,
      maxPacketBytes,
      publishRate,
    },
  };
}

/** True when the station closes the connections for this change: anything but the name and the limits. */
export function closesMqttConnections(before: MqttListenerConfig, after: NewMqttListener): boolean {
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
