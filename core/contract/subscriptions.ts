/** Everything a screen may hear. A subscription gets one snapshot, then coalesced deltas. */
import * as v from 'valibot';
import { topic } from './define.ts';
import { boundedList } from './lists.ts';
import { seriesRef, topicTreeParams } from './methods.ts';
import type { ClientsDelta, ClientsSnapshot } from './broker.ts';
import type { CoapDelta, CoapSnapshot } from './coap.ts';
import type { DevicesDelta, DevicesSnapshot } from './devices.ts';
import type { MqttListenerStatus } from './listeners.ts';
import type { ReadingsDelta, ReadingsSnapshot } from './readings.ts';
import type { RetainedStatus } from './retained.ts';
import type { SecuritySnapshot } from './security.ts';
import type { StationStatus } from './station.ts';
import type { TopicsDelta, TopicsSnapshot } from './topics.ts';

export const subscriptions = {
  station: topic<StationStatus, StationStatus>()('view', v.object({})),
  /** `columns`: new values come in `DevicesDelta.values` instead of in whole rows. */
  devices: topic<DevicesSnapshot, DevicesDelta>()('view', v.object({ columns: v.optional(v.boolean()) })),
  topics: topic<TopicsSnapshot, TopicsDelta>()('view', v.object(topicTreeParams)),
  readings: topic<ReadingsSnapshot, ReadingsDelta>()(
    'view',
    v.object({ series: boundedList(seriesRef, 1, 256) }),
  ),
  coap: topic<CoapSnapshot, CoapDelta>()(
    'view',
    v.object({ authority: v.optional(v.pipe(v.string(), v.maxLength(512))) }),
  ),
  /** Sessions of the broker; a delta holds those that changed. */
  clients: topic<ClientsSnapshot, ClientsDelta>()('view', v.object({})),
  listeners: topic<{ listeners: MqttListenerStatus[] }, { listeners: MqttListenerStatus[] }>()(
    'view',
    v.object({}),
  ),
  retained: topic<RetainedStatus, RetainedStatus>()('view', v.object({})),
  security: topic<SecuritySnapshot, SecuritySnapshot>()('admin', v.object({})),
} as const;

export type Subscriptions = typeof subscriptions;
export type SubscriptionName = keyof Subscriptions;
