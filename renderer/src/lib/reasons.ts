/** Codes of the station in words: why a payload is shown raw, what a limit refused. */
const RAW_REASONS: Record<string, string> = {
  empty: 'The payload is empty: with the retain flag this clears what was retained.',
  not_numeric: 'The payload holds no number that could be read as a value.',
  not_finite: 'The value is not a finite number (NaN or infinity), so it is not recorded as a reading.',
  too_large: 'The payload is larger than what is searched for values.',
  too_deep: 'The JSON is nested more deeply than what is searched for values.',
  malformed_json: 'It begins like JSON and is not: the text breaks off or has a fault.',
  malformed_senml: 'It looks like SenML (RFC 8428) and breaks its rules.',
  topic_too_long: 'The topic is too long to become a device.',
  reserved_topic: 'Topics that begin with $ belong to brokers and never become devices.',
  series_limit: 'The device has as many series as one device may have; new ones are kept raw.',
};

export function rawReasonText(code: string): string {
  return RAW_REASONS[code] ?? `The station gave the reason “${words(code)}”.`;
}

/** True where a limit only kept a payload, or part of it, from being read; the message itself was routed and kept. */
export function isKeptRaw(code: string): boolean {
  const [family, reason = ''] = code.split('.');
  return family === 'readings' && (reason in RAW_REASONS || reason === 'left_out');
}

/** Ends that their clients asked for, with an expiry: told among the limits, and no refusal. */
export function isByWish(code: string): boolean {
  return code === 'mqtt.expired_messages' || code === 'mqtt.expired_sessions';
}

const FAMILIES: Record<string, string> = {
  mqtt: 'MQTT',
  access: 'Users',
  coap: 'CoAP',
  http: 'Console',
  rpc: 'Screens',
  readings: 'Readings',
  record: 'Record',
  devices: 'Devices',
  topics: 'Topics',
};

/** `mqtt.malformed_packet` as part and words: `['MQTT', 'malformed packet']`. */
export function limitName(code: string): [part: string, what: string] {
  const dot = code.indexOf('.');
  if (dot < 0) return ['Station', words(code)];
  const family = code.slice(0, dot);
  return [FAMILIES[family] ?? family, words(code.slice(dot + 1))];
}

/** `camelCase`, `snake_case` and dots as plain words. */
function words(code: string): string {
  return code
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[._-]+/g, ' ')
    .toLowerCase();
}
