import type { CertificateStore } from '../../access/certificates/certificate-store.ts';
import { shortId } from '../../access/certificates/short-id.ts';
import { CodedError, messageOf } from '../../base/errors.ts';
import { Signal } from '../../base/events.ts';
import type { Log } from '../../base/log.ts';
import type { CoapListenerConfig, CoapListenerStatus } from '../../contract/coap-server.ts';
import { explainListen } from '../explain-listen.ts';
import { checkListenPlace } from '../listen-host.ts';
import { formatHostPort } from '../options.ts';
import type { HostPort } from '../options.ts';
import type { ServerSettings } from './settings.ts';

const MAX_LISTENERS = 16;

export interface ListenerTls {
  cert: string;
  key: string;
}

export interface OpenedListener {
  readonly address: HostPort;
  readonly connections: number;
  /** From now on for new connections; only of those that were opened with TLS. */
  setTls(tls: ListenerTls): void;
  close(): Promise<void>;
}

export interface CoapListenersParts {
  /** Fails with `listen.*`. */
  open(config: CoapListenerConfig, tls: ListenerTls | undefined): Promise<OpenedListener>;
  settings: ServerSettings;
  certificates: CertificateStore;
  /** Given on the command line: not saved, not changed here. */
  fixed: CoapListenerConfig[];
  log: Log;
}

interface Entry {
  config: CoapListenerConfig;
  fixed: boolean;
  state: CoapListenerStatus['state'];
  opened: OpenedListener | null;
  error: string | null;
  tls: string;
}

/** CoAP over TCP, TLS and WebSockets (RFC 8323): the listeners of the command line and those that people add. */
export class CoapListeners {
  readonly changed = new Signal<void>();
  readonly #parts: CoapListenersParts;
  readonly #entries = new Map<string, Entry>();
  #unsubscribe: () => void = () => undefined;
  /** Changes run one after the other: each may close and open sockets. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: CoapListenersParts) {
    this.#parts = parts;
  }

  /** Opens those that are enabled. One that fails is a status. */
  start(): Promise<void> {
    const { fixed, settings, certificates } = this.#parts;
    return this.#inTurn(async () => {
      for (const config of fixed) this.#entries.set(config.id, newEntry(config, true));
      for (const config of settings.listeners) {
        if (!this.#entries.has(config.id)) this.#entries.set(config.id, newEntry(config, false));
      }
      certificates.addUsers((id) =>
        this.#configs()
          .filter((config) => isSecure(config) && config.certificate === id)
          .map(({ name }) => name),
      );
      this.#unsubscribe = certificates.changed.on(() => void this.#inTurn(() => this.#renewAll()));
      await Promise.all([...this.#entries.values()].filter(isEnabled).map((entry) => this.#open(entry)));
    });
  }

  stop(): Promise<void> {
    this.#unsubscribe();
    return this.#inTurn(async () => {
      await Promise.all([...this.#entries.values()].map((entry) => this.#close(entry)));
    });
  }

  list(): CoapListenerStatus[] {
    return Array.from(this.#entries.values(), statusOf);
  }

  /** Where they listen now. */
  listening(): (HostPort & Pick<CoapListenerConfig, 'transport'>)[] {
    return [...this.#entries.values()].flatMap(({ config: { transport }, opened }) =>
      opened === null ? [] : [{ transport, ...opened.address }],
    );
  }

  /** Throws `listeners.needs_certificate`, `.bad_address`, `.too_many`. */
  add(input: Omit<CoapListenerConfig, 'id'>): Promise<CoapListenerStatus> {
    return this.#inTurn(async () => {
      if (this.#entries.size >= MAX_LISTENERS) {
        throw new CodedError('listeners.too_many', `There are ${MAX_LISTENERS} CoAP listeners already.`);
      }
      const config = { ...input, id: shortId(input.name, 'listener', (id) => this.#entries.has(id)) };
      this.#check(config);
      const entry = newEntry(config, false);
      this.#save([...this.#entries.values(), entry]);
      this.#entries.set(config.id, entry);
      if (config.enabled) await this.#open(entry);
      else this.changed.emit();
      return statusOf(entry);
    });
  }

  /**
   * Connections stay where only the name is another. Throws `listeners.unknown`, `.fixed`, and as `add`. A running
   * listener that fails then is a status.
   */
  change(config: CoapListenerConfig): Promise<CoapListenerStatus> {
    return this.#inTurn(async () => {
      const entry = this.#changeable(config.id);
      this.#check(config);
      this.#save([...this.#entries.values()], config);
      const stays = entry.opened !== null && config.enabled && isSamePlace(entry.config, config);
      entry.config = config;
      if (stays) {
        this.changed.emit();
        return statusOf(entry);
      }
      await this.#close(entry);
      if (config.enabled) await this.#open(entry);
      return statusOf(entry);
    });
  }

