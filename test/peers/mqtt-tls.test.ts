/** MQTT over TLS: what every transport does, and who is let in by which certificate. */
import { once } from 'node:events';
import { createServer, connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { issue, makeAuthority } from '../../core/access/certificates/make.ts';
import { ManualClock } from '../../core/base/manual-clock.ts';
import type { ConnectRequest } from '../../core/mqtt/options.ts';
import { missingPeers } from '../support/peers.ts';
import { describeMqtt } from './mqtt-behaviour.ts';
import { MqttRig } from './mqtt-behaviour-rig.ts';
import type { RigOptions } from './mqtt-behaviour-rig.ts';

describeMqtt('tls');

const DAY_MS = 86_400_000;
const noMosquitto = missingPeers('mosquitto_pub').length > 0;

describe('TLS in particular', () => {
  let rig: MqttRig;
  let requests: ConnectRequest[];
  afterEach(() => rig.close());

  async function start(secure: RigOptions['secure'] = {}): Promise<void> {
    requests = [];
    const authenticate = (request: ConnectRequest) => {
      requests.push(request);
      return { username: request.origin.certificate?.commonName ?? null };
    };
    rig = await MqttRig.open('tls', { secure, broker: { authenticate } });
  }

  async function device(name = 'pump-1') {
    const { certificatePem, keyPem, row } = await rig.certificates.issueDevice({
      kind: 'device',
      name,
      hosts: [],
      days: 1,
    });
    return { cert: certificatePem, key: keyPem, row };
  }

  /** A device certificate of an authority that nobody knows here, or of an own one that is long past. */
  async function foreignDevice() {
    const pair = await issue(
      await makeAuthority('Elsewhere', Date.now()),
      { kind: 'device', commonName: 'pump-1', hosts: [], days: 1 },
      Date.now(),
    );
    return { cert: pair.certificate, key: pair.key };
  }

  const failures = () => rig.listener.counters.handshakesFailed;

  async function told(reason: RegExp): Promise<void> {
    while (!rig.lines.some((line) => reason.test(line))) await new Promise(setImmediate);
  }

  describe('client certificates', () => {
    it('name their owner when they are required', async () => {
      await start({ clientCertificates: 'required' });
      const { cert, key, row } = await device();
      const client = await rig.client({ cert, key });
      expect(client.connected).toBe(true);
      expect(requests[0]!.origin.certificate).toEqual({
        commonName: 'pump-1',
        fingerprint: row.fingerprint.replaceAll(':', '').toLowerCase(),
        validToMs: row.validToMs,
      });
    });

    it('are missed when they are required and not there', async () => {
      await start({ clientCertificates: 'required' });
      await expect(rig.client()).rejects.toThrow();
      await told(/sent no certificate, and this listener requires one/);
      expect([failures(), requests.length]).toEqual([1, 0]);
    });

    it('of an unknown authority are refused when they are required', async () => {
      await start({ clientCertificates: 'required' });
      await expect(rig.client(await foreignDevice())).rejects.toThrow();
      await told(/comes from an authority that is not trusted here.*address="unknown"/);
      expect(requests).toEqual([]);
    });

    it('that have expired are refused when they are required', async () => {
      await start({ clientCertificates: 'required' });
      const authority = await makeAuthority('Rig CA 2', Date.now());
      rig.certificates.import({ name: 'second', kind: 'authority', certificate: authority.certificate });
      const credentials = await rig.issue();
      rig.secure.setCredentials(credentials);
      const old = await issue(
        authority,
        { kind: 'device', commonName: 'old', hosts: [], days: 1 },
        Date.now() - 1.5 * DAY_MS,
      );
      // Its authority is not valid that far back, and neither then is the device's first day: only its end counts.
      await expect(rig.client({ cert: old.certificate, key: old.key })).rejects.toThrow();
      await told(/certificate of the client has expired/);
      expect(requests).toEqual([]);
    });

    it('of servers are none of clients', async () => {
      await start({ clientCertificates: 'required' });
      const { certificate, key } = rig.certificates.serverPair('rig')!;
      await expect(rig.client({ cert: certificate, key })).rejects.toThrow();
      expect(requests).toEqual([]);
    });

    it('count when they are optional, and are worth nothing when they cannot be verified', async () => {
      await start({ clientCertificates: 'optional' });
      const { cert, key } = await device('valve');
      await rig.client({ cert, key });
      await rig.client();
      await rig.client(await foreignDevice());
      expect(requests.map(({ origin }) => origin.certificate?.commonName ?? null)).toEqual([
        'valve',
        null,
        null,
      ]);
    });

    it('are not asked for when they are off', async () => {
      await start({ clientCertificates: 'none' });
      const { cert, key } = await device();
      await rig.client({ cert, key });
      expect(requests[0]!.origin.certificate).toBeNull();
    });

    it.skipIf(noMosquitto)('are shown by mosquitto_pub', async () => {
      await start({ clientCertificates: 'required' });
      const { cert, key } = await device('mosquitto');
      const files = ['--cert', rig.file('c.pem', cert), '--key', rig.file('k.pem', key)];
      await rig.peer('mosquitto_pub', [...files, '-t', 'a', '-m', '1', '-q', '1']);
      expect(requests[0]!.origin.certificate?.commonName).toBe('mosquitto');
      await expect(rig.peer('mosquitto_pub', ['-t', 'a', '-m', '1', '-q', '1'])).rejects.toThrow();
    });
  });

  describe("the server's certificate", () => {
    it('is refused by a client that does not know its authority', async () => {
      await start();
      const { certificate } = await makeAuthority('Another', Date.now());
      await expect(rig.client({ ca: certificate })).rejects.toThrow(/self-signed|unable to verify|issuer/i);
      await told(/does not trust|does not accept|went away/);
      expect(failures()).toBe(1);
    });

    it('is refused by clients when it has expired, and the listener runs on', async () => {
      await start();
      const authority = await makeAuthority('Old CA', Date.now() - 3 * DAY_MS);
      const old = await issue(
        authority,
        { kind: 'server', commonName: 'old', hosts: ['127.0.0.1'], days: 1 },
        Date.now() - 2.5 * DAY_MS,
      );
      rig.secure.setCredentials({ certificate: old.certificate, key: old.key, authorities: [] });
      await expect(rig.client({ ca: authority.certificate })).rejects.toThrow(/expired/);
      rig.secure.setCredentials(await rig.issue());
      expect((await rig.client()).connected).toBe(true);
    });

    it('is renewed without a restart; open connections stay', async () => {
      await start();
      const before = await rig.client();
      const renewed = await rig.issue();
      rig.secure.setCredentials(renewed);
      const socket = connectTls({ host: '127.0.0.1', port: rig.port, ca: rig.authority });
      await once(socket, 'secureConnect');
      expect(`${socket.getPeerX509Certificate()!.toString()}`.trim()).toBe(renewed.certificate.trim());
      socket.destroy();
      expect((await rig.client()).connected).toBe(true);
      expect(before.connected).toBe(true);
    });

    it('that does not fit its key is refused, and the old one stays', async () => {
      await start();
      const { certificate } = rig.certificates.serverPair('rig')!;
      const { key } = await makeAuthority('Another', Date.now());
      const broken = { certificate, key, authorities: [] };
      expect(() => rig.secure.setCredentials(broken)).toThrow(
        expect.objectContaining({ code: 'listen.bad_certificate' }),
      );
      expect((await rig.client()).connected).toBe(true);
    });
  });

  describe('a TLS listener', () => {
    it('says what it is when somebody speaks without TLS, once a minute for each reason', async () => {
      await start();
      for (let round = 0; round < 3; round++) {
        const plain = connectTcp(rig.port, '127.0.0.1')
          .on('error', () => undefined)
          .resume();
        plain.end('\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0');
        await once(plain, 'close');
      }
      while (failures() < 3) await new Promise(setImmediate);
      expect(rig.lines.filter((line) => line.includes('did not speak TLS'))).toHaveLength(1);
    });

    it('speaks nothing older than TLS 1.2', async () => {
      await start();
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const socket = connectTls({
          host: '127.0.0.1',
          port: rig.port,
          ca: rig.authority,
          maxVersion: version,
        });
        await once(socket, 'secureConnect');
        expect(socket.getProtocol()).toBe(version);
        socket.destroy();
      }
      const old = connectTls({
        host: '127.0.0.1',
        port: rig.port,
        ca: rig.authority,
        minVersion: 'TLSv1.1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      });
      const [error] = (await once(old, 'error')) as [Error & { code: string }];
      expect(error.code).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/);
    });

    it('gives up on newcomers that do not finish their handshake', async () => {
      const clock = new ManualClock(Date.now());
      await start({ clock });
      const silent = connectTcp(rig.port, '127.0.0.1');
      const gone = once(silent, 'close');
      while (rig.listener.counters.accepted === 0) await new Promise(setImmediate);
      clock.advance(9_999);
      expect(silent.destroyed).toBe(false);
      clock.advance(1);
      await gone;
      expect(rig.listener.counters.newcomersTimedOut).toBe(1);
      expect(clock.pendingTimers).toBe(0);
    });

    it('counts its connections and refuses those above its limit', async () => {
      await start();
      rig = await replace({ profile: { limits: { maxConnections: 2 } } });
      await rig.client();
      await rig.client();
      await expect(rig.client()).rejects.toThrow();
      expect([rig.listener.connections, rig.listener.counters.refused]).toEqual([2, 1]);
    });

    it('says why it cannot listen', async () => {
      await start();
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const { port } = other.address() as { port: number };
      await expect(MqttRig.open('tls', { secure: { port } })).rejects.toMatchObject({
        code: 'listen.port_taken',
        detail: { port },
      });
      await expect(MqttRig.open('tls', { secure: { host: '192.0.2.1' } })).rejects.toMatchObject({
        code: 'listen.bad_address',
      });
      other.close();
    });

    async function replace(options: RigOptions): Promise<MqttRig> {
      await rig.close();
      return MqttRig.open('tls', options);
    }
  });
});
