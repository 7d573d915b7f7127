/** What `/metrics` tells a Prometheus: the station's status, the broker's counters, and the process itself. */
import type { StationStatus } from '../contract/station.ts';
import type { BrokerCounters, Transport } from '../mqtt/types.ts';
import { Exposition } from './exposition.ts';

export interface MetricsSource {
  version: string;
  /** ms since the epoch. */
  startedMs: number;
  status: StationStatus;
  broker: Readonly<BrokerCounters>;
  /** Sessions with and without their client, and what they hold. */
  sessions: { total: number; subscriptions: number };
  mqttListeners: readonly { id: string; transport: Transport; listening: boolean; connections: number }[];
  process: ProcessNumbers;
}

export interface ProcessNumbers {
  residentBytes: number;
  heapBytes: number;
  /** User and system together. */
  cpuSeconds: number;
}

/** Every counter of the broker: a new one does not compile without its name here. */
const BROKER: Record<keyof BrokerCounters, [name: string, help: string]> = {
  messagesIn: ['messages_received', 'PUBLISH packets received.'],
  messagesOut: ['messages_sent', 'PUBLISH packets sent.'],
  otherPacketsIn: ['other_packets_received', 'Packets received that are not PUBLISH.'],
  otherPacketsOut: ['other_packets_sent', 'Packets sent that are not PUBLISH.'],
  bytesIn: ['bytes_received', 'Bytes received from MQTT clients.'],
  bytesOut: ['bytes_sent', 'Bytes sent to MQTT clients.'],
  publishBytesIn: ['publish_bytes_received', 'Bytes of PUBLISH packets received.'],
  publishBytesOut: ['publish_bytes_sent', 'Bytes of PUBLISH packets sent.'],
  droppedOut: ['messages_dropped', 'Messages to subscribers given up: slow clients and full queues.'],
  droppedIn: ['messages_not_taken', 'QoS 0 messages that the station could not take in.'],
  expiredMessages: ['messages_expired', 'Messages that expired before their client came.'],
  tooLargeForClient: [
    'messages_too_large',
    'Packets above the Maximum Packet Size of their client, not sent.',
  ],
  denied: ['denied', 'Publishes and subscriptions that rules forbid.'],
  retainedRefused: ['retained_refused', 'Retained messages not kept because the store is full.'],
  sessionsEvicted: ['sessions_evicted', 'Sessions of absent clients forgotten because there were too many.'],
  expiredSessions: ['sessions_expired', 'Sessions that reached their expiry.'],
  connectionsAccepted: ['connections_accepted', 'Connections that were let in.'],
  connectionsRefused: ['connections_refused', 'Connections that were refused.'],
  badCredentials: ['bad_credentials', 'Wrong passwords, certificates and AUTH exchanges.'],
  quotaExceeded: ['quota_exceeded', 'Connections and publishes ended by a limit of their client.'],
  malformedPackets: ['malformed_packets', 'Packets that break the protocol.'],
  keepAliveTimeouts: ['keep_alive_timeouts', 'Connections closed because their client fell silent.'],
  takeOvers: ['take_overs', 'Connections replaced by a new one of the same client.'],
  stuckClients: ['stuck_clients', 'Connections closed because their client did not read.'],
};

