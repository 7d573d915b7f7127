/** A broker behind one transport, and real clients on it: MQTT.js and Debian's mosquitto_pub and mosquitto_sub. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt from 'mqtt';
import type { IClientOptions, IPublishPacket, MqttClient } from 'mqtt';
import { CertificateStore } from '../../core/access/certificates/certificate-store.ts';
import { systemClock } from '../../core/base/clock.ts';
import { createLog } from '../../core/base/log.ts';
import { Broker } from '../../core/mqtt/broker.ts';
import type { BrokerOptions } from '../../core/mqtt/options.ts';
import { LOCAL_PROFILE } from '../../core/mqtt/origin.ts';
import type { ListenerProfile } from '../../core/mqtt/origin.ts';
import { listenTcp } from '../../core/mqtt/transports/tcp.ts';
import { listenTls } from '../../core/mqtt/transports/tls.ts';
import type {
  SecureListener,
  SecureOptions,
  TransportListener,
} from '../../core/mqtt/transports/transport-listener.ts';
import { listenSecureWebSocket, listenWebSocket } from '../../core/mqtt/transports/websocket.ts';
import type { Transport } from '../../core/mqtt/types.ts';
import { startPeer, stopChild } from '../support/peers.ts';

const SCHEMES: Record<Transport, string> = { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss' };

export interface RigOptions {
  broker?: Partial<BrokerOptions>;
  profile?: Partial<ListenerProfile>;
  secure?: Partial<SecureOptions>;
}

export class MqttRig {
  readonly transport: Transport;
  readonly broker: Broker;
  readonly folder: string;
  readonly certificates: CertificateStore;
  /** Lines of the listener's log. */
  readonly lines: string[] = [];
  listener!: TransportListener;
  /** PEM of the authority that clients trust. */
  authority = '';
  readonly #cleanUp: (() => unknown)[] = [];

  private constructor(transport: Transport, options: RigOptions) {
    const log = createLog('mqtt', (line) => this.lines.push(line));
    this.transport = transport;
    this.broker = new Broker({ clock: systemClock, log, ...options.broker });
    this.folder = mkdtempSync(join(tmpdir(), 'fieldstation-mqtt-'));
    this.certificates = CertificateStore.open({ folder: this.folder, clock: systemClock, log });
  }

  static async open(transport: Transport, options: RigOptions = {}): Promise<MqttRig> {
    const rig = new MqttRig(transport, options);
    rig.broker.start();
    const log = createLog('mqtt', (line) => rig.lines.push(line));
    const profile = { ...LOCAL_PROFILE, transport, ...options.profile };
    const clock = options.broker?.clock ?? systemClock;
    const plain = { host: '127.0.0.1', port: 0, clock, log, profile, path: '/mqtt' };
    if (transport === 'tcp') rig.listener = await listenTcp(rig.broker, plain);
    else if (transport === 'ws') rig.listener = await listenWebSocket(rig.broker, plain);
    else {
      const secure = {
        ...plain,
        credentials: await rig.issue(),
        clientCertificates: 'none' as const,
        ...options.secure,
      };
      rig.listener =
        transport === 'tls'
          ? await listenTls(rig.broker, secure)
          : await listenSecureWebSocket(rig.broker, secure);
    }
    return rig;
  }

  get port(): number {
    return this.listener.address.port;
  }

  get secure(): SecureListener {
    return this.listener as SecureListener;
  }

  get url(): string {
    const path = this.transport === 'ws' || this.transport === 'wss' ? '/mqtt' : '';
    return `${SCHEMES[this.transport]}://127.0.0.1:${this.port}${path}`;
  }

  /** A server certificate of the rig's own authority, as a listener takes it. */
  async issue() {
    const { id } = await this.certificates.makeAuthority('Rig CA');
    this.authority = this.certificates.export(id);
    await this.certificates.issueServer({ kind: 'server', name: 'rig', hosts: ['127.0.0.1'], days: 2 });
    const { certificate, key } = this.certificates.serverPair('rig')!;
    return { certificate, key, authorities: this.certificates.authorities() };
  }

  undo(step: () => unknown): void {
    this.#cleanUp.push(step);
  }

  connecting(options: IClientOptions = {}): MqttClient {
    const client = mqtt.connect(this.url, { ...this.#clientOptions(), ...options });
    client.on('error', () => undefined);
    this.undo(() => client.endAsync(true));
    return client;
  }

  async client(options: IClientOptions = {}): Promise<MqttClient> {
    const client = await mqtt.connectAsync(this.url, { ...this.#clientOptions(), ...options }, false);
    client.on('error', () => undefined);
    this.undo(() => client.endAsync(true));
    return client;
  }

  /** Runs a peer to its end (the broker lives in this process, so nothing may block) and returns its output. */
  async peer(name: 'mosquitto_pub' | 'mosquitto_sub', args: string[]): Promise<string> {
    return this.peerStarted(name, args).ended;
  }

  peerStarted(name: 'mosquitto_pub' | 'mosquitto_sub', args: string[]) {
    const child = startPeer(name, [...this.mosquittoArgs(), ...args]);
    this.undo(() => stopChild(child));
    let output = '';
    let errors = '';
    child.stdout!.on('data', (bytes: Buffer) => (output += bytes.toString()));
    child.stderr!.on('data', (bytes: Buffer) => (errors += bytes.toString()));
    const ended = once(child, 'close').then(([code]) => {
      if (code !== 0) throw new Error(`${name} ended with ${String(code)}: ${output}${errors}`);
      return output;
    });
    return { child, ended };
  }

  mosquittoArgs(): string[] {
    const args = ['-h', '127.0.0.1', '-p', String(this.port)];
    if (this.transport !== 'tls') return args;
    return [...args, '--cafile', this.file('ca.pem', this.authority)];
  }

  file(name: string, text: string): string {
    const path = join(this.folder, name);
    writeFileSync(path, text);
    return path;
  }

  async subscribed(count: number): Promise<void> {
    while (this.broker.subscriptionCount < count) await new Promise(setImmediate);
  }

  async close(): Promise<void> {
    for (const undo of this.#cleanUp.splice(0).reverse()) await undo();
    this.broker.stop();
    await this.listener.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #clientOptions(): IClientOptions {
    const secure = this.transport === 'tls' || this.transport === 'wss' ? { ca: this.authority } : {};
    return { protocolVersion: 4, reconnectPeriod: 0, connectTimeout: 5_000, ...secure };
  }
}

/** Messages of a client as they come; `until` waits for a number of them and returns them as text. */
export class Inbox {
  readonly packets: IPublishPacket[] = [];
  #wake: () => void = () => undefined;

  constructor(client: MqttClient) {
    client.on('message', (topic, _payload, packet) => {
      this.packets.push({ ...packet, topic }); // an alias is resolved in the first only
      this.#wake();
    });
  }

  /** `topic payload qos`, and `r` for RETAIN. */
  get texts(): string[] {
    return this.packets.map(
      ({ topic, payload, qos, retain }) => `${topic} ${String(payload)} ${qos}${retain ? 'r' : ''}`,
    );
  }

  async until(count: number): Promise<string[]> {
    while (this.packets.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.texts;
  }
}

/** The next `event` of a client; MQTT.js types its emitter in a way that `events.once` does not take. */
export function next<T>(client: MqttClient, event: 'connect' | 'disconnect' | 'close'): Promise<T> {
  return new Promise((resolve) => client.once(event, ((value: T) => resolve(value)) as () => void));
}
