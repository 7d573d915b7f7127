import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { silentLog } from '../base/log.ts';
import { ManualClock } from '../base/manual-clock.ts';
import { newDirectoryCounters } from '../coap/directory/limits.ts';
import { CoapEndpoint } from '../coap/endpoint.ts';
import { newServerCounters } from '../coap/server/limits.ts';
import { MemorySink } from '../devices/memory-sink-for-tests.ts';
import { DeviceRegistry } from '../devices/registry.ts';
import { TopicTree } from '../devices/topic-tree.ts';
import { Broker } from '../mqtt/broker.ts';
import { Telemetry } from '../telemetry/telemetry.ts';
import { limitsOf } from './collect.ts';

/** The same counters, all of them at one. */
function atOne<T extends object>(counters: T): T {
  return Object.fromEntries(
    Object.entries(counters).map(([name, value]) => [
      name,
      typeof value === 'number' ? 1 : atOne(value as object),
    ]),
  ) as T;
}

function everyLimit(): string[] {
  const clock = new ManualClock();
  const sink = new MemorySink();
  const registry = new DeviceRegistry({ sink, clock });
  const part = <T extends object>({ counters }: { counters: T }) => ({ counters: atOne(counters) });
  const limits = limitsOf(
    {
      broker: part(new Broker({ clock, log: silentLog })),
      mqttListeners: { counters: () => ({ handshakesFailed: 1, upgradesRefused: 1, newcomersTimedOut: 1 }) },
      mqttAccess: { counters: { wrong: 1, throttled: 1, busy: 1 } },
      endpoint: part(new CoapEndpoint({ clock, log: silentLog })),
      server: { counters: atOne(newServerCounters()) },
      directory: { counters: atOne(newDirectoryCounters()) },
      desk: { leftOut: 1 },
      registry: part(registry),
      topics: part(new TopicTree({ sink, seriesOf: () => [] })),
      telemetry: part(new Telemetry({ catalog: registry })),
      intake: { refused: 1 },
      rpc: {
        counters: {
          calls: 1,
          badInputs: 1,
          forbidden: 1,
          internalErrors: 1,
          badFrames: 1,
          tooManyCalls: 1,
          tooManySubscriptions: 1,
          busy: 1,
          freshSnapshots: 1,
          silentScreens: 1,
        },
      },
      gatewayCounters: {
        requests: 1,
        badRequests: 1,
        refusedHosts: 1,
        refusedOrigins: 1,
        wrongTokens: 1,
        throttled: 1,
        badMessages: 1,
        helloTimeouts: 1,
        tooManyScreens: 1,
        proxyBusy: 1,
        proxyTooLarge: 1,
        proxySlow: 1,
      },
    },
    1,
  );
  return Object.keys(limits);
}

/** The text under the heading that says which counters it states. */
function statedFor(part: string): string {
  const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
  const sections = read('limits.md').split(/^## /m);
  const own = sections.filter((section) => new RegExp(`^Counted under .*\`${part}\\.\``, 'm').test(section));
  return own.join('') + (part === 'readings' ? read('readings.md') : '');
}

test.each(everyLimit())('%s is stated in docs/limits.md', (limit) => {
  const [part, reason] = limit.split('.') as [string, string];
  expect(statedFor(part)).toContain(`\`${reason}\``);
});

test('counters of ordinary use are no limits, and what never happened is not shown', () => {
  expect(everyLimit().length).toBeGreaterThan(40);
  expect(everyLimit()).not.toEqual(expect.arrayContaining([expect.stringMatching(/\.(calls|requests)$/)]));
});
