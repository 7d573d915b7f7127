import type * as v from 'valibot';
import type { CertificateStore } from '../access/certificates/certificate-store.ts';
import { shortId } from '../access/certificates/short-id.ts';
import type { Clock } from '../base/clock.ts';
import { CodedError, messageOf } from '../base/errors.ts';
import { Signal } from '../base/events.ts';
import type { Unsubscribe } from '../base/events.ts';
import type { Log } from '../base/log.ts';
import type {
  changedListener,
  MqttListenerConfig,
  MqttListenerStatus,
  newListener,
} from '../contract/listeners.ts';
import type { Broker } from '../mqtt/broker.ts';
import type { TransportCounters, TransportListener } from '../mqtt/transports/transport-listener.ts';
import {
  checkStaysFixed,
  chosenAnonymous,
  FIXED_LISTENER,
  fixedConfig,
  fixedError,
  savedFixed,
} from './mqtt-listeners-fixed.ts';
import type { FixedListener } from './mqtt-listeners-fixed.ts';
import { checkListenPlace } from './listen-host.ts';
import { loadListeners, saveListeners } from './mqtt-listeners-file.ts';
import { credentialsOf, openListener, renewCredentials } from './mqtt-listeners-open.ts';
import { checkMayOpen, explainListener, extentOf, isSecure, profileOf } from './mqtt-listeners-rules.ts';
import type { ListenerSurroundings } from './mqtt-listeners-rules.ts';
import { formatHostPort } from './options.ts';

const MAX_LISTENERS = 64;

export interface MqttListenersParts {
  broker: Broker;
  certificates: CertificateStore;
  /** The station's data folder. */
  folder: string;
  log: Log;
  clock: Clock;
  hasUsers: () => boolean;
  fixed: FixedListener;
}

export type RefusedAtTheDoor = Pick<
  TransportCounters,
  'handshakesFailed' | 'upgradesRefused' | 'newcomersTimedOut'
>;

interface Entry {
  config: MqttListenerConfig;
  state: MqttListenerStatus['state'];
  opened: TransportListener | null;
  error: string | null;
  /** What its TLS uses, to renew only what is new. */
  credentials: string;
}

