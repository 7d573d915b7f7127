import type { Directory } from '../coap/directory/directory.ts';
import type { CoapEndpoint } from '../coap/endpoint.ts';
import type { CoapServer } from '../coap/server/coap-server.ts';
import type { LimitCounters, ListenerStatus, StationStatus } from '../contract/station.ts';
import type { DeviceRegistry } from '../devices/registry.ts';
import type { TopicTree } from '../devices/topic-tree.ts';
import type { GatewayCounters } from '../gateway/parts.ts';
import type { MqttAccess } from '../access/mqtt-access.ts';
import type { Broker } from '../mqtt/broker.ts';
import type { RpcHost } from '../rpc/host.ts';
import type { Record } from '../store/record.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { CoapDesk } from './coap/desk.ts';
import type { Intake } from './intake.ts';
import type { MqttListeners } from './mqtt-listeners.ts';

export interface StatusParts {
  broker: Broker;
  mqttListeners: MqttListeners;
  mqttAccess: MqttAccess;
  endpoint: CoapEndpoint;
  server: CoapServer;
  directory: Directory;
  desk: CoapDesk;
  record: Record;
  registry: DeviceRegistry;
  topics: TopicTree;
  telemetry: Telemetry;
  intake: Intake;
  rpc: RpcHost;
  listeners: ListenerStatus[];
  gatewayCounters: () => Readonly<GatewayCounters> | null;
}

/** The counters of every part that refuses or gives up something. */
export interface LimitParts {
  broker: Pick<Broker, 'counters'>;
  mqttListeners: Pick<MqttListeners, 'counters'>;
  mqttAccess: Pick<MqttAccess, 'counters'>;
  endpoint: Pick<CoapEndpoint, 'counters'>;
  server: Pick<CoapServer, 'counters'>;
  directory: Pick<Directory, 'counters'>;
  desk: Pick<CoapDesk, 'leftOut'>;
  registry: Pick<DeviceRegistry, 'counters'>;
  topics: Pick<TopicTree, 'counters'>;
  telemetry: Pick<Telemetry, 'counters'>;
  intake: Pick<Intake, 'refused'>;
  rpc: Pick<RpcHost, 'counters'>;
  gatewayCounters: Readonly<GatewayCounters> | null;
}

/** What the parts count, as one status. */
export function collectStatus(parts: StatusParts): Omit<StationStatus, 'rates' | 'nowMs'> {
  const { broker, endpoint, desk, record, registry, topics, rpc, listeners } = parts;
  const { messagesIn, messagesOut, bytesIn, bytesOut, droppedOut } = broker.counters;
  const recorder = record.status();
  return {
    listeners,
    recorder,
    mqtt: {
      clients: broker.connectionCount,
      messagesIn,
      messagesOut,
      bytesIn,
      bytesOut,
      droppedOut,
      retained: broker.retained.countOfClients,
    },
    coap: {
      observations: desk.observations,
      exchanges: endpoint.counters.exchanges,
      requests: endpoint.counters.requests,
      retransmissions: endpoint.counters.retransmissions,
    },
    counts: { devices: registry.deviceCount, series: registry.seriesCount, topics: topics.topicCount },
    screens: rpc.sessions,
    limits: limitsOf({ ...parts, gatewayCounters: parts.gatewayCounters() }, recorder.droppedReadings),
  };
}

/**
 * One flat table of everything that was refused or given up, `part.reason` (stated in docs/limits.md). Zeros are left
 * out: the table shows what happened, not what could.
 */
export function limitsOf(parts: LimitParts, droppedReadings: number): LimitCounters {
  const { broker, mqttListeners, mqttAccess, endpoint, registry, topics, telemetry, intake, rpc } = parts;
  const mqtt = broker.counters;
  const coap = endpoint.counters;
  const table: { [part: string]: { [reason: string]: number } } = {
    mqtt: {
      malformed_packets: mqtt.malformedPackets,
      connections_refused: mqtt.connectionsRefused,
      keep_alive_timeouts: mqtt.keepAliveTimeouts,
      dropped_out: mqtt.droppedOut,
      dropped_in: mqtt.droppedIn,
      denied: mqtt.denied,
      retained_refused: mqtt.retainedRefused,
      sessions_evicted: mqtt.sessionsEvicted,
      stuck_clients: mqtt.stuckClients,
      quota_exceeded: mqtt.quotaExceeded,
      too_large_for_client: mqtt.tooLargeForClient,
      bad_credentials: mqtt.badCredentials,
      expired_messages: mqtt.expiredMessages,
      expired_sessions: mqtt.expiredSessions,
      ...mqttListeners.counters(),
    },
    access: { throttled: mqttAccess.counters.throttled, busy: mqttAccess.counters.busy },
    coap: {
      malformed: coap.malformed,
      unmatched: coap.unmatched,
      duplicates: coap.duplicates,
      reordered: coap.reordered,
      timeouts: coap.timeouts,
      resets_received: coap.resetsReceived,
      dropped_by_limit: coap.droppedByLimit,
      send_errors: coap.sendErrors,
      host_share_reached: coap.hostShareReached,
      message_id_waits: coap.messageIdWaits,
      resources_left_out: parts.desk.leftOut,
    },
    coap_server: withoutUse({ ...parts.server.counters }),
    coap_directory: withoutUse({ ...parts.directory.counters }),
    readings: {
      ...telemetry.counters.raw,
      left_out: telemetry.counters.leftOut,
      clock_refused: telemetry.counters.clockRefused,
    },
    devices: { ...registry.counters },
    topics: { ...topics.counters },
    record: { dropped_readings: droppedReadings, refused_publishes: intake.refused },
    rpc: withoutUse({ ...rpc.counters }),
    http: withoutUse({ ...parts.gatewayCounters }),
  };
  const limits: LimitCounters = {};
  for (const [part, counters] of Object.entries(table)) {
    for (const [reason, count] of Object.entries(counters)) {
      if (count > 0) limits[`${part}.${snakeCase(reason)}`] = count;
    }
  }
  return limits;
}

/** Counters of ordinary use are no limits. */
const USE = new Set([
  ...['calls', 'requests', 'notifications', 'notificationsCoalesced', 'addressesVerified'],
  ...['registered', 'updated', 'removed', 'expired'],
]);

function withoutUse(counters: { [reason: string]: number }): { [reason: string]: number } {
  return Object.fromEntries(Object.entries(counters).filter(([name]) => !USE.has(name)));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
