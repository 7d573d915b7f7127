/** What a screen may ask about CoAP: servers and their resources, scans, the directory, the proxy. */
import * as v from 'valibot';
import { COAP_METHODS, COAP_SCHEMES } from './coap.ts';
import type { CoapDiscovery, CoapResource, CoapResponseView } from './coap.ts';
import type { SavedCoapRequest } from './coap-browser.ts';
import type { CoapInterface, CoapScan } from './coap-discovery.ts';
import type { CoapListenerStatus, CoapProxyStatus, CoapServerStatus } from './coap-server.ts';
import { method } from './define.ts';
import { boundedList } from './lists.ts';
import { certificateId, listenerId } from './listeners.ts';

const SCHEME = new RegExp(`^(${COAP_SCHEMES.map((scheme) => scheme.replace('+', '\\+')).join('|')})://`, 'i');
export const coapUri = v.pipe(
  v.string(),
  v.maxLength(2_048),
  v.regex(SCHEME, `a URI is needed that begins with ${COAP_SCHEMES.map((one) => `${one}://`).join(', ')}`),
);
const number16 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
export const contentFormat = number16;
/** Chosen by the screen, so that it can look on from the first message. */
export const exchangeId = v.pipe(v.string(), v.minLength(1), v.maxLength(2_200));
export const MAX_COAP_PAYLOAD_BYTES = 1024 * 1024;
export const MAX_COAP_OPTIONS = 100;

// The length first: the pattern of base64 runs out of stack on a text of some MiB.
const base64 = (bytes: number) =>
  v.strictObject({ base64: v.pipe(v.string(), v.maxLength(Math.ceil(bytes / 3) * 4), v.base64()) });
const bytesUpTo = (most: number, words: string) =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((bytes) => bytes.byteLength <= most, words),
  );

const payload = v.union([
  v.pipe(v.string(), v.maxLength(MAX_COAP_PAYLOAD_BYTES)),
  bytesUpTo(MAX_COAP_PAYLOAD_BYTES, 'at most 1 MiB'),
  base64(MAX_COAP_PAYLOAD_BYTES),
]);

/** Text as UTF-8, a number as an unsigned integer without leading zeros, bytes as they are. */
const optionValue = v.union([
  v.pipe(v.string(), v.maxLength(1_034)),
  v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff_ffff)),
  bytesUpTo(1_034, 'at most 1034 bytes'),
  base64(1_034),
]);
const options = boundedList(v.strictObject({ number: number16, value: optionValue }), 0, MAX_COAP_OPTIONS);
const blockBytes = v.picklist([16, 32, 64, 128, 256, 512, 1024]);

const name = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(120));
const shortText = (most: number) => v.pipe(v.string(), v.maxLength(most));
const onlyUri = v.object({ uri: coapUri });
const none = v.object({});

const savedRequest = v.strictObject({
  id: v.optional(shortText(64)),
  name,
  uri: coapUri,
  method: v.picklist(COAP_METHODS),
  confirmable: v.boolean(),
  blockBytes: v.nullable(blockBytes),
  accept: v.nullable(contentFormat),
  contentFormat: v.nullable(contentFormat),
  options: boundedList(
    v.strictObject({ number: number16, value: bytesUpTo(1_034, 'at most 1034 bytes') }),
    0,
    MAX_COAP_OPTIONS,
  ),
  payload: bytesUpTo(64 * 1024, 'at most 64 KiB are kept'),
  payloadAs: v.picklist(['text', 'hex', 'base64']),
});

const listener = {
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80)),
  transport: v.picklist(['tcp', 'tls', 'ws', 'wss']),
  host: v.pipe(shortText(255), v.minLength(1)),
  port: number16,
  enabled: v.optional(v.boolean(), true),
  certificate: v.optional(v.nullable(certificateId), null),
};

