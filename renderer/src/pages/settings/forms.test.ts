import { expect, it } from 'vitest';
import * as v from 'valibot';
import { newListener } from '../../../../core/contract/listeners.ts';
import type { CertificateRow, MqttListenerConfig } from '../../../../core/contract/listeners.ts';
import { userInput } from '../../../../core/contract/security.ts';
import type { UserRow } from '../../../../core/contract/security.ts';
import {
  importFieldOf,
  orderCertificates,
  ownAuthority,
  readDays,
  readHosts,
  shortSubject,
} from './certificate-form.ts';
import { fieldOfError, isOpen, placeOf } from './listener-form.ts';
import { closesMqttConnections, mqttFormOf, readMqttForm } from './mqtt-listener-form.ts';
import type { MqttListenerForm } from './mqtt-listener-form.ts';
import { readUserForm, userFormOf } from './user-form.ts';

const config: MqttListenerConfig = {
  id: 'plant',
  name: 'Plant',
  transport: 'tls',
  host: '10.0.0.1',
  port: 8883,
  enabled: true,
  path: '/mqtt',
  certificate: 'server-1',
  clientCertificates: 'required',
  certificateUser: 'common-name',
  anonymous: false,
  acknowledge: 'committed',
  maxConnections: 100,
  maxPacketBytes: 65_536,
  publishRate: 0,
};
const { id: _id, ...same } = config;
const problemsOf = (more: Partial<MqttListenerForm>): string[] => {
  const read = readMqttForm({ ...mqttFormOf(config), ...more });
  return read.ok ? [] : Object.keys(read.problems);
};

it('gives back the listener it was made of, as the contract takes it', () => {
  const read = readMqttForm(mqttFormOf(config));
  expect(read).toEqual({ ok: true, listener: same });
  expect(v.safeParse(newListener, same).success).toBe(true);
});

it('puts each problem at its own field', () => {
  expect(problemsOf({ name: ' ', host: '', port: '70000' })).toEqual(['name', 'host', 'port']);
  expect(problemsOf({ maxConnections: '0', maxPacketBytes: '12', publishRate: '-1' })).toEqual([
    'maxConnections',
    'maxPacketBytes',
    'publishRate',
  ]);
  expect(problemsOf({ certificate: '' })).toEqual(['certificate']);
  expect(problemsOf({ transport: 'tcp', certificate: '' })).toEqual([]);
  expect(problemsOf({ transport: 'wss', path: 'mqtt' })).toEqual(['path']);
});

it('sends nothing about TLS for a listener without it', () => {
  const read = readMqttForm({ ...mqttFormOf(config), transport: 'ws' });
  expect(read.ok && [read.listener.certificate, read.listener.clientCertificates]).toEqual([null, 'none']);
});

it('knows the field of each refusal of the station', () => {
  expect(fieldOfError('listeners.needs_users')).toBe('anonymous');
  expect(fieldOfError('listeners.needs_certificate')).toBe('certificate');
  expect(fieldOfError('listeners.bad_address')).toBe('host');
  expect(fieldOfError('rpc.connection_lost')).toBeNull();
  expect(importFieldOf('certificates.key_mismatch')).toBe('key');
  expect(importFieldOf('certificates.expired')).toBe('certificate');
  expect(importFieldOf('rpc.forbidden')).toBeNull();
});

it('warns of closed connections for everything but the name and the limits', () => {
  expect(closesMqttConnections(config, { ...same, name: 'Other', maxConnections: 5, publishRate: 9 })).toBe(
    false,
  );
  expect(closesMqttConnections(config, { ...same, anonymous: true })).toBe(true);
  expect(closesMqttConnections(config, { ...same, port: 8884 })).toBe(true);
});

it('says where a listener is reached, with the path of a WebSocket', () => {
  expect(placeOf('10.0.0.1:8883', config)).toBe('10.0.0.1:8883');
  expect(placeOf(null, { ...config, host: '::1' })).toBe('[::1]:8883');
  expect(placeOf('10.0.0.1:80', { ...config, transport: 'ws' })).toBe('10.0.0.1:80/mqtt');
  const coap = { transport: 'wss' as const, host: '0.0.0.0', port: 8086 };
  expect(placeOf(null, coap)).toBe('0.0.0.0:8086/.well-known/coap');
});

it('takes only loopback as closed', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost'].map(isOpen)).toEqual(Array(5).fill(false));
  expect(['0.0.0.0', '::', '10.0.0.1', '1270.0.0.1'].map(isOpen)).toEqual(Array(4).fill(true));
});

const user: UserRow = {
  name: 'pumps',
  enabled: true,
  roles: ['sensors'],
  clientIds: ['pump-%u'],
  hasPassword: true,
  createdMs: 0,
  changedMs: 0,
  lastSeenMs: 0,
  publishRate: 5,
};

it('leaves the password out when it is to stay, takes it away with null, and never shows one', () => {
  expect(userFormOf(user).password).toBe('');
  const kept = readUserForm(userFormOf(user), user, []);
  expect(kept.ok && 'password' in kept.input).toBe(false);
  expect(v.safeParse(userInput, kept.ok && kept.input).success).toBe(true);
  const taken = readUserForm({ ...userFormOf(user), certificateOnly: true }, user, []);
  expect(taken.ok && taken.input.password).toBeNull();
});

it('wants a password of a new user, long enough, and a name that is free', () => {
  const fresh = { ...userFormOf(null), name: 'new' };
  const keys = (form: typeof fresh): string[] => {
    const read = readUserForm(form, null, ['pumps']);
    return read.ok ? [] : Object.keys(read.problems);
  };
  expect(keys(fresh)).toEqual(['password']);
  expect(keys({ ...fresh, password: 'short' })).toEqual(['password']);
  expect(keys({ ...fresh, password: 'long enough', name: 'pumps' })).toEqual(['name']);
  expect(keys({ ...fresh, password: 'long enough', name: 'a/b', publishRate: 'x' })).toEqual([
    'name',
    'publishRate',
  ]);
  expect(keys({ ...fresh, certificateOnly: true })).toEqual([]);
});

it('reads names and addresses however they are set apart', () => {
  expect(readHosts(' a.local\n10.0.0.1, ::1;a.local\n')).toEqual(['a.local', '10.0.0.1', '::1']);
  expect(['1', '3650', '0', '3651', '1.5', ''].map(readDays)).toEqual([1, 3_650, null, null, null, null]);
});

it('lists authorities first, and what ends first before what ends later', () => {
  const row = (
    id: string,
    kind: CertificateRow['kind'],
    validToMs: number,
    more: Partial<CertificateRow> = {},
  ) => ({ id, kind, validToMs, origin: 'made', hasKey: true, ...more }) as CertificateRow;
  const rows = [
    row('d', 'device', 1),
    row('s2', 'server', 9),
    row('trusted', 'authority', 2, { origin: 'imported', hasKey: false }),
    row('s1', 'server', 3),
    row('own', 'authority', 7),
  ];
  expect(orderCertificates(rows).map(({ id }) => id)).toEqual(['trusted', 'own', 's1', 's2', 'd']);
  expect(ownAuthority(rows)?.id).toBe('own');
  expect(ownAuthority(rows.slice(0, 4))).toBeNull();
});

it('shortens a subject only where it is nothing but a common name', () => {
  expect(shortSubject('CN=North plant')).toBe('North plant');
  expect(shortSubject('CN=a, O=b')).toBe('CN=a, O=b');
});
