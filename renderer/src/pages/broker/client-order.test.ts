import { expect, it } from 'vitest';
import type { ClientRow } from '../../../../core/contract/broker.ts';
import {
  CLIENT_SORT_KEYS,
  countClients,
  isMovingSort,
  orderClients,
  sameOrder,
  stateOf,
} from './client-order.ts';
import type { WantedClients } from './client-order.ts';

function client(clientId: string, more: Partial<ClientRow> = {}) {
  const latest: ClientRow = {
    clientId,
    connected: true,
    protocolLevel: 5,
    transport: 'tcp',
    listener: 'mqtt',
    address: '10.0.0.1:50000',
    username: null,
    keepAliveSeconds: 60,
    connectedMs: 1,
    leftMs: 0,
    lastPacketMs: 1_000,
    sessionExpirySeconds: 0,
    subscriptions: 0,
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
  };
  return {
    clientId,
    latest,
    searchText: `${clientId}\n${latest.address}\n${latest.username ?? ''}`.toLowerCase(),
  };
}

const wanted = (more: Partial<WantedClients>): WantedClients => ({
  search: '',
  filter: 'all',
  sort: 'clientId',
  descending: false,
  ...more,
});

it('keeps the order it is given for client ids, and turns it round', () => {
  const list = [client('a'), client('b'), client('c')];
  expect(orderClients(list, wanted({}))).toEqual(['a', 'b', 'c']);
  expect(orderClients(list, wanted({ descending: true }))).toEqual(['c', 'b', 'a']);
});

it('orders addresses by their numbers, not their letters', () => {
  const list = [
    client('a', { address: '10.0.0.10:5' }),
    client('b', { address: '10.0.0.9:60000' }),
    client('c', { address: '[fe80::1]:4' }),
    client('d', { address: '10.0.0.9:7' }),
    client('e', { address: '' }),
  ];
  expect(orderClients(list, wanted({ sort: 'address' }))).toEqual(['d', 'b', 'a', 'c', 'e']);
});

it('puts what has no value last, whichever way the column is sorted', () => {
  const list = [client('a'), client('b', { username: 'Zoe' }), client('c', { username: 'adam' })];
  expect(orderClients(list, wanted({ sort: 'user' }))).toEqual(['c', 'b', 'a']);
  expect(orderClients(list, wanted({ sort: 'user', descending: true }))).toEqual(['b', 'c', 'a']);
});

it('takes no keep-alive as the longest one', () => {
  const list = [client('a', { keepAliveSeconds: 0 }), client('b', { keepAliveSeconds: 600 }), client('c')];
  expect(orderClients(list, wanted({ sort: 'keepAlive' }))).toEqual(['c', 'b', 'a']);
});

it('sorts packets by age: the newest first, and does not let rows dance within a second', () => {
  const list = [
    client('a', { lastPacketMs: 5_000 }),
    client('b', { lastPacketMs: 9_900 }),
    client('c', { lastPacketMs: 9_100 }),
    client('d', { lastPacketMs: 0 }),
  ];
  expect(orderClients(list, wanted({ sort: 'lastPacket' }))).toEqual(['b', 'c', 'a', 'd']);
});

it('brings slow clients to the top of the states, then absent ones', () => {
  const list = [client('a'), client('b', { connected: false, slow: true }), client('c', { slow: true })];
  expect(orderClients(list, wanted({ sort: 'state', descending: true }))).toEqual(['c', 'b', 'a']);
});

it('counts a slow client among the connected, and an absent one never as slow', () => {
  const list = [
    client('a', { slow: true, dropped: 3, queued: 7, queuedBytes: 70 }),
    client('b', { connected: false, slow: true, queued: 1, queuedBytes: 5 }),
    client('c', { inFlight: 2, subscriptions: 4 }),
  ];
  expect(countClients(list)).toEqual({
    all: 3,
    connected: 2,
    absent: 1,
    slow: 1,
    dropped: 1,
    inFlight: 2,
    queued: 8,
    queuedBytes: 75,
    subscriptions: 4,
  });
  expect(stateOf(list[1]!.latest)).toBe('absent');
  const shown = (filter: WantedClients['filter']) => orderClients(list, wanted({ filter }));
  expect(shown('connected')).toEqual(['a', 'c']);
  expect(shown('absent')).toEqual(['b']);
  expect(shown('slow')).toEqual(['a']);
  expect(shown('dropped')).toEqual(['a']);
});

it('finds every word in id, address or user', () => {
  const list = [client('Pump-1', { username: 'north' }), client('pump-2', { username: 'south' })];
  expect(orderClients(list, wanted({ search: ' PUMP nor ' }))).toEqual(['Pump-1']);
  expect(orderClients(list, wanted({ search: '10.0.0' }))).toEqual(['Pump-1', 'pump-2']);
});

it('takes an order that did not change as the same', () => {
  expect(sameOrder(['a', 'b'], ['a', 'b'])).toBe(true);
  expect(sameOrder(['a', 'b'], ['b', 'a'])).toBe(false);
  expect(sameOrder(['a'], ['a', 'b'])).toBe(false);
});

it('lets only figures move the rows by themselves', () => {
  expect(CLIENT_SORT_KEYS.filter(isMovingSort)).toEqual([
    'state',
    'subscriptions',
    'inFlight',
    'queued',
    'dropped',
    'bytesIn',
    'bytesOut',
    'lastPacket',
  ]);
});
