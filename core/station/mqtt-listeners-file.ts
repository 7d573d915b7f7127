import { join } from 'node:path';
import * as v from 'valibot';
import { loadPrivate, writePrivate } from '../access/private-file.ts';
import type { Log } from '../base/log.ts';
import { changedListener } from '../contract/listeners.ts';
import type { MqttListenerConfig } from '../contract/listeners.ts';

const FILE = 'listeners.json';
const WHAT = 'the MQTT listeners';
const schema = v.object({ listeners: v.array(changedListener) });

/** The listeners of the last run, in their order. A damaged file is set aside and told. Throws `access.unreadable`. */
export function loadListeners(folder: string, log: Log): MqttListenerConfig[] {
  const loaded = loadPrivate(join(folder, FILE), {
    what: WHAT,
    consequence: 'only the one of the command line is opened',
    log,
    parse(text) {
      const result = v.safeParse(schema, JSON.parse(text));
      return result.success ? result.output.listeners : undefined;
    },
  });
  return loaded ?? [];
}

/** Throws `access.unwritable`. */
export function saveListeners(folder: string, listeners: readonly MqttListenerConfig[]): void {
  writePrivate(join(folder, FILE), `${JSON.stringify({ listeners }, null, 2)}\n`, WHAT);
}
