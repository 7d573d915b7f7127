import { VERSION } from '../version.ts';
import type { BrokerParts } from './broker-parts.ts';
import { renderMetrics } from './metrics.ts';
import type { StatusBoard } from './status.ts';

/** The station as Prometheus text. */
export function metricsOf(
  { broker, mqttListeners, status }: Pick<BrokerParts, 'broker' | 'mqttListeners'> & { status: StatusBoard },
  startedMs: number,
): string {
  const { connected, absent } = broker.sessionCounts;
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return renderMetrics({
    version: VERSION,
    startedMs,
    status: status.status(),
    broker: broker.counters,
    sessions: { total: connected + absent, subscriptions: broker.subscriptionCount },
    mqttListeners: mqttListeners.list().map(({ config: { id, transport }, state, connections }) => ({
      id,
      transport,
      listening: state === 'listening',
      connections,
    })),
    process: { residentBytes: rss, heapBytes: heapUsed, cpuSeconds: (user + system) / 1e6 },
  });
}
