import { join } from 'node:path';
import * as v from 'valibot';
import { loadPrivate, writePrivate } from '../../access/private-file.ts';
import type { Log } from '../../base/log.ts';
import type { CoapListenerConfig, CoapOpenness, CoapServerSettings } from '../../contract/coap-server.ts';
import { listenerId } from '../../contract/listeners.ts';

const FILE = 'coap-server.json';
const WHAT = 'the settings of the CoAP server';

const OPENNESS = ['nothing', 'register', 'read', 'publish'] as const satisfies readonly CoapOpenness[];

const file = v.strictObject({
  others: v.picklist(OPENNESS),
  listeners: v.array(
    v.strictObject({
      id: listenerId,
      name: v.string(),
      transport: v.picklist(['tcp', 'tls', 'ws', 'wss']),
      host: v.string(),
      port: v.number(),
      enabled: v.boolean(),
      certificate: v.nullable(v.string()),
    }),
  ),
});
type Kept = CoapServerSettings & { listeners: CoapListenerConfig[] };

/** Who may do what on the station's CoAP server, and its listeners: a private file of the data folder. */
export class ServerSettings {
  readonly #path: string;
  #kept: Kept;

  /** A damaged file is set aside, and everything is closed to others. */
  constructor(folder: string, log: Log) {
    this.#path = join(folder, FILE);
    this.#kept = loadPrivate(this.#path, {
      what: WHAT,
      consequence: 'other machines may do nothing until it is set again',
      log,
      parse: (text) => v.parse(file, JSON.parse(text)),
    }) ?? { others: 'nothing', listeners: [] };
  }

  get others(): CoapOpenness {
    return this.#kept.others;
  }

  get listeners(): readonly CoapListenerConfig[] {
    return this.#kept.listeners;
  }

  /** Throws `access.unwritable`. */
  change(change: Partial<Kept>): void {
    const kept = { ...this.#kept, ...change };
    writePrivate(this.#path, `${JSON.stringify(kept, null, 2)}\n`, WHAT);
    this.#kept = kept;
  }

  /** Whether peers on other machines may do what asks for this much. */
  allows(needed: Exclude<CoapOpenness, 'nothing'>): boolean {
    return OPENNESS.indexOf(this.#kept.others) >= OPENNESS.indexOf(needed);
  }
}
