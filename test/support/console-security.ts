/** Listeners, certificates, users and roles of a made-up plant, with the checks whose errors the console must show. */
import { CodedError } from '../../core/base/errors.ts';
import type {
  CertificateRow,
  MqttListenerConfig,
  MqttListenerStatus,
} from '../../core/contract/listeners.ts';
import type { SecuritySnapshot } from '../../core/contract/security.ts';

const DAY_MS = 86_400_000;

export function listenerStatus(
  config: MqttListenerConfig,
  more: Partial<MqttListenerStatus> = {},
): MqttListenerStatus {
  return {
    config,
    state: config.enabled ? 'listening' : 'stopped',
    address: config.enabled ? `${config.host}:${config.port}` : null,
    error: null,
    connections: 0,
    certificateExpiresMs: null,
    fixed: false,
    ...more,
  };
}

export function listenerConfig(
  more: Partial<MqttListenerConfig> & { id: string; name: string },
): MqttListenerConfig {
  return {
    transport: 'tcp',
    host: '0.0.0.0',
    port: 1883,
    enabled: true,
    path: '/mqtt',
    certificate: null,
    clientCertificates: 'none',
    certificateUser: 'common-name',
    anonymous: false,
    acknowledge: 'committed',
    maxConnections: 10_000,
    maxPacketBytes: 1_048_576,
    publishRate: 0,
    ...more,
  };
}

export function plantListeners(nowMs: number): MqttListenerStatus[] {
  return [
    listenerStatus(listenerConfig({ id: 'mqtt', name: 'This machine', host: '127.0.0.1', anonymous: true }), {
      connections: 3,
      fixed: true,
    }),
    listenerStatus(listenerConfig({ id: 'plant', name: 'Plant network', host: '10.20.0.1' }), {
      connections: 5_871,
    }),
    listenerStatus(
      listenerConfig({
        id: 'plant-tls',
        name: 'Plant network, encrypted',
        transport: 'tls',
        host: '10.20.0.1',
        port: 8883,
        certificate: 'server-1',
        clientCertificates: 'required',
      }),
      { connections: 3_122, certificateExpiresMs: nowMs + 12 * DAY_MS },
    ),
    listenerStatus(
      listenerConfig({
        id: 'dashboards',
        name: 'Dashboards',
        transport: 'wss',
        port: 8084,
        certificate: 'server-2',
        acknowledge: 'received',
      }),
      { connections: 431, certificateExpiresMs: nowMs + 611 * DAY_MS },
    ),
    listenerStatus(
      listenerConfig({ id: 'bench', name: 'Test bench', transport: 'ws', port: 8083, enabled: false }),
    ),
    listenerStatus(listenerConfig({ id: 'office', name: 'Office', host: '192.168.7.4' }), {
      state: 'failed',
      address: null,
      error: 'Port 1883 on 192.168.7.4 cannot be used: this machine has no such address. Choose another one.',
    }),
  ];
}

