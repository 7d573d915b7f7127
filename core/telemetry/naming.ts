/**
 * From a topic, a CoAP path and the keys of a payload to device, series and unit: the rules of docs/readings.md.
 * Slow and plain on purpose: what it finds out is remembered per topic and shape of payload (plan.ts).
 */
import { quantityOfName } from './quantities.ts';
import type { KeyNode } from './key-tree.ts';

/** Where a payload came from, read by the rules. */
export interface Source {
  protocol: 'mqtt' | 'coap';
  /** Topic or CoAP path as it came, without slashes in front. */
  path: string;
  /** Device of a payload whose keys name its series. */
  deviceKey: string;
  /** What stands before the names of such a payload; empty for MQTT. */
  prefix: string;
  /** Device of a single value. Its own only when the last topic level names a quantity. */
  valueDeviceKey: string;
  valueName: string;
  valueQuantity: string | null;
  valueUnit: string;
  /** The last level names a quantity: `value` inside a payload means that quantity. */
  namesQuantity: boolean;
}

/** A series as a payload asks for it. */
export interface WantedSeries {
  /** By the rules. */
  name: string;
  /** As the device spelled it, for when two keys of one payload come to the same name. */
  written: string;
  quantity: string | null;
  unit: string;
}

const VALUE_KEYS = new Set(['value', 'val', 'v']);
/** Keys that say which number of the quantity above them it is. */
const ASPECT_KEYS = new Set(['min', 'max', 'avg', 'mean', 'minimum', 'maximum', 'average']);

export function mqttSource(topic: string): Source {
  const border = topic.lastIndexOf('/');
  const last = topic.slice(border + 1);
  const named = quantityOfName(last);
  const whole: Source = {
    protocol: 'mqtt',
    path: topic.replace(/^\/+/, ''),
    deviceKey: topic,
    prefix: '',
    valueDeviceKey: topic,
    valueName: 'value',
    valueQuantity: null,
    valueUnit: '',
    namesQuantity: false,
  };
  if (named === null) return whole;
  return {
    ...whole,
    // A topic of one level has nothing above it to be the device.
    valueDeviceKey: border > 0 ? topic.slice(0, border) : topic,
    valueName: named.exact ? named.quantity : cleanName(last),
    valueQuantity: named.quantity,
    valueUnit: named.unit,
    namesQuantity: true,
  };
}

/** `path` may carry a query: another query is another resource, so that its series is another one too. */
export function coapSource(authority: string, path: string): Source {
  const queryAt = path.indexOf('?');
  const query = queryAt < 0 ? '' : path.slice(queryAt);
  const parts = path
    .slice(0, path.length - query.length)
    .split('/')
    .filter((part) => part !== '');
  const plainPath = parts.join('/');
  const last = parts.at(-1);
  const named = last === undefined ? null : quantityOfName(last);
  if (named?.exact === true) parts[parts.length - 1] = named.quantity;
  const prefix = cleanName(parts.join('.') + query);
  return {
    protocol: 'coap',
    path: plainPath,
    deviceKey: authority,
    prefix,
    valueDeviceKey: authority,
    valueName: prefix === '' ? 'value' : prefix,
    valueQuantity: named?.quantity ?? null,
    valueUnit: named?.unit ?? '',
    namesQuantity: named !== null,
  };
}

/** A JSON payload whose top has a plain `value` (or is an array), under a topic that names a quantity. */
export function speaksOfTopicQuantity(source: Source, leaves: readonly KeyNode[]): boolean {
  if (!source.namesQuantity) return false;
  return leaves.some((leaf) => {
    const top = leaf.path()[0]!;
    return top.isIndex || (top === leaf && VALUE_KEYS.has(top.key.toLowerCase()));
  });
}

/** @param ofQuantity the payload is about the quantity that its topic names (`speaksOfTopicQuantity`) */
export function seriesOfLeaf(source: Source, leaf: KeyNode, ofQuantity: boolean): WantedSeries {
  const path = leaf.path();
  const prefix = ofQuantity ? source.valueName : source.prefix;
  const written = cleanName(
    joined(
      prefix,
      path.map((node) => node.key),
    ),
  );
  const own = path.filter((node) => !node.isIndex);
  const lastKey = own.at(-1);
  if (path.length === 1 && lastKey !== undefined && isTopValue(source, lastKey.key, ofQuantity)) {
    return { name: source.valueName, written, quantity: source.valueQuantity, unit: source.valueUnit };
  }
  if (lastKey === undefined) {
    const inherited = ofQuantity || source.namesQuantity;
    const quantity = inherited ? source.valueQuantity : null;
    return { name: written, written, quantity, unit: inherited ? source.valueUnit : '' };
  }
  const named = quantityOfName(lastKey.key);
  if (named !== null) {
    const keys = path.map((node) => (node === lastKey && named.exact ? named.quantity : node.key));
    return { name: cleanName(joined(prefix, keys)), written, quantity: named.quantity, unit: named.unit };
  }
  return fromKeyAbove(prefix, path, own, written);
}

