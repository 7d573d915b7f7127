/** A plant's CoAP side: a server that was found, devices that registered themselves, listeners and the proxy. */
import { LibcoapDevice } from '../support/libcoap-device.ts';
import { runPeer } from '../support/peers.ts';
import type { Desk } from './launchers.ts';

/** libcoap's server is the caller's to stop. */
export async function coapPlant(desk: Desk): Promise<LibcoapDevice> {
  const server = await LibcoapDevice.start({ flags: ['-d', '10'] });
  const { authority, port } = server;
  const rpc = desk.client();
  try {
    const put = (path: string, payload: string, contentFormat: number) =>
      rpc.call('coap.request', { uri: authority + path, method: 'PUT', payload, contentFormat });
    await put('/sensors/boiler', '21.5', 0);
    await put('/sensors/door', 'closed', 0);
    await put(
      '/config',
      JSON.stringify({
        site: 'north',
        setpoint: 21.5,
        hours: [6, 22],
        note: 'kept warm at night '.repeat(40),
      }),
      50,
    );
    await rpc.call('coap.discover', { uri: authority });
    const scan = { multicast: false, mdns: false, range: '127.0.0.1-2', port };
    await rpc.call('coap.scan', scan);
    const saved = {
      ...{ confirmable: true, blockBytes: null, accept: null, contentFormat: 50, options: [] },
      payloadAs: 'text' as const,
    };
    await rpc.call('coap.saveRequest', {
      ...{ ...saved, name: 'Night setpoint', uri: `${authority}/config`, method: 'PUT' },
      payload: new TextEncoder().encode('{"setpoint": 17}'),
    });
    const links = '</flow>;rt="flow";obs,</pressure>;rt="pressure";obs';
    const register = (query: string): void => {
      runPeer('coap-client-notls', [
        ...['-m', 'post', '-t', '40', '-e', links],
        `coap://127.0.0.1:${desk.port('coap')}/rd?${query}`,
      ]);
    };
    register(`ep=pump-7&d=hall3&et=pump&lt=3600&base=${authority}`);
    register('ep=a-gateway-with-a-rather-long-name&lt=90');
    await rpc.call('certificates.makeAuthority', { name: 'North plant authority' });
    const { id: certificate } = await rpc.call('certificates.issueServer', {
      ...{ kind: 'server', name: 'Hall 3', hosts: ['127.0.0.1'] },
    });
    const local = { host: '127.0.0.1', port: 0 };
    await rpc.call('coap.addListener', { ...local, name: 'Hall 3, devices', transport: 'tls', certificate });
    await rpc.call('coap.addListener', { ...local, name: 'Browsers', transport: 'ws', enabled: false });
    await rpc.call('coap.setServer', { others: 'register' });
    await rpc.call('coap.setProxy', { enabled: true, allow: ['10.0.0.0/24', '*.plant.local:5683'] });
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  } finally {
    rpc.close();
  }
}
