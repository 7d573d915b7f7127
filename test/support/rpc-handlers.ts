/** Handlers for the whole contract that a test replaces where it looks. */
import { CodedError } from '../../core/base/errors.ts';
import { methods } from '../../core/contract/methods.ts';
import { subscriptions } from '../../core/contract/subscriptions.ts';
import type { MethodName } from '../../core/contract/methods.ts';
import type { CallContext, Handlers } from '../../core/rpc/types.ts';

/** Untyped on purpose: rpc carries whatever it is given, and a test shows more with odd values than with real ones. */
export type AnyMethod = (params: never, context: CallContext) => unknown;

export interface TestFeed {
  params: unknown;
  /** How many feeds were opened before this one. */
  number: number;
  closed: boolean;
  snapshots: number;
  drains: number;
  /** What the next drain gives, coalesced as a real source does it: a count of changes. */
  changes: number;
  change(): void;
}

export interface TestHandlers {
  handlers: Handlers;
  /** Every feed of the topics that was ever opened, in order. */
  feeds: TestFeed[];
  /** Replaces the handler of one method from now on. */
  on(name: MethodName, handler: AnyMethod): void;
}

/**
 * Methods fail `test.unused` until replaced. Every topic gives `{snapshot: n, feed}` and `{changes: n}`; the topic
 * `coap` refuses with `test.refused`, and `topics` throws an Error that nobody foresaw.
 */
export function testHandlers(): TestHandlers {
  const replaced = new Map<string, AnyMethod>();
  const feeds: TestFeed[] = [];

  const method = (name: string) => (params: never, context: CallContext) => {
    const handler = replaced.get(name);
    if (handler === undefined) throw new CodedError('test.unused', `${name} is not used in this test.`);
    return handler(params, context);
  };

  const topic = (name: string) => (params: unknown, dirty: () => void) => {
    if (name === 'coap')
      throw new CodedError('test.refused', 'Not today.', { detail: { until: 'tomorrow' } });
    if (name === 'topics') throw new Error('/secret/path is broken');
    const feed: TestFeed = {
      params,
      number: feeds.length,
      closed: false,
      snapshots: 0,
      drains: 0,
      changes: 0,
      change() {
        feed.changes++;
        dirty();
      },
    };
    feeds.push(feed);
    return {
      snapshot() {
        feed.changes = 0;
        return { snapshot: ++feed.snapshots, feed: feed.number, t: new Float64Array([1.5, NaN]) };
      },
      drain() {
        feed.drains++;
        const { changes } = feed;
        feed.changes = 0;
        return changes === 0 ? null : { changes, v: new Float64Array([changes]) };
      },
      close() {
        feed.closed = true;
      },
    };
  };

  const handlers = {
    methods: Object.fromEntries(Object.keys(methods).map((name) => [name, method(name)])),
    subscriptions: Object.fromEntries(Object.keys(subscriptions).map((name) => [name, topic(name)])),
  };
  return {
    handlers: handlers as unknown as Handlers,
    feeds,
    on: (name, handler) => void replaced.set(name, handler),
  };
}