/** All ways in for MQTT clients: the one of the command line, and those that people add while the station runs. */
export class MqttListeners {
  /** A listener is new, gone, or fares differently. Numbers of connections do not count. */
  readonly changed = new Signal<void>();
  readonly #parts: MqttListenersParts;
  readonly #around: ListenerSurroundings;
  readonly #entries = new Map<string, Entry>();
  /** Of listeners that were closed. */
  readonly #past: RefusedAtTheDoor = { handshakesFailed: 0, upgradesRefused: 0, newcomersTimedOut: 0 };
  /** Of the listener of the command line, where `--mqtt-anonymous` does not say it. */
  #chosenAnonymous = false;
  #unsubscribe: Unsubscribe = () => undefined;
  /** Changes run one after the other: each may close and open sockets. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: MqttListenersParts) {
    this.#parts = parts;
    const { certificates, hasUsers } = parts;
    this.#around = {
      hasUsers,
      hasServerCertificate: (id) => certificates.serverPair(id) !== undefined,
      hasAuthority: () => certificates.authorities().length > 0,
    };
  }

  /** Reads the listeners of the last run and opens those that are enabled. One that fails is a status. */
  start(): Promise<void> {
    const { certificates, folder, log } = this.#parts;
    return this.#inTurn(async () => {
      const saved = loadListeners(folder, log);
      const before = saved.find(({ id }) => id === FIXED_LISTENER);
      const fixed = fixedConfig(this.#parts.fixed, before);
      this.#chosenAnonymous = chosenAnonymous(this.#parts.fixed, before);
      for (const config of [fixed, ...saved.filter(({ id }) => id !== FIXED_LISTENER)]) {
        this.#entries.set(config.id, newEntry(config));
      }
      certificates.addUsers((id, kind) => this.#usersOf(id, kind === 'authority'));
      this.#unsubscribe = certificates.changed.on(() => void this.#certificateChanged());
      const enabled = [...this.#entries.values()].filter(({ config }) => config.enabled);
      await Promise.all(enabled.map((entry) => this.#open(entry)));
    });
  }

  /** Closes all. The broker should have been stopped before: then no will is published. */
  stop(): Promise<void> {
    this.#unsubscribe();
    return this.#inTurn(async () => {
      await Promise.all([...this.#entries.values()].map((entry) => this.#close(entry)));
    });
  }

  /** What came to any listener and went wrong before MQTT began. */
  counters(): RefusedAtTheDoor {
    const sum = { ...this.#past };
    for (const { opened } of this.#entries.values()) if (opened !== null) add(sum, opened.counters);
    return sum;
  }

  list(): MqttListenerStatus[] {
    return Array.from(this.#entries.values(), (entry) => this.#status(entry));
  }

  /** The listener of the command line. Undefined before `start`. */
  fixed(): MqttListenerStatus | undefined {
    const entry = this.#entries.get(FIXED_LISTENER);
    return entry && this.#status(entry);
  }

  /** Throws `listeners.needs_users`, `.needs_certificate`, `.bad_address`, `.too_many`. */
  add(input: v.InferOutput<typeof newListener>): Promise<MqttListenerStatus> {
    return this.#inTurn(async () => {
      if (this.#entries.size >= MAX_LISTENERS) {
        throw new CodedError(
          'listeners.too_many',
          `There are ${MAX_LISTENERS} listeners already. Remove one first.`,
        );
      }
      const config = { ...input, id: shortId(input.name, 'listener', (id) => this.#entries.has(id)) };
      this.#check(config);
      const entry = newEntry(config);
      this.#save([...this.#configs(), config]);
      this.#entries.set(config.id, entry);
      if (config.enabled) await this.#open(entry);
      else this.changed.emit();
      return this.#status(entry);
    });
  }

  /** Throws `listeners.unknown`, `listeners.fixed`, and as `add`. A running listener that fails then is a status. */
  change(input: v.InferOutput<typeof changedListener>): Promise<MqttListenerStatus> {
    return this.#inTurn(async () => {
      const entry = this.#get(input.id);
      const before = entry.config;
      const after = { ...input };
      if (input.id === FIXED_LISTENER) checkStaysFixed(before, after);
      this.#check(after);
      this.#save(this.#configs().map((config) => (config.id === after.id ? after : config)));
      entry.config = after;
      const extent = extentOf(before, after);
      const leftStopped = before.enabled && entry.state === 'stopped';
      if (!after.enabled || leftStopped) await this.#close(entry);
      else if (entry.opened === null || extent === 'reopen') {
        await this.#close(entry);
        await this.#open(entry);
      } else {
        entry.opened.setProfile(profileOf(after));
        this.#renew(entry);
        this.changed.emit();
      }
      return this.#status(entry);
    });
  }

  /** Throws `listeners.unknown`, `listeners.fixed`. */
  remove(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#get(id);
      if (id === FIXED_LISTENER) {
        throw fixedError('it can be stopped here, and removed only there');
      }
      this.#save(this.#configs().filter((config) => config.id !== id));
      this.#entries.delete(id);
      await this.#close(entry);
      this.changed.emit();
    });
  }

  /** Opens it now and with the station from here on. Throws `listeners.unknown`, `.needs_users`, `.needs_certificate`. */
  startOne(id: string): Promise<MqttListenerStatus> {
    return this.#inTurn(async () => {
      const entry = this.#get(id);
      this.#check({ ...entry.config, enabled: true });
      this.#setEnabled(entry, true);
      if (entry.opened === null) await this.#open(entry);
      return this.#status(entry);
    });
  }

