/** Everything a screen may hear. A subscription gets one snapshot, then coalesced deltas. */
import * as v from 'valibot';
import { topic } from './define.ts';
import { boundedList } from './lists.ts';
import { seriesRef, topicTreeParams } from './methods.ts';
import type { ClientsDelta, ClientsSnapshot } from './broker.ts';
import type { CoapDelta, CoapSnapshot } from './coap.ts';
import type { CoapExchange, CoapExchangeDelta, CoapWatch, CoapWatchDelta } from './coap-browser.ts';
import type { CoapDirectory, CoapScan } from './coap-discovery.ts';
import type { CoapProxyStatus, CoapServerStatus } from './coap-server.ts';
import { coapUri, contentFormat, exchangeId } from './methods-coap.ts';
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
  /** Observes for as long as it is subscribed (policy `open`), or looks on where it is observed always. */
  coapWatch: topic<CoapWatch, CoapWatchDelta>()(
    'operate',
    v.object({ uri: coapUri, accept: v.optional(contentFormat) }),
  ),
  /** One request, step by step while it goes on; also before it was asked. `observe URI`: an observation. */
  coapExchange: topic<CoapExchange, CoapExchangeDelta>()('operate', v.object({ exchange: exchangeId })),
  coapScan: topic<CoapScan, CoapScan>()('view', v.object({})),
  coapDirectory: topic<CoapDirectory, CoapDirectory>()('view', v.object({})),
  coapProxy: topic<CoapProxyStatus, CoapProxyStatus>()('view', v.object({})),
  coapServer: topic<CoapServerStatus, CoapServerStatus>()('view', v.object({})),
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
