import { expect, it } from 'vitest';
import type { ClientRow } from '../../../core/contract/broker.ts';
import {
  disconnectEffects,
  keepAliveText,
  optionWords,
  protocolName,
  sessionEndsMs,
  sessionText,
} from './client-words.ts';

const NEVER = 4_294_967_295;
const row = (more: Partial<ClientRow>): ClientRow => ({
  clientId: 'pump-1',
  connected: true,
  protocolLevel: 5,
  transport: 'tcp',
  listener: 'mqtt',
  address: '',
  username: 'pumps',
  keepAliveSeconds: 60,
  connectedMs: 0,
  leftMs: 0,
  lastPacketMs: 0,
  sessionExpirySeconds: 0,
  subscriptions: 1,
  inFlight: 0,
  queued: 0,
  queuedBytes: 0,
  dropped: 0,
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  slow: false,
  ...more,
});

it('names protocol levels as people do', () => {
  expect([3, 4, 5, 9].map(protocolName)).toEqual(['3.1', '3.1.1', '5.0', 'level 9']);
});

it('says how long a session lasts [MQTT5 §3.1.2.11.2]', () => {
  expect(sessionText(0)).toBe('ends with the connection');
  expect(sessionText(3_600)).toBe('kept for 1\u00a0h after it leaves');
  expect(sessionText(NEVER)).toBe('kept until it is forgotten here');
});

it('knows when an absent session ends, and that a connected one or one without end does not', () => {
  expect(sessionEndsMs(row({ connected: false, leftMs: 5_000, sessionExpirySeconds: 10 }))).toBe(15_000);
  expect(sessionEndsMs(row({ connected: true, sessionExpirySeconds: 10 }))).toBeNull();
  expect(sessionEndsMs(row({ connected: false, leftMs: 5_000, sessionExpirySeconds: NEVER }))).toBeNull();
});

it('shows keep-alive as it stands in the packet; 0 is off, not zero seconds', () => {
  expect(keepAliveText(300)).toBe('300\u00a0s');
  expect(keepAliveText(0)).toBe('off');
});

it('names only the options that differ from the usual [MQTT5 §3.8.3.1]', () => {
  const plain = {
    filter: '#',
    qos: 1 as const,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0 as const,
    subscriptionId: 0,
  };
  expect(optionWords(plain)).toEqual([]);
  expect(
    optionWords({ ...plain, noLocal: true, retainAsPublished: true, retainHandling: 2, subscriptionId: 7 }),
  ).toEqual(['no local', 'retain as published', 'no retained at start', 'id 7']);
});

it('tells before a disconnect what is lost, what stays, whether the client hears why, and how to keep it out', () => {
  const [session, told, back] = disconnectEffects(row({ queued: 2, inFlight: 1 }));
  expect(session).toBe(
    'Its session ends with the connection: 1 subscription and 3 waiting messages are gone.',
  );
  expect(told).toContain('0x98');
  expect(back).toContain('disable the user pumps');
  const [kept, old, anonymous] = disconnectEffects(
    row({ protocolLevel: 4, sessionExpirySeconds: 60, username: null }),
  );
  expect(kept).toBe(
    'Its session stays for 1\u00a0min with 1 subscription, and messages go on waiting for it.',
  );
  expect(old).toContain('MQTT 3.1.1 has no way to tell it why');
  expect(anonymous).toContain('close its listener to anonymous clients');
  expect(disconnectEffects(row({ sessionExpirySeconds: NEVER }))[0]).toContain('Its session stays with');
});
