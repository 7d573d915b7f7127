import { CodedError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { QueryResult } from '../contract/readings.ts';
import type { StationInfo } from '../contract/station.ts';
import type { ReadingsHub } from '../devices/readings-hub.ts';
import type { DeviceRegistry } from '../devices/registry.ts';
import type { TopicTree } from '../devices/topic-tree.ts';
import type { Handlers } from '../rpc/types.ts';
import type { Record } from '../store/record.ts';
import { clientsFeed, securityFeed, wholeFeed } from './feeds-broker.ts';
import { coapFeeds } from './coap/feeds.ts';
import { stationFeed } from './feeds.ts';
import { coapHandlers } from './coap/handlers.ts';
import type { CoapHandlerParts } from './coap/handlers.ts';
import { brokerHandlers } from './handlers-broker.ts';
import type { BrokerHandlerParts } from './handlers-broker.ts';
import { messagePropertiesOf } from './message-properties.ts';
import type { StatusBoard } from './status.ts';

const HOUR_MS = 3_600_000;

export interface HandlerParts extends BrokerHandlerParts, CoapHandlerParts {
  clock: Clock;
  info: () => StationInfo;
  status: StatusBoard;
  registry: DeviceRegistry;
  topics: TopicTree;
  hub: ReadingsHub;
  record: Record;
}

/** The contract's methods and subscriptions, answered by the parts. */
export function createHandlers(parts: HandlerParts): Handlers {
  const { clock, status, registry, topics, hub, record } = parts;
  const { brokerDesk, retainedDesk, mqttListeners, mqttAccess } = parts;

  const seriesIdsOf = (refs: (number | string)[]) => refs.map((ref) => registry.resolveSeries(ref));

  /** An answer that tells of a lasting change leaves when the change is on disk. */
  const onceKept = async <T>(result: T | Promise<T>): Promise<T> => {
    const value = await result;
    await record.settled();
    return value;
  };

  return {
    methods: {
      ...brokerHandlers(parts, onceKept),
      ...coapHandlers(parts, onceKept),

      'station.info': () => parts.info(),
      'station.status': () => status.status(),

      'devices.list': () => ({ devices: registry.list() }),
      'devices.get': ({ id }) => registry.detail(id, topics),
      'devices.rename': ({ id, name }) => onceKept(registry.rename(id, name)),

      'topics.list': (params) => topics.view(params),
      'topics.get': ({ topic }) => ({
        ...topics.detail(topic),
        properties: messagePropertiesOf(topics.propertiesOf(topic)),
      }),
      'topics.messages': async ({ topic, limit }) => ({ messages: await record.messages(topic, limit) }),

      'readings.series': ({ deviceId }) => ({ series: registry.seriesInfos(deviceId) }),
      'readings.query': async (params, { signal }): Promise<QueryResult> => {
        const to = params.to ?? clock.now();
        const from = params.from ?? to - HOUR_MS;
        if (from > to) {
          throw new CodedError(
            'readings.bad_range',
            'The range ends before it begins: "from" must not be after "to".',
          );
        }
        const ids = seriesIdsOf(params.series);
        return {
          from,
          to,
          series: await record.query({ series: ids, from, to, maxPoints: params.maxPoints, signal }),
        };
      },
    },
    subscriptions: {
      station: (_params, dirty) => stationFeed(status, dirty),
      devices: ({ columns = false }, dirty) => registry.openFeed(dirty, { columns }),
      topics: (params, dirty) => topics.openFeed(params, dirty),
      readings: ({ series }, dirty) => hub.openFeed(seriesIdsOf(series), dirty),
      ...coapFeeds(parts, status.changed),
      clients: (_params, dirty) => clientsFeed(brokerDesk, status.changed, dirty),
      listeners: (_params, dirty) =>
        wholeFeed(
          () => ({ listeners: mqttListeners.list() }),
          [mqttListeners.changed, status.changed],
          dirty,
        ),
      retained: (_params, dirty) =>
        wholeFeed(() => retainedDesk.status(), [retainedDesk.changed, status.changed], dirty),
      security: (_params, dirty) => securityFeed(mqttAccess, status.changed, dirty),
    },
  };
}