/** Counters of this process start at zero with it, as Prometheus expects. */
export function renderMetrics(source: MetricsSource): string {
  const out = new Exposition();
  const { status } = source;
  const labels = { version: source.version };
  out.family('fieldstation_build_info', 'gauge', 'The version, as a label.', [{ value: 1, labels }]);
  out.gauge('fieldstation_start_time_seconds', 'When the station started.', source.startedMs / 1_000);
  writeBroker(out, source);
  writeRecord(out, status.recorder);
  const { coap, counts } = status;
  out.counter('fieldstation_coap_requests_total', 'CoAP requests sent.', coap.requests);
  out.counter('fieldstation_coap_retransmissions_total', 'CoAP messages sent again.', coap.retransmissions);
  out.gauge('fieldstation_coap_observations', 'Observed CoAP resources.', coap.observations);
  out.gauge('fieldstation_coap_exchanges', 'CoAP exchanges under way.', coap.exchanges);
  out.gauge('fieldstation_devices', 'Devices known.', counts.devices);
  out.gauge('fieldstation_series', 'Series known.', counts.series);
  out.gauge('fieldstation_topics', 'Topics known.', counts.topics);
  out.gauge('fieldstation_screens', 'Consoles that are open.', status.screens);
  out.family(
    'fieldstation_listener_up',
    'gauge',
    'Whether the listener listens.',
    status.listeners.map(({ name, state }) => ({
      value: state === 'listening' ? 1 : 0,
      labels: { listener: name },
    })),
  );
  out.family(
    'fieldstation_refused_total',
    'counter',
    'What was refused or given up, by its reason (docs/limits.md).',
    Object.entries(status.limits).map(([reason, value]) => ({ value, labels: { reason } })),
  );
  out.gauge('process_resident_memory_bytes', 'Resident memory.', source.process.residentBytes);
  out.gauge('process_heap_bytes', 'JavaScript heap in use.', source.process.heapBytes);
  out.counter('process_cpu_seconds_total', 'User and system time.', source.process.cpuSeconds);
  return out.text();
}

function writeBroker(out: Exposition, { status, broker, sessions, mqttListeners }: MetricsSource): void {
  for (const key of Object.keys(BROKER) as (keyof BrokerCounters)[]) {
    const [name, help] = BROKER[key];
    out.counter(`fieldstation_mqtt_${name}_total`, help, broker[key]);
  }
  out.gauge('fieldstation_mqtt_clients_connected', 'MQTT clients connected.', status.mqtt.clients);
  out.gauge('fieldstation_mqtt_sessions', 'Sessions, with or without their client.', sessions.total);
  out.gauge('fieldstation_mqtt_subscriptions', 'Subscriptions of all sessions.', sessions.subscriptions);
  out.gauge('fieldstation_mqtt_retained_messages', 'Retained messages.', status.mqtt.retained);
  const labelled = mqttListeners.map((listener) => ({
    ...listener,
    labels: { listener: listener.id, transport: listener.transport },
  }));
  out.family(
    'fieldstation_mqtt_listener_up',
    'gauge',
    'Whether the MQTT listener listens.',
    labelled.map(({ listening, labels }) => ({ value: listening ? 1 : 0, labels })),
  );
  out.family(
    'fieldstation_mqtt_listener_connections',
    'gauge',
    'Connections of the MQTT listener.',
    labelled.map(({ connections, labels }) => ({ value: connections, labels })),
  );
}

function writeRecord(out: Exposition, recorder: StationStatus['recorder']): void {
  const { fault, lastCommitMs, freeBytes } = recorder;
  out.gauge('fieldstation_record_up', 'Whether the record can be written.', recorder.state === 'ok' ? 1 : 0);
  out.family(
    'fieldstation_record_fault',
    'gauge',
    'Why the record cannot be written.',
    fault === null ? [] : [{ value: 1, labels: { code: fault.code } }],
  );
  out.counter('fieldstation_readings_committed_total', 'Readings on disk.', recorder.committedReadings);
  out.counter('fieldstation_readings_dropped_total', 'Readings given up.', recorder.droppedReadings);
  out.gauge('fieldstation_readings_pending', 'Readings that wait for a commit.', recorder.pendingReadings);
  out.family(
    'fieldstation_record_last_commit_timestamp_seconds',
    'gauge',
    'When the record was written last.',
    lastCommitMs === null ? [] : [{ value: lastCommitMs / 1_000 }],
  );
  out.gauge('fieldstation_record_database_bytes', 'Size of the record.', recorder.databaseBytes);
  out.family(
    'fieldstation_record_free_bytes',
    'gauge',
    'Free space where the record lies.',
    freeBytes === null ? [] : [{ value: freeBytes }],
  );
}
