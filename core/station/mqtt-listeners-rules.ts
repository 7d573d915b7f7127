/** When an MQTT listener may be opened, and what its clients are allowed. */
import { CodedError } from '../base/errors.ts';
import type { MqttListenerConfig } from '../contract/listeners.ts';
import type { ListenerProfile } from '../mqtt/origin.ts';
import { isLoopback } from '../mqtt/transports/loopback.ts';
import { explainListen } from './explain-listen.ts';

/** What the rules ask about the rest of the station. */
export interface ListenerSurroundings {
  hasUsers(): boolean;
  hasServerCertificate(id: string): boolean;
  hasAuthority(): boolean;
}

export function isSecure({ transport }: MqttListenerConfig): boolean {
  return transport === 'tls' || transport === 'wss';
}

/** Throws `listeners.needs_users`, `listeners.needs_certificate`. */
export function checkMayOpen(config: MqttListenerConfig, around: ListenerSurroundings, fixed: boolean): void {
  const { host, anonymous, certificate, clientCertificates } = config;
  if (!isLoopback(host) && !anonymous && !around.hasUsers()) {
    const words = fixed ? 'start with --mqtt-anonymous' : 'choose "anonymous" for it in so many words';
    throw new CodedError(
      'listeners.needs_users',
      `Other machines reach ${host}, and there are no users that could sign in. Add a user first, or ${words}.`,
    );
  }
  if (!isSecure(config)) return;
  if (certificate === null || !around.hasServerCertificate(certificate)) {
    const what = certificate === null ? 'has none' : `its own, "${certificate}", is not there`;
    throw new CodedError(
      'listeners.needs_certificate',
      `TLS needs a server certificate with its key, and this listener ${what}. Issue or import one and choose it here.`,
    );
  }
  if (clientCertificates === 'required' && !around.hasAuthority()) {
    throw new CodedError(
      'listeners.needs_certificate',
      'Client certificates are required here, and there is no authority whose certificates could be accepted. Make or import one.',
    );
  }
}

export function profileOf(config: MqttListenerConfig): ListenerProfile {
  const { id, transport, acknowledge, anonymous, maxConnections, maxPacketBytes, publishRate } = config;
  const named = isSecure(config) && config.clientCertificates !== 'none';
  return {
    id,
    transport,
    acknowledge,
    anonymous,
    certificateUser: named ? config.certificateUser : 'none',
    limits: { maxConnections, maxPacketBytes, publishRate },
  };
}

/** How far a change goes: a new profile, a new certificate, or everything anew. */
export function extentOf(
  before: MqttListenerConfig,
  after: MqttListenerConfig,
): 'profile' | 'credentials' | 'reopen' {
  const gentle = { name: '', enabled: true, maxConnections: 0, maxPacketBytes: 0, publishRate: 0 };
  const same = (a: object, b: object): boolean =>
    JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
  if (same({ ...before, ...gentle }, { ...after, ...gentle })) return 'profile';
  if (same({ ...before, ...gentle, certificate: null }, { ...after, ...gentle, certificate: null })) {
    return 'credentials';
  }
  return 'reopen';
}

/** One line: which listener, which port, why, what to do. */
export function explainListener(config: MqttListenerConfig, error: unknown, fixed: boolean): Promise<string> {
  const name = fixed ? 'MQTT' : `MQTT listener "${config.name}"`;
  return explainListen({ name, address: config, protocol: 'tcp', flag: fixed ? '--mqtt' : null }, error);
}
