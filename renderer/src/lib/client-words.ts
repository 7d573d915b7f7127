/** What is known of an MQTT client, in words. Pure. */
import type { ClientDetail, ClientRow, SubscriptionRow } from '../../../core/contract/broker.ts';
import type { MqttListenerConfig } from '../../../core/contract/listeners.ts';
import { formatCount, formatDuration, plural } from './format.ts';

const PROTOCOLS: Record<number, string> = { 3: '3.1', 4: '3.1.1', 5: '5.0' };

/** `3.1.1` for level 4. */
export function protocolName(level: number): string {
  return PROTOCOLS[level] ?? `level ${level}`;
}

export function isSecure(transport: ClientRow['transport']): boolean {
  return transport === 'tls' || transport === 'wss';
}

export const TRANSPORT_NAMES: Record<ClientRow['transport'], string> = {
  tcp: 'TCP',
  tls: 'TLS',
  ws: 'WebSocket',
  wss: 'WebSocket over TLS',
};

/** A session that never expires (MQTT 5.0 §3.1.2.11.2). */
export const NEVER_SECONDS = 0xffff_ffff;

/** How long the session outlives the connection, as a sentence without its full stop. */
export function sessionText(expirySeconds: number): string {
  if (expirySeconds === 0) return 'ends with the connection';
  if (expirySeconds >= NEVER_SECONDS) return 'kept until it is forgotten here';
  return `kept for ${formatDuration(expirySeconds * 1000)} after it leaves`;
}

/** When an absent session ends, in host time; null where it is connected or never ends. */
export function sessionEndsMs(
  row: Pick<ClientRow, 'connected' | 'leftMs' | 'sessionExpirySeconds'>,
): number | null {
  if (row.connected || row.sessionExpirySeconds >= NEVER_SECONDS) return null;
  return row.leftMs + row.sessionExpirySeconds * 1000;
}

/** `60 s` as it stands in the packet; 0 switches it off (MQTT 5.0 §3.1.2.10). */
export function keepAliveText(seconds: number): string {
  return seconds === 0 ? 'off' : `${formatCount(seconds)}\u00a0s`;
}

const RETAIN_HANDLING = ['', 'retained only when new', 'no retained at start'];

/** Subscription options that differ from the usual, in words (MQTT 5.0 §3.8.3.1). */
export function optionWords(row: SubscriptionRow): string[] {
  const words: string[] = [];
  if (row.noLocal) words.push('no local');
  if (row.retainAsPublished) words.push('retain as published');
  if (row.retainHandling !== 0) words.push(RETAIN_HANDLING[row.retainHandling]!);
  if (row.subscriptionId !== 0) words.push(`id ${row.subscriptionId}`);
  return words;
}

export const WAITS_FOR: Record<ClientDetail['inFlight'][number]['state'], string> = {
  puback: 'PUBACK',
  pubrec: 'PUBREC',
  pubcomp: 'PUBCOMP',
};

/** What a disconnect does to this session and what it does not. One sentence each. */
export function disconnectEffects(row: ClientRow): string[] {
  const waiting = row.queued + row.inFlight;
  const lost = [
    plural(row.subscriptions, 'subscription'),
    ...(waiting > 0 ? [plural(waiting, 'waiting message')] : []),
  ].join(' and ');
  const session =
    row.sessionExpirySeconds === 0
      ? `Its session ends with the connection: ${lost} are gone.`
      : row.sessionExpirySeconds >= NEVER_SECONDS
        ? `Its session stays with ${lost}, and messages go on waiting for it.`
        : `Its session stays for ${formatDuration(row.sessionExpirySeconds * 1000)} with ${lost}, and messages go on waiting for it.`;
  const told =
    row.protocolLevel >= 5
      ? 'It is told “administrative action” (0x98) and the reason above.'
      : `MQTT ${protocolName(row.protocolLevel)} has no way to tell it why: the connection just closes. The reason is kept in the station\u2019s log.`;
  const back =
    row.username === null
      ? 'It may come back at once. To keep it out, close its listener to anonymous clients.'
      : `It may come back at once. To keep it out, disable the user ${row.username}.`;
  return [session, told, back];
}

export const ACKNOWLEDGE_NAMES: Record<MqttListenerConfig['acknowledge'], string> = {
  committed: 'after commit',
  received: 'on receipt',
};
