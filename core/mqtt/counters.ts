import type { BrokerCounters } from './types.ts';

export function createCounters(): BrokerCounters {
  return {
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    droppedOut: 0,
    droppedIn: 0,
    denied: 0,
    retainedRefused: 0,
    sessionsEvicted: 0,
    stuckClients: 0,
    connectionsAccepted: 0,
    connectionsRefused: 0,
    malformedPackets: 0,
    keepAliveTimeouts: 0,
    takeOvers: 0,
    otherPacketsIn: 0,
    otherPacketsOut: 0,
    publishBytesIn: 0,
    publishBytesOut: 0,
    expiredMessages: 0,
    expiredSessions: 0,
    quotaExceeded: 0,
    badCredentials: 0,
    tooLargeForClient: 0,
  };
}
