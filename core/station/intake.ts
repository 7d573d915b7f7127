import type { ReadingsHub } from '../devices/readings-hub.ts';
import type { DeviceRegistry } from '../devices/registry.ts';
import type { TopicTree } from '../devices/topic-tree.ts';
import { ACK_NEVER, ACK_NOW } from '../mqtt/types.ts';
import type { InboundPublish, PublishIntake } from '../mqtt/types.ts';
import type { Record } from '../store/record.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { DecodeOutcome } from '../telemetry/types.ts';

/** Where CoAP representations come in. */
export interface InboundRepresentation {
  authority: string;
  path: string;
  contentFormat: number | null;
  payload: Uint8Array;
  receivedMs: number;
}

/**
 * The way of a reading, from a publish or a CoAP representation to devices, screens and the record (see
 * docs/architecture.md). Runs for every message: nothing here allocates but what is kept.
 */
export class Intake implements PublishIntake {
  messages = 0;
  readings = 0;
  /** QoS 1/2 publishes refused because the record cannot take more. */
  refused = 0;
  readonly #parts: {
    telemetry: Telemetry;
    registry: DeviceRegistry;
    hub: ReadingsHub;
    topics: TopicTree;
    record: Record;
  };

  constructor(parts: {
    telemetry: Telemetry;
    registry: DeviceRegistry;
    hub: ReadingsHub;
    topics: TopicTree;
    record: Record;
  }) {
    this.#parts = parts;
  }

  take(publish: InboundPublish): number {
    const { telemetry, topics, record } = this.#parts;
    const acknowledged = publish.qos > 0;
    if (acknowledged && !record.accepting) {
      this.refused++;
      return ACK_NEVER;
    }
    this.messages++;
    const outcome = telemetry.ingestMqtt(publish.topic, publish.payload, publish.receivedMs);
    topics.record(publish, outcome);
    this.#keep(outcome, publish.receivedMs, acknowledged);
    if (outcome.count === 0) {
      const { topic, payload, qos, retain, clientId, receivedMs } = publish;
      record.addMessage({ topic, payload, qos, retain, client: clientId, receivedMs }, acknowledged);
    }
    return acknowledged ? record.mark() : ACK_NOW;
  }

  /** Series that the representation fed, for the resource it came from. */
  takeRepresentation(inbound: InboundRepresentation): { deviceId: number | null; seriesIds: number[] } {
    const { telemetry } = this.#parts;
    this.messages++;
    const { authority, path, contentFormat, payload, receivedMs } = inbound;
    const outcome = telemetry.ingestCoap(authority, path, contentFormat, payload, receivedMs);
    const { series } = telemetry.columns;
    const seriesIds = [...new Set(series.subarray(outcome.first, outcome.first + outcome.count))];
    this.#keep(outcome, receivedMs, false);
    return { deviceId: outcome.deviceId, seriesIds };
  }

  #keep(outcome: DecodeOutcome, receivedMs: number, acknowledged: boolean): void {
    const { telemetry, registry, hub, record } = this.#parts;
    if (outcome.count > 0) {
      this.readings += outcome.count;
      registry.apply(telemetry.columns, receivedMs);
      hub.push(telemetry.columns);
      record.addReadings(telemetry.columns, receivedMs, acknowledged);
    } else if (outcome.deviceId !== null) {
      registry.touch(outcome.deviceId, receivedMs);
    }
    telemetry.clear();
  }
}
