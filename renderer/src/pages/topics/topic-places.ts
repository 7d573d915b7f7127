/** Where things of the Topics page are. */
import { href } from '../../lib/place.ts';

export const TOPIC_VIEWS = ['live', 'retained', 'trash'] as const;
export type TopicView = (typeof TOPIC_VIEWS)[number];

export function viewOf(query: Record<string, string>): TopicView {
  return TOPIC_VIEWS.find((name) => name === query['view']) ?? 'live';
}

/** `#/topics/plant%2Fa?view=retained`; the live tree needs no `view`. */
export function topicHref(topic: string | null, view: TopicView = 'live'): string {
  return href('topics', topic, view === 'live' ? {} : { view });
}

/** The client on the Broker page. */
export function clientHref(clientId: string): string {
  return href('broker', null, { client: clientId });
}