export function plantCertificates(nowMs: number): CertificateRow[] {
  const authority = 'CN=North plant authority';
  const row = (more: Partial<CertificateRow> & { id: string; name: string }): CertificateRow => ({
    kind: 'server',
    subject: `CN=${more.name}`,
    issuer: authority,
    hosts: [],
    validFromMs: nowMs - 300 * DAY_MS,
    validToMs: nowMs + 525 * DAY_MS,
    fingerprint: Array.from({ length: 32 }, (_, index) =>
      ((index * 53 + more.name.length) & 255).toString(16).padStart(2, '0'),
    )
      .join(':')
      .toUpperCase(),
    origin: 'made',
    hasKey: true,
    usedBy: [],
    ...more,
  });
  return [
    row({
      id: 'authority-1',
      name: 'North plant authority',
      kind: 'authority',
      validToMs: nowMs + 3_200 * DAY_MS,
    }),
    row({
      id: 'authority-2',
      name: 'Corporate root',
      kind: 'authority',
      origin: 'imported',
      hasKey: false,
      issuer: 'CN=Corporate root',
      subject: 'CN=Corporate root',
    }),
    row({
      id: 'server-1',
      name: 'Plant network',
      hosts: ['broker.plant.local', '10.20.0.1', 'localhost', '127.0.0.1'],
      validToMs: nowMs + 12 * DAY_MS,
      usedBy: ['plant-tls'],
    }),
    row({
      id: 'server-2',
      name: 'Dashboards',
      hosts: ['board.plant.local'],
      origin: 'imported',
      issuer: 'CN=Corporate issuing 2, O=Example',
      validToMs: nowMs + 611 * DAY_MS,
      usedBy: ['dashboards'],
    }),
    row({ id: 'server-3', name: 'Old gateway', hosts: ['gw.plant.local'], validToMs: nowMs - 40 * DAY_MS }),
    row({ id: 'device-1', name: 'pump-00412', kind: 'device', hasKey: false, validToMs: nowMs + 2 * DAY_MS }),
    row({ id: 'device-2', name: 'valve-00017', kind: 'device', hasKey: false }),
  ];
}

export function plantSecurity(nowMs: number): SecuritySnapshot {
  const user = (name: string, roles: string[], more: Partial<SecuritySnapshot['users'][number]> = {}) => ({
    name,
    enabled: true,
    roles,
    clientIds: [],
    hasPassword: true,
    createdMs: nowMs - 90 * DAY_MS,
    changedMs: nowMs - 9 * DAY_MS,
    lastSeenMs: nowMs - 40_000,
    publishRate: 0,
    ...more,
  });
  return {
    users: [
      user('operations', ['everything']),
      user('thermos', ['sensors'], { clientIds: ['thermo-%u-1', 'thermo-%u-2'], publishRate: 50 }),
      user('hygros', ['sensors']),
      user('pumps', ['actuators', 'sensors'], { hasPassword: false }),
      user('valves', ['actuators', 'sensors'], { hasPassword: false }),
      user('historian', ['readers'], { clientIds: ['scada-historian'] }),
      user('contractor', [], { enabled: false, lastSeenMs: 0 }),
    ],
    roles: [
      {
        name: 'everything',
        rules: [{ effect: 'allow', action: 'both', filter: '#' }],
        users: ['operations'],
      },
      {
        name: 'sensors',
        rules: [
          { effect: 'deny', action: 'publish', filter: 'plant/+/+/+/setpoint' },
          { effect: 'allow', action: 'publish', filter: 'plant/%u/%c/#' },
          { effect: 'allow', action: 'subscribe', filter: 'config/%c/#' },
          { effect: 'allow', action: 'both', filter: 'test/#' },
        ],
        users: ['thermos', 'hygros', 'pumps', 'valves'],
      },
      {
        name: 'actuators',
        rules: [{ effect: 'allow', action: 'subscribe', filter: 'plant/+/+/+/setpoint' }],
        users: ['pumps', 'valves'],
      },
      {
        name: 'readers',
        rules: [{ effect: 'allow', action: 'subscribe', filter: 'plant/#' }],
        users: ['historian'],
      },
      { name: 'guests', rules: [], users: [] },
    ],
    anonymousRole: 'guests',
    heldBack: [
      { address: '10.20.7.31', untilMs: nowMs + 95_000, failures: 6 },
      { address: '192.168.7.88', untilMs: nowMs + 640_000, failures: 11 },
    ],
  };
}

/** As the station refuses it. */
export function checkListener(config: Omit<MqttListenerConfig, 'id'>): void {
  if (config.host === '192.0.2.1') {
    throw new CodedError(
      'listeners.bad_address',
      'This machine has no address 192.0.2.1. Choose one of its own.',
    );
  }
  if ((config.transport === 'tls' || config.transport === 'wss') && config.certificate === null) {
    throw new CodedError('listeners.needs_certificate', 'TLS needs a server certificate.');
  }
}
