import { CodedError } from '../../base/errors.ts';
import { CONTENT, NOT_ACCEPTABLE, NOT_FOUND } from '../../coap/codec/codes.ts';
import { formatLinks } from '../../coap/links/link-format.ts';
import type { ParsedLink } from '../../coap/links/link-format.ts';
import type { Resource, ServedAnswer, ServedRequest } from '../../coap/server/resource.ts';
import type { DeviceRow, SeriesInfo } from '../../contract/devices.ts';
import {
  JSON_TEXT,
  LINKS,
  SENML_CBOR,
  SENML_JSON,
  TEXT,
  chosenFormat,
  latestValues,
  senmlCbor,
  senmlJson,
  senmlName,
} from './senml.ts';

/** What the resources know of devices; each throws `devices.unknown` or `readings.unknown_series`. */
export interface KnownDevices {
  list(): DeviceRow[];
  device(id: number): { row: DeviceRow };
  /** By number, or by `DEVICE_KEY/NAME`. */
  series(ref: string): SeriesInfo;
}

/** Links listed in `/.well-known/core`; `/devices` lists them all. */
const MAX_LISTED = 200;

export function deviceLinks(devices: readonly DeviceRow[]): ParsedLink[] {
  return devices.map(({ id, name }) => ({
    target: `/devices/${id}`,
    attributes: [
      ['rt', 'fs.device'],
      ['if', 'core.s'],
      ['ct', `${SENML_JSON} ${SENML_CBOR}`],
      ['title', name],
      ['obs', ''],
    ],
  }));
}

/**
 * `/devices`: the list, as links or as JSON. `/devices/ID`: the latest value of each series, observable. `observed` is
 * called before somebody observes.
 */
export function devicesResource(known: KnownDevices, observed: () => void): Resource {
  return {
    methods: ['GET'],
    observable: true,
    links: () => [
      {
        target: '/devices',
        attributes: [
          ['rt', 'fs.devices'],
          ['ct', `${LINKS} ${JSON_TEXT}`],
          ['title', 'Devices'],
          ['obs', ''],
        ],
      },
      ...deviceLinks(known.list().slice(0, MAX_LISTED)),
    ],
    handle: (request) => {
      if (request.observe) observed();
      const [, id, ...rest] = request.path;
      if (id === undefined || (id === '' && rest.length === 0)) return listOf(known.list(), request);
      if (rest.length > 0 || !/^\d{1,9}$/.test(id)) return { code: NOT_FOUND };
      return whenKnown(() => {
        const { row } = known.device(Number(id));
        return pack(request, row.key, row.series, [SENML_JSON, SENML_CBOR]);
      });
    },
  };
}

/** `/readings/ID` or `/readings/DEVICE_KEY/NAME`: the latest value of one series, observable. */
export function readingsResource(
  known: KnownDevices,
  keyOf: (deviceId: number) => string,
  observed: () => void,
): Resource {
  return {
    methods: ['GET'],
    observable: true,
    handle: (request) =>
      whenKnown(() => {
        if (request.observe) observed();
        const series = known.series(request.path.slice(1).join('/'));
        return pack(request, keyOf(series.deviceId), [series], [SENML_JSON, SENML_CBOR, TEXT]);
      }),
  };
}

function listOf(devices: DeviceRow[], request: ServedRequest): ServedAnswer {
  const format = chosenFormat(request.accept, [LINKS, JSON_TEXT]);
  if (format === undefined) return { code: NOT_ACCEPTABLE };
  const text =
    format === LINKS
      ? formatLinks(deviceLinks(devices))
      : JSON.stringify(
          devices.map(({ id, key, name, lastSeenMs, series }) => ({
            ...{ id, key, name, lastSeenMs },
            series: series.map((one) => ({ id: one.id, name: one.name, unit: one.unit })),
          })),
        );
  return { code: CONTENT, contentFormat: format, payload: Buffer.from(text) };
}

function pack(
  request: ServedRequest,
  key: string,
  series: readonly SeriesInfo[],
  offered: readonly number[],
): ServedAnswer {
  const contentFormat = chosenFormat(request.accept, offered);
  if (contentFormat === undefined) return { code: NOT_ACCEPTABLE };
  const values = latestValues(series).map((one) => ({ ...one, name: senmlName(one.name) }));
  if (contentFormat === TEXT) {
    const text = values.map(({ value }) => String(value)).join('\n');
    return { code: CONTENT, contentFormat, payload: Buffer.from(text) };
  }
  const base = `${senmlName(key)}:`;
  const payload = contentFormat === SENML_CBOR ? senmlCbor(base, values) : senmlJson(base, values);
  return { code: CONTENT, contentFormat, payload };
}

function whenKnown(answer: () => ServedAnswer): ServedAnswer {
  try {
    return answer();
  } catch (error) {
    if (error instanceof CodedError) return { code: NOT_FOUND, diagnostic: error.message };
    throw error;
  }
}