  /** Closes it now, and leaves it closed over restarts (but for the one of the command line). Throws `listeners.unknown`. */
  stopOne(id: string): Promise<MqttListenerStatus> {
    return this.#inTurn(async () => {
      const entry = this.#get(id);
      this.#setEnabled(entry, false);
      await this.#close(entry);
      return this.#status(entry);
    });
  }

  /** There may be users now: opens what was refused without them. */
  usersChanged(): Promise<void> {
    return this.#inTurn(() => this.#retry());
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #open(entry: Entry): Promise<void> {
    const { config } = entry;
    const fixed = config.id === FIXED_LISTENER;
    this.#set(entry, 'starting', null);
    try {
      checkMayOpen(config, this.#around, fixed);
      entry.opened = await openListener(config, this.#parts);
      entry.credentials = isSecure(config)
        ? JSON.stringify(credentialsOf(config, this.#parts.certificates))
        : '';
      const address = formatHostPort(entry.opened.address);
      this.#parts.log.info('MQTT listens', { listener: config.id, transport: config.transport, address });
      this.#set(entry, 'listening', null);
    } catch (error) {
      const line = await explainListener(config, error, fixed);
      this.#parts.log.error(line);
      this.#set(entry, 'failed', line);
    }
  }

  async #close(entry: Entry): Promise<void> {
    const { opened } = entry;
    entry.opened = null;
    if (opened !== null) add(this.#past, opened.counters);
    try {
      await opened?.close();
    } catch (error) {
      this.#parts.log.warn('a listener did not close cleanly', {
        listener: entry.config.id,
        error: messageOf(error),
      });
    }
    this.#set(entry, 'stopped', null);
  }

  async #certificateChanged(): Promise<void> {
    await this.#inTurn(async () => {
      for (const entry of this.#entries.values()) this.#renew(entry);
      await this.#retry();
    });
    this.changed.emit();
  }

  /** Takes up a certificate and authorities that are not those in use. */
  #renew(entry: Entry): void {
    const { config, opened } = entry;
    if (opened === null || !isSecure(config)) return;
    try {
      const credentials = credentialsOf(config, this.#parts.certificates);
      const text = JSON.stringify(credentials);
      if (text === entry.credentials) return;
      renewCredentials(opened, credentials);
      entry.credentials = text;
      this.#parts.log.info('a listener took up its new certificate', { listener: config.id });
    } catch (error) {
      this.#parts.log.error('a listener keeps its old certificate', { listener: config.id, error });
    }
  }

  /** Opens what failed, where nothing stands against it any more. */
  async #retry(): Promise<void> {
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'failed' || !entry.config.enabled) continue;
      try {
        checkMayOpen(entry.config, this.#around, false);
      } catch {
        continue;
      }
      await this.#open(entry);
    }
  }

  #check(config: MqttListenerConfig): void {
    checkListenPlace(config, this.#configs());
    if (config.enabled) checkMayOpen(config, this.#around, config.id === FIXED_LISTENER);
  }

  #setEnabled(entry: Entry, enabled: boolean): void {
    if (entry.config.id === FIXED_LISTENER || entry.config.enabled === enabled) return;
    const config = { ...entry.config, enabled };
    this.#save(this.#configs().map((one) => (one.id === config.id ? config : one)));
    entry.config = config;
  }

  #save(configs: readonly MqttListenerConfig[]): void {
    const { folder, fixed } = this.#parts;
    const saved = configs.map((config) =>
      config.id === FIXED_LISTENER ? savedFixed(config, fixed, this.#chosenAnonymous) : config,
    );
    saveListeners(folder, saved);
    this.#chosenAnonymous = saved.find(({ id }) => id === FIXED_LISTENER)?.anonymous ?? false;
  }

  #configs(): MqttListenerConfig[] {
    return Array.from(this.#entries.values(), ({ config }) => config);
  }

  #get(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    throw new CodedError('listeners.unknown', `There is no listener "${id}" any more.`);
  }

  #set(entry: Entry, state: Entry['state'], error: string | null): void {
    entry.state = state;
    entry.error = error;
    this.changed.emit();
  }

  #usersOf(id: string, authority: boolean): string[] {
    return this.#configs()
      .filter((config) => isSecure(config))
      .filter((config) => (authority ? config.clientCertificates !== 'none' : config.certificate === id))
      .map(({ name }) => name);
  }

  #status({ config, state, opened, error }: Entry): MqttListenerStatus {
    const pair =
      isSecure(config) && config.certificate !== null
        ? this.#parts.certificates.serverPair(config.certificate)
        : undefined;
    const expired = pair !== undefined && pair.validToMs < this.#parts.clock.now();
    return {
      config,
      state,
      address: opened === null ? null : formatHostPort(opened.address),
      error: error ?? (expired && opened !== null ? expiredLine(pair.validToMs) : null),
      connections: opened?.connections ?? 0,
      certificateExpiresMs: pair?.validToMs ?? null,
      fixed: config.id === FIXED_LISTENER,
    };
  }
}

function expiredLine(validToMs: number): string {
  const day = new Date(validToMs).toISOString().slice(0, 10);
  return `Its certificate expired on ${day}, and clients refuse it. Issue or import a new one under the same name.`;
}

function newEntry(config: MqttListenerConfig): Entry {
  return { config, state: 'stopped', opened: null, error: null, credentials: '' };
}

function add(sum: RefusedAtTheDoor, more: RefusedAtTheDoor): void {
  sum.handshakesFailed += more.handshakesFailed;
  sum.upgradesRefused += more.upgradesRefused;
  sum.newcomersTimedOut += more.newcomersTimedOut;
}
