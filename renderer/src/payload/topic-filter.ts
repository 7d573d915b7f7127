/** Topic filters (MQTT 5.0 §4.7). */

/** `plant/+/temperature`, `plant/#`; wildcards at the front do not match topics that begin with `$` [MQTT-4.7.2-1]. */
export function filterMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= levels.length || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}

/** What is wrong with a filter, or null. */
export function filterProblem(filter: string): string | null {
  if (filter === '') return 'A topic filter is needed.';
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && (level !== '#' || index < levels.length - 1)) {
      return '“#” stands alone and last.';
    }
    if (level.includes('+') && level !== '+') return '“+” fills a whole level.';
  }
  return null;
}

/** What is wrong with a topic to publish to, or null (MQTT 5.0 §3.3.2.1, §1.5.4). */
export function topicProblem(topic: string): string | null {
  if (topic === '') return 'A topic is needed.';
  if (/[+#]/.test(topic)) return 'A topic to publish to has no “+” and no “#”.';
  if (topic.includes('\u0000')) return 'A topic has no null character.';
  if (new TextEncoder().encode(topic).byteLength > 65_535) return 'A topic has at most 65,535 bytes.';
  return topic.startsWith('$') ? 'Topics that begin with “$” belong to the broker.' : null;
}
