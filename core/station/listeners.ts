import { messageOf } from '../base/errors.ts';
import { Signal } from '../base/events.ts';
import type { Log } from '../base/log.ts';
import type { ListenerName, ListenerStatus } from '../contract/station.ts';
import type { MqttListenerStatus } from '../contract/listeners.ts';
import { explainListen } from './explain-listen.ts';
import type { MqttListeners } from './mqtt-listeners.ts';
import { formatHostPort } from './options.ts';
import type { HostPort } from './options.ts';

interface Opened {
  address: HostPort;
  close: () => Promise<void>;
}

/** The station's ways in at a glance: the MQTT listener of the command line, CoAP and HTTP. */
export function allListeners(parts: {
  mqttListeners: MqttListeners;
  listeners: ListenerBoard;
}): ListenerStatus[] {
  const mqtt = parts.mqttListeners.fixed();
  return [...(mqtt === undefined ? [] : [atAGlance(mqtt)]), ...parts.listeners.statuses()];
}

function atAGlance({ config, state, address, error }: MqttListenerStatus): ListenerStatus {
  return { name: 'mqtt', requested: formatHostPort(config), address, state, error };
}

/** Opens the station's CoAP and HTTP and knows how each one fares. One that fails does not keep the others away. */
export class ListenerBoard {
  readonly changed = new Signal<void>();
  readonly #log: Log;
  readonly #statuses = new Map<ListenerName, ListenerStatus>();
  readonly #opened: { name: ListenerName; close: () => Promise<void> }[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  statuses(): ListenerStatus[] {
    return [...this.#statuses.values()];
  }

  status(name: ListenerName): ListenerStatus | undefined {
    return this.#statuses.get(name);
  }

  /** Runs `open`; a failure becomes the status of this listener, never an exception. */
  async open(name: ListenerName, requested: HostPort, open: () => Promise<Opened>): Promise<void> {
    this.#set({ name, requested: formatHostPort(requested), address: null, state: 'starting', error: null });
    try {
      const { address, close } = await open();
      this.#opened.push({ name, close });
      this.#set({
        name,
        requested: formatHostPort(requested),
        address: formatHostPort(address),
        state: 'listening',
        error: null,
      });
    } catch (error) {
      const line = await explainListen(
        {
          name: name.toUpperCase(),
          address: requested,
          protocol: name === 'coap' ? 'udp' : 'tcp',
          flag: `--${name}`,
        },
        error,
      );
      this.#log.error(line);
      this.#set({ name, requested: formatHostPort(requested), address: null, state: 'failed', error: line });
    }
  }

  /** Closes what is open, last opened first. */
  async close(): Promise<void> {
    for (const { name, close } of this.#opened.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        this.#log.warn('a listener did not close cleanly', { name, error: messageOf(error) });
      }
      const status = this.#statuses.get(name);
      if (status) this.#set({ ...status, address: null, state: 'stopped' });
    }
  }

  #set(status: ListenerStatus): void {
    this.#statuses.set(status.name, status);
    this.changed.emit();
  }
}