/** `{"temperature":{"value":21,"max":25}}`: the quantity stands one key above. */
function fromKeyAbove(prefix: string, path: KeyNode[], own: KeyNode[], written: string): WantedSeries {
  const lastKey = own.at(-1)!;
  const lower = lastKey.key.toLowerCase();
  const above = own.at(-2);
  const named = above === undefined ? null : quantityOfName(above.key);
  const isValue = VALUE_KEYS.has(lower);
  if (above === undefined || named === null || (!isValue && !ASPECT_KEYS.has(lower))) {
    return { name: written, written, quantity: null, unit: '' };
  }
  const keys = path
    .filter((node) => !(isValue && node === lastKey))
    .map((node) => (node === above && named.exact ? named.quantity : node.key));
  return { name: cleanName(joined(prefix, keys)), written, quantity: named.quantity, unit: named.unit };
}

/** `v` alone is a value only where something says what of: elsewhere it is as likely a voltage. */
function isTopValue(source: Source, key: string, ofQuantity: boolean): boolean {
  const lower = key.toLowerCase();
  if (ofQuantity || source.prefix !== '') return VALUE_KEYS.has(lower);
  return lower === 'value' || lower === 'val';
}

/** A SenML name (RFC 8428 §4.5.1) without what repeats the topic, the resource or the device in front of it. */
export function relativeSenmlName(source: Source, fullName: string): string {
  const name = fullName.replace(/^\/+/, '');
  for (const front of [source.path, source.deviceKey]) {
    if (front === '' || !name.startsWith(front)) continue;
    if (name.length === front.length) return '';
    if (name[front.length] === '/' || name[front.length] === ':') return name.slice(front.length + 1);
  }
  return name;
}

/** @param name as `relativeSenmlName` gives it; empty for the resource itself */
export function seriesOfSenmlName(
  source: Source,
  name: string,
  unit: string,
  ofQuantity: boolean,
): WantedSeries {
  if (name === '') {
    const { valueName, valueQuantity, valueUnit } = source;
    const told = unit === '' ? valueUnit : unit;
    return { name: valueName, written: valueName, quantity: valueQuantity, unit: told };
  }
  const prefix = ofQuantity ? source.valueName : source.prefix;
  const border = name.search(/[^/:.]*$/);
  const named = quantityOfName(name.slice(border));
  const short = named?.exact === true ? name.slice(0, border) + named.quantity : name;
  const dotted = (text: string) => cleanName(joined(prefix, text.split('/')));
  const quantity = named?.quantity ?? null;
  return {
    name: dotted(short),
    written: dotted(name),
    quantity,
    unit: unit === '' ? (named?.unit ?? '') : unit,
  };
}

/**
 * Settles names within one payload, so that two values never become one series in silence. Values that come to the
 * same name: the one that is spelled that way keeps it, the others are called as they are written.
 *
 * @returns a name for each, null where even the written ones are the same: that value is left out.
 */
export function settleNames(wanted: readonly WantedSeries[], maxLength: number): (string | null)[] {
  const uses = new Map<string, number>();
  for (const { name } of wanted) uses.set(name, (uses.get(name) ?? 0) + 1);
  const taken = new Set<string>();
  return wanted.map(({ name, written, unit }) => {
    const settled = uses.get(name) === 1 ? name : written;
    const identity = `${settled}\n${unit}`;
    if (settled === '' || settled.length > maxLength || taken.has(identity)) return null;
    taken.add(identity);
    return settled;
  });
}

function joined(prefix: string, keys: string[]): string {
  const path = keys.join('.');
  if (prefix === '') return path;
  return path === '' ? prefix : `${prefix}.${path}`;
}

/** Series names are shown and stored: no control characters, no halves of surrogate pairs. */
export function cleanName(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.toWellFormed().replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
