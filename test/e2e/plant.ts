/** A plant as an operator would find it: clients of every kind, payloads of every kind, users, certificates, listeners. */
import { plantTopics } from '../support/console-payloads.ts';
import type { Desk } from './launchers.ts';
import { connect } from './mqtt-clients.ts';

export async function plant(desk: Desk): Promise<void> {
  const port = desk.port('mqtt');
  const rpc = desk.client();
  await rpc.call('certificates.makeAuthority', { name: 'North plant authority' });
  const { id: certificate } = await rpc.call('certificates.issueServer', {
    ...{ kind: 'server', name: 'Hall 3', hosts: ['station.north.example', '127.0.0.1'], days: 20 },
  });
  await rpc.call('certificates.issueDevice', { kind: 'device', name: 'pump-7', days: 825 });
  await rpc.call('security.putRole', {
    name: 'sensors',
    rules: [
      { effect: 'deny', action: 'publish', filter: 'plant/+/+/set' },
      { effect: 'allow', action: 'publish', filter: 'plant/#' },
      { effect: 'allow', action: 'subscribe', filter: 'plant/+/%u/#' },
    ],
  });
  await rpc.call('security.putRole', {
    name: 'operators',
    rules: [{ effect: 'allow', action: 'both', filter: '#' }],
  });
  await rpc.call('security.putUser', {
    name: 'pump-7',
    password: null,
    roles: ['sensors'],
    clientIds: ['%u'],
  });
  await rpc.call('security.putUser', {
    name: 'anna',
    password: 'correct horse battery',
    roles: ['operators', 'sensors'],
  });
  await rpc.call('security.putUser', {
    name: 'old-gateway',
    password: 'not in use any more',
    roles: [],
    enabled: false,
  });
  await rpc.call('listeners.add', {
    ...{ name: 'Hall 3, devices', transport: 'tls', host: '127.0.0.1', port: 0, certificate },
    ...{ clientCertificates: 'required', maxConnections: 200 },
  });
  await rpc.call('listeners.add', {
    ...{ name: 'Browsers', transport: 'ws', host: '127.0.0.1', port: 0, anonymous: true, enabled: false },
  });
  await rpc.call('publishes.save', {
    ...{
      name: 'Night mode on',
      topic: 'plant/mode',
      payload: btoa('night'),
      qos: 1,
      retain: true,
      properties: {},
    },
  });

  const publishers = new Map<string, Awaited<ReturnType<typeof connect>>>();
  for (const { topic, client, qos, retain, payload, properties: given, moves } of plantTopics()) {
    if (client === null) continue;
    if (!publishers.has(client))
      publishers.set(client, await connect(port, { clientId: client, keepalive: 60 }));
    const properties = {
      ...(given?.contentType === undefined ? {} : { contentType: given.contentType }),
      ...(given?.payloadFormat === undefined ? {} : { payloadFormatIndicator: given.payloadFormat === 1 }),
      ...(given?.responseTopic === undefined ? {} : { responseTopic: given.responseTopic }),
      ...(given?.userProperties === undefined
        ? {}
        : { userProperties: Object.fromEntries(given.userProperties) }),
    };
    for (let step = 1; step <= (moves ? 4 : 1); step++) {
      await publishers
        .get(client)!
        .publishAsync(topic, Buffer.from(payload(step)), { qos, retain, properties });
    }
  }
  // One reads and never acknowledges, one is away, one of 3.1.1 hears everything.
  const stuck = await connect(port, {
    ...{ clientId: 'historian', clean: false, customHandleAcks: () => undefined },
    properties: {
      receiveMaximum: 2,
      sessionExpiryInterval: 86_400,
      userProperties: { site: 'north', version: '4.2' },
    },
    will: { topic: 'plant/historian/state', payload: Buffer.from('lost'), qos: 1, retain: true },
  });
  // Nothing retained comes at first: it would never read the answer behind it.
  await stuck.subscribeAsync(['plant/#', '$share/readers/formats/+'], {
    qos: 1,
    rh: 2,
    properties: { subscriptionIdentifier: 3 },
  });
  const away = await connect(port, {
    ...{ clientId: 'night-shift-panel', clean: false, properties: { sessionExpiryInterval: 0xffff_ffff } },
  });
  await away.subscribeAsync('plant/+/door', { qos: 1 });
  await away.endAsync();
  const old = await connect(port, { clientId: 'scada-3.1.1', protocolVersion: 4 });
  await old.subscribeAsync('#', { qos: 0 });
  const door = publishers.get('gateway-1')!;
  for (const state of ['open', 'closed', 'open', 'closed', 'open'])
    await door.publishAsync('plant/room1/door', state, { qos: 1, retain: true });
  await rpc.call('retained.clear', { topics: ['plant/room2/door', 'plant/room3/door'] });
  rpc.close();
}
