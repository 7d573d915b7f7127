import { MalformedPacket } from './codec/malformed.ts';
import { TOPIC_FILTER_INVALID, TOPIC_NAME_INVALID } from './codec/reason-codes.ts';

/**
 * Most levels of a topic name or filter. The standard sets no limit; without one a 64 KiB retained topic of
 * slashes would cost megabytes of tree.
 */
export const MAX_TOPIC_LEVELS = 200;

/** A name to publish to: not empty, no wildcard (MQTT-3.3.2-2, MQTT-4.7.3-1), at most `MAX_TOPIC_LEVELS`. */
export function checkTopicName(topic: string): void {
  if (topic.length === 0) throw new MalformedPacket('topic_name', 'An empty topic name.');
  let levels = 1;
  for (let at = 0; at < topic.length; at++) {
    const code = topic.charCodeAt(at);
    if (code === 0x2f) levels++;
    else if (code === 0x23 || code === 0x2b) {
      throw new MalformedPacket('topic_name', 'A topic name with a wildcard.');
    } else if (code === 0) throw new MalformedPacket('utf8', 'A topic name with U+0000.');
  }
  if (levels > MAX_TOPIC_LEVELS) {
    throw new MalformedPacket('too_many_levels', `A topic of ${levels} levels.`, TOPIC_NAME_INVALID);
  }
}

const SHARE = '$share/';

/**
 * A filter to subscribe to: `+` and `#` fill a whole level, `#` is the last one (3.1.1 §4.7.1, MQTT-4.7.1-1, -2), or
 * `$share/NAME/` and such a filter (v5 §4.8.2).
 */
export function checkTopicFilter(filter: string): void {
  if (filter.startsWith(SHARE)) {
    const shared = parseShared(filter);
    if (shared === null)
      throw badFilter('A shared subscription without a name and a filter (MQTT-4.8.2-1, -2).');
    checkPlainFilter(shared.filter);
  } else checkPlainFilter(filter);
}

/**
 * The name and the filter of `$share/NAME/FILTER` (v5 §4.8.2); null for every other filter. FILTER itself is not
 * looked at.
 */
export function parseShared(filter: string): { share: string; filter: string } | null {
  if (!filter.startsWith(SHARE)) return null;
  const end = filter.indexOf('/', SHARE.length);
  if (end <= SHARE.length || end === filter.length - 1) return null;
  const share = filter.slice(SHARE.length, end);
  if (share.includes('+') || share.includes('#')) return null;
  return { share, filter: filter.slice(end + 1) };
}

function checkPlainFilter(filter: string): void {
  if (filter.length === 0) throw badFilter('An empty topic filter.');
  const levels = filter.split('/');
  if (levels.length > MAX_TOPIC_LEVELS) {
    throw new MalformedPacket(
      'too_many_levels',
      `A topic filter of ${levels.length} levels.`,
      TOPIC_FILTER_INVALID,
    );
  }
  for (let index = 0; index < levels.length; index++) {
    const level = levels[index]!;
    const last = index === levels.length - 1;
    if ((level.includes('#') && !(level === '#' && last)) || (level.includes('+') && level !== '+')) {
      throw badFilter('A wildcard that does not fill its level, or # before the end.');
    }
  }
}

function badFilter(message: string): MalformedPacket {
  return new MalformedPacket('topic_filter', message);
}

/** Topics of the server itself: `$SYS/...` and whatever else begins with a dollar (§4.7.2). */
export function isReserved(topic: string): boolean {
  return topic.charCodeAt(0) === 0x24;
}

/** Topics where only the station itself publishes. */
export function isServerOnly(topic: string): boolean {
  return topic === '$SYS' || topic.startsWith('$SYS/');
}

/** Whether `topic` matches `filter`, both valid. The reference for the trees, and for single questions. */
export function topicMatches(filter: string, topic: string): boolean {
  if (isReserved(topic) && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (let index = 0; index < wanted.length; index++) {
    if (wanted[index] === '#') return true;
    if (index >= levels.length) return false;
    if (wanted[index] !== '+' && wanted[index] !== levels[index]) return false;
  }
  return wanted.length === levels.length;
}
