/** Everything a screen may ask. Add a method here first; the host then refuses to start without its handler. */
import * as v from 'valibot';
import { method } from './define.ts';
import { boundedList } from './lists.ts';
import { brokerMethods } from './methods-broker.ts';
import { coapMethods } from './methods-coap.ts';
import type { DeviceDetail, DeviceRow, SeriesInfo } from './devices.ts';
import type { QueryResult } from './readings.ts';
import type { StationInfo, StationStatus } from './station.ts';
import type { RawMessage, TopicDetail, TopicsSnapshot } from './topics.ts';

const id = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31 - 1));
const timeMs = v.pipe(v.number(), v.finite());
/** A topic or a level of it. The empty text is the first level of `/a`. */
const topicName = v.pipe(v.string(), v.maxLength(65_535));
/** A series by its number, or by `DEVICE_KEY/NAME` as people write it. */
export const seriesRef = v.union([id, v.pipe(v.string(), v.minLength(1), v.maxLength(4_096))]);

const oneSeries = v.pipe(
  seriesRef,
  v.transform((one) => [one]),
);
const manySeries = boundedList(seriesRef, 1, 64);
const oneOrMoreSeries = v.lazy((input) => (Array.isArray(input) ? manySeries : oneSeries));

export const topicTreeParams = {
  /** Topics whose children are wanted; the root is always open. */
  expanded: v.optional(boundedList(topicName, 0, 1_000), []),
  /** Only topics that contain this text (case-insensitive) and the levels above them, all expanded. */
  search: v.optional(v.pipe(v.string(), v.maxLength(256)), ''),
  /** Most nodes to show below one parent. */
  perParent: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(5_000)), 500),
};

export const methods = {
  ...brokerMethods,
  ...coapMethods,

  'station.info': method<StationInfo>()('view', v.object({})),
  'station.status': method<StationStatus>()('view', v.object({})),

  'devices.list': method<{ devices: DeviceRow[] }>()('view', v.object({})),
  'devices.get': method<DeviceDetail>()('view', v.object({ id })),
  'devices.rename': method<DeviceRow>()(
    'operate',
    v.object({ id, name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(120)) }),
  ),

  'topics.list': method<TopicsSnapshot>()('view', v.object(topicTreeParams)),
  'topics.get': method<TopicDetail>()('view', v.object({ topic: topicName })),
  /** Newest first. */
  'topics.messages': method<{ messages: RawMessage[] }>()(
    'view',
    v.object({
      topic: topicName,
      limit: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)), 100),
    }),
  ),

  'readings.series': method<{ series: SeriesInfo[] }>()('view', v.object({ deviceId: v.optional(id) })),
  /** `from` defaults to an hour before `to`, `to` to now. Fails `readings.unknown_series`, `readings.bad_range`. */
  'readings.query': method<QueryResult>()(
    'view',
    v.object({
      series: oneOrMoreSeries,
      from: v.optional(timeMs),
      to: v.optional(timeMs),
      maxPoints: v.optional(v.pipe(v.number(), v.integer(), v.minValue(2), v.maxValue(100_000)), 2_000),
    }),
  ),
} as const;

export type Methods = typeof methods;
export type MethodName = keyof Methods;
