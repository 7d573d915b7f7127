import type { Broker } from '../mqtt/broker.ts';
import type { SysNumbers } from '../mqtt/sys-tree.ts';

/** What `$SYS` tells, read from the broker. One pass over the sessions: not for every second. */
export function sysNumbers(broker: Broker): SysNumbers {
  const { counters, retained } = broker;
  let stored = retained.count;
  let storedBytes = retained.bytes;
  for (const client of broker.clients()) {
    stored += client.queued + client.inFlight;
    storedBytes += client.queuedBytes;
  }
  const { connected, absent, expired } = broker.sessionCounts;
  return {
    connected,
    disconnected: absent,
    expired,
    packetsIn: counters.messagesIn + counters.otherPacketsIn,
    packetsOut: counters.messagesOut + counters.otherPacketsOut,
    publishesIn: counters.messagesIn,
    publishesOut: counters.messagesOut,
    publishesDropped: counters.droppedOut + counters.droppedIn,
    publishBytesIn: counters.publishBytesIn,
    publishBytesOut: counters.publishBytesOut,
    bytesIn: counters.bytesIn,
    bytesOut: counters.bytesOut,
    sockets: counters.connectionsAccepted + counters.connectionsRefused,
    connects: counters.connectionsAccepted,
    stored,
    storedBytes,
    retained: retained.count,
    subscriptions: broker.subscriptionCount,
    sharedSubscriptions: broker.sharedGroupCount,
    heapBytes: process.memoryUsage().heapUsed,
  };
}