export const coapMethods = {
  'coap.discover': method<CoapDiscovery>()('operate', onlyUri),
  /** Fails with the codes of core/coap/errors.ts. */
  'coap.request': method<CoapResponseView>()(
    'operate',
    v.object({
      uri: coapUri,
      method: v.optional(v.picklist(COAP_METHODS), 'GET'),
      payload: v.optional(payload),
      contentFormat: v.optional(contentFormat),
      accept: v.optional(contentFormat),
      /** Any but Uri-*, Proxy-*, Block*, Observe, Content-Format and Accept. @throws `coap.bad_request` */
      options: v.optional(options),
      confirmable: v.optional(v.boolean(), true),
      blockBytes: v.optional(blockBytes),
      exchange: v.optional(exchangeId),
    }),
  ),
  /** Whether something speaks CoAP there (RFC 7252 §4.3, RFC 8323 §5.4). */
  'coap.ping': method<{ rttMs: number; peer: string }>()('operate', onlyUri),
  /** Observes always: now, after every restart, and recorded. @throws `coap.own_resource` for what the station itself serves */
  'coap.observe': method<CoapResource>()(
    'operate',
    v.object({ uri: coapUri, accept: v.optional(contentFormat) }),
  ),
  'coap.cancelObserve': method<CoapResource>()('operate', onlyUri),
  'coap.resources': method<{ resources: CoapResource[] }>()(
    'view',
    v.object({ authority: v.optional(shortText(512)) }),
  ),
  /** Forgets a server: its resources go, observations end. @throws `coap.unknown_server` */
  'coap.forget': method<{ removed: number }>()('operate', v.object({ authority: shortText(512) })),

  'coap.savedRequests': method<{ requests: SavedCoapRequest[] }>()('view', none),
  /** Adds one, or changes the one with this id. @throws `coap.unknown_request`, `coap.too_many_requests` */
  'coap.saveRequest': method<SavedCoapRequest>()('operate', savedRequest),
  'coap.removeRequest': method<{ removed: true }>()('operate', v.object({ id: shortText(64) })),

  'coap.interfaces': method<{ interfaces: CoapInterface[] }>()('view', none),
  /** One scan at a time; follow it with `coapScan`. @throws `coap.scan_running`, `coap.bad_range`, `coap.no_interface` */
  'coap.scan': method<CoapScan>()(
    'operate',
    v.object({
      /** Names; all but loopback when left out. */
      interfaces: v.optional(boundedList(shortText(64), 0, 64)),
      multicast: v.optional(v.boolean(), true),
      mdns: v.optional(v.boolean(), true),
      /** A resource directory to ask. */
      directory: v.optional(coapUri),
      /** `10.0.0.0/24` or `10.0.0.10-10.0.0.40`, at most 1,024 addresses. */
      range: v.optional(shortText(100)),
      port: v.optional(v.pipe(number16, v.minValue(1)), 5_683),
    }),
  ),
  'coap.scanStop': method<CoapScan>()('operate', none),

  /** @throws `coap.unknown_registration` */
  'coap.removeRegistration': method<{ removed: true }>()('operate', v.object({ location: shortText(64) })),

  /** @throws `coap.bad_pattern` with the pattern in `detail` */
  'coap.setProxy': method<CoapProxyStatus>()(
    'admin',
    v.strictObject({
      enabled: v.boolean(),
      allow: boundedList(v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(300)), 0, 200),
    }),
  ),

  'coap.setServer': method<CoapServerStatus>()(
    'admin',
    v.strictObject({ others: v.picklist(['nothing', 'register', 'read', 'publish']) }),
  ),
  /** @throws `listeners.*`, as for MQTT */
  'coap.addListener': method<CoapListenerStatus>()('admin', v.strictObject(listener)),
  'coap.changeListener': method<CoapListenerStatus>()(
    'admin',
    v.strictObject({ id: listenerId, ...listener }),
  ),
  'coap.removeListener': method<{ removed: true }>()('admin', v.object({ id: listenerId })),
  'coap.startListener': method<CoapListenerStatus>()('admin', v.object({ id: listenerId })),
  'coap.stopListener': method<CoapListenerStatus>()('admin', v.object({ id: listenerId })),
} as const;
