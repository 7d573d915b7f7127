import type { CertificateStore } from '../access/certificates/certificate-store.ts';
import type { Clock } from '../base/clock.ts';
import { CodedError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { MqttListenerConfig } from '../contract/listeners.ts';
import type { Broker } from '../mqtt/broker.ts';
import { listenTcp } from '../mqtt/transports/tcp.ts';
import { listenTls } from '../mqtt/transports/tls.ts';
import type {
  SecureListener,
  ServerCredentials,
  TransportListener,
} from '../mqtt/transports/transport-listener.ts';
import { listenSecureWebSocket, listenWebSocket } from '../mqtt/transports/websocket.ts';
import { profileOf } from './mqtt-listeners-rules.ts';

export interface OpenParts {
  broker: Broker;
  certificates: CertificateStore;
  log: Log;
  clock: Clock;
}

/** Opens what `config` says. Fails with `listen.*`, `listeners.needs_certificate`. */
export async function openListener(
  config: MqttListenerConfig,
  parts: OpenParts,
): Promise<TransportListener | SecureListener> {
  const { broker, certificates, log, clock } = parts;
  const { host, port, path, clientCertificates } = config;
  const plain = { host, port, log, clock, profile: profileOf(config) };
  switch (config.transport) {
    case 'tcp':
      return listenTcp(broker, plain);
    case 'ws':
      return listenWebSocket(broker, { ...plain, path });
    case 'tls':
    case 'wss': {
      const secure = { ...plain, clientCertificates, credentials: credentialsOf(config, certificates) };
      return config.transport === 'tls'
        ? listenTls(broker, secure)
        : listenSecureWebSocket(broker, { ...secure, path });
    }
  }
}

/** Throws `listeners.needs_certificate`. */
export function credentialsOf(config: MqttListenerConfig, certificates: CertificateStore): ServerCredentials {
  const pair = config.certificate === null ? undefined : certificates.serverPair(config.certificate);
  if (pair === undefined) {
    throw new CodedError('listeners.needs_certificate', `The certificate of "${config.name}" is not there.`);
  }
  return { certificate: pair.certificate, key: pair.key, authorities: certificates.authorities() };
}

/** Renews certificate and authorities of a TLS listener; others have none. */
export function renewCredentials(opened: TransportListener, credentials: ServerCredentials): void {
  if ('setCredentials' in opened) (opened as SecureListener).setCredentials(credentials);
}