  /** Throws `listeners.unknown`, `.fixed`. */
  remove(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const entry = this.#changeable(id);
      this.#save([...this.#entries.values()].filter((other) => other !== entry));
      this.#entries.delete(id);
      await this.#close(entry);
    });
  }

  /** Now and with every start. Throws `listeners.unknown`, `.needs_certificate`. */
  startOne(id: string): Promise<CoapListenerStatus> {
    return this.#inTurn(async () => {
      const entry = this.#get(id);
      this.#check(entry.config);
      this.#setEnabled(entry, true);
      if (entry.opened === null) await this.#open(entry);
      return statusOf(entry);
    });
  }

  /** Throws `listeners.unknown`. */
  stopOne(id: string): Promise<CoapListenerStatus> {
    return this.#inTurn(async () => {
      const entry = this.#get(id);
      this.#setEnabled(entry, false);
      await this.#close(entry);
      return statusOf(entry);
    });
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  async #open(entry: Entry): Promise<void> {
    const { config, fixed } = entry;
    this.#set(entry, 'starting', null);
    try {
      const tls = this.#tlsOf(config);
      entry.opened = await this.#parts.open(config, tls);
      entry.tls = JSON.stringify(tls ?? null);
      const address = formatHostPort(entry.opened.address);
      this.#parts.log.info('CoAP listens', { listener: config.id, transport: config.transport, address });
      this.#set(entry, 'listening', null);
    } catch (error) {
      const name = `CoAP listener "${config.name}"`;
      const flag = fixed ? `--${config.id}` : null;
      const line = await explainListen({ name, address: config, protocol: 'tcp', flag }, error);
      this.#parts.log.error(line);
      this.#set(entry, 'failed', line);
    }
  }

  async #close(entry: Entry): Promise<void> {
    const { opened } = entry;
    entry.opened = null;
    try {
      await opened?.close();
    } catch (error) {
      const listener = entry.config.id;
      this.#parts.log.warn('a listener did not close cleanly', { listener, error: messageOf(error) });
    }
    this.#set(entry, 'stopped', null);
  }

  /** Takes up certificates that are not those in use, and opens what waited for one. */
  async #renewAll(): Promise<void> {
    for (const entry of this.#entries.values()) {
      const { config, opened } = entry;
      if (!isSecure(config) || !config.enabled) continue;
      if (opened === null) {
        if (this.#pairOf(config) !== undefined) await this.#open(entry);
        continue;
      }
      const tls = this.#pairOf(config);
      const text = JSON.stringify(tls ?? null);
      if (tls === undefined || text === entry.tls) continue;
      opened.setTls(tls);
      entry.tls = text;
    }
    this.changed.emit();
  }

  #pairOf({ certificate }: CoapListenerConfig): ListenerTls | undefined {
    const pair = certificate === null ? undefined : this.#parts.certificates.serverPair(certificate);
    return pair === undefined ? undefined : { cert: pair.certificate, key: pair.key };
  }

  #tlsOf(config: CoapListenerConfig): ListenerTls | undefined {
    if (!isSecure(config)) return undefined;
    const tls = this.#pairOf(config);
    if (tls !== undefined) return tls;
    throw new CodedError(
      'listeners.needs_certificate',
      'TLS needs a server certificate with its key. Issue or import one and choose it here.',
    );
  }

  #check(config: CoapListenerConfig): void {
    checkListenPlace(config, this.#configs());
    if (config.enabled) this.#tlsOf(config);
  }

  #setEnabled(entry: Entry, enabled: boolean): void {
    if (entry.fixed || entry.config.enabled === enabled) return;
    const config = { ...entry.config, enabled };
    this.#save([...this.#entries.values()], config);
    entry.config = config;
  }

  /** `changed` in place of the one with its id. Throws `access.unwritable`: nothing is different then. */
  #save(entries: Entry[], changed?: CoapListenerConfig): void {
    const listeners = entries
      .filter(({ fixed }) => !fixed)
      .map(({ config }) => (config.id === changed?.id ? changed : config));
    this.#parts.settings.change({ listeners });
  }

  #configs(): CoapListenerConfig[] {
    return Array.from(this.#entries.values(), ({ config }) => config);
  }

  #get(id: string): Entry {
    const entry = this.#entries.get(id);
    if (entry !== undefined) return entry;
    throw new CodedError('listeners.unknown', `There is no listener "${id}" any more.`);
  }

  #changeable(id: string): Entry {
    const entry = this.#get(id);
    if (!entry.fixed) return entry;
    throw new CodedError('listeners.fixed', `This listener was given with --${id} on the command line.`);
  }

  #set(entry: Entry, state: Entry['state'], error: string | null): void {
    entry.state = state;
    entry.error = error;
    this.changed.emit();
  }
}

function isSecure({ transport }: CoapListenerConfig): boolean {
  return transport === 'tls' || transport === 'wss';
}

function isSamePlace(one: CoapListenerConfig, other: CoapListenerConfig): boolean {
  return (['transport', 'host', 'port', 'certificate'] as const).every((key) => one[key] === other[key]);
}

function isEnabled({ config }: Entry): boolean {
  return config.enabled;
}

function newEntry(config: CoapListenerConfig, fixed: boolean): Entry {
  return { config, fixed, state: 'stopped', opened: null, error: null, tls: '' };
}

function statusOf({ config, fixed, state, opened, error }: Entry): CoapListenerStatus {
  const address = opened === null ? null : formatHostPort(opened.address);
  return { config, state, address, error, connections: opened?.connections ?? 0, fixed };
}
