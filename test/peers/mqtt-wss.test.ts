/** MQTT over WebSocket over TLS: what every transport does, with client certificates through both layers. */
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectRequest } from '../../core/mqtt/options.ts';
import { describeMqtt } from './mqtt-behaviour.ts';
import { MqttRig } from './mqtt-behaviour-rig.ts';

describeMqtt('wss');

describe('a WSS listener', () => {
  let rig: MqttRig;
  afterEach(() => rig.close());

  it('knows its client by the certificate, and takes up a renewed one of its own', async () => {
    const requests: ConnectRequest[] = [];
    rig = await MqttRig.open('wss', {
      secure: { clientCertificates: 'required' },
      broker: {
        authenticate(request) {
          requests.push(request);
          return { username: null };
        },
      },
    });
    const { certificatePem, keyPem } = await rig.certificates.issueDevice({
      kind: 'device',
      name: 'panel',
      hosts: [],
      days: 1,
    });
    const first = await rig.client({ cert: certificatePem, key: keyPem });
    expect(requests[0]!.origin.certificate?.commonName).toBe('panel');
    expect(requests[0]!.origin.profile.transport).toBe('wss');
    await expect(rig.client()).rejects.toThrow();
    rig.secure.setCredentials(await rig.issue());
    const second = await rig.client({ cert: certificatePem, key: keyPem });
    expect([first.connected, second.connected, rig.listener.connections]).toEqual([true, true, 2]);
  });
});
