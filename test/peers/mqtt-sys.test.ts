/** The names and shapes of `$SYS` beside those of Debian's Mosquitto. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { ManualClock } from '../../core/base/manual-clock.ts';
import { SysTree } from '../../core/mqtt/sys-tree.ts';
import { freePort, missingPeers, startPeer, stopChild } from '../support/peers.ts';

const missing = missingPeers('mosquitto', 'mosquitto_sub').length > 0;

/** Names of Mosquitto that we do not have, with the reason. None of 2.0 are missing. */
const EXCEPTIONS: { [topic: string]: string } = {};

it.skipIf(missing)(
  'every $SYS topic of Mosquitto is one of ours, with a value of the same shape',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'fieldstation-sys-'));
    const port = await freePort();
    const config = join(folder, 'mosquitto.conf');
    writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\n`);
    const mosquitto = startPeer('mosquitto', ['-v', '-c', config]);
    try {
      const log = createInterface({ input: mosquitto.stderr! });
      for await (const line of log) if (line.includes(' running')) break;
      mosquitto.stderr!.resume();
      const theirs = new Map<string, string>();
      const subscriber = startPeer('mosquitto_sub', ['-p', String(port), '-t', '$SYS/#', '-F', '%t\t%p']);
      try {
        for await (const line of createInterface({ input: subscriber.stdout! })) {
          const [topic = '', value = ''] = line.split('\t');
          // Values that came with us, such as the most clients, are told in the round after.
          if (topic.endsWith('/uptime') && theirs.has('$SYS/broker/clients/maximum')) break;
          theirs.set(topic, value);
        }
      } finally {
        await stopChild(subscriber);
      }
      const ours = new Map(ourValues().map(({ topic, value }) => [topic, value]));
      const wanted = [...theirs.keys()].filter((topic) => !(topic in EXCEPTIONS)).sort();
      expect(wanted.length).toBeGreaterThan(40);
      expect([...ours.keys()].sort()).toEqual(expect.arrayContaining(wanted));
      const shapes = (values: Map<string, string>) =>
        wanted.map((topic) => [topic, shapeOf(values.get(topic)!)]);
      expect(shapes(ours)).toEqual(shapes(theirs));
      expect(Object.keys(EXCEPTIONS).filter((topic) => !theirs.has(topic))).toEqual([]);
    } finally {
      await stopChild(mosquitto);
      rmSync(folder, { recursive: true, force: true });
    }
  },
);

/** `12.34` and `56.78` have one shape, `12` another. */
function shapeOf(value: string): string {
  return value.replace(/\d+/g, '0').replace(/^(mosquitto|fieldstation) /, '');
}

function ourValues() {
  const numbers = {
    ...{ connected: 1, disconnected: 0, expired: 0, packetsIn: 1, packetsOut: 1, publishesIn: 1 },
    ...{
      publishesOut: 1,
      publishesDropped: 0,
      publishBytesIn: 9,
      publishBytesOut: 9,
      bytesIn: 9,
      bytesOut: 9,
    },
    ...{ sockets: 1, connects: 1, stored: 1, storedBytes: 9, retained: 1, subscriptions: 1 },
    ...{ sharedSubscriptions: 0, heapBytes: 9 },
  };
  const tree = new SysTree({
    clock: new ManualClock(),
    version: '1.2.3',
    read: () => numbers,
    publish: () => undefined,
  });
  tree.start();
  tree.stop();
  return tree.values();
}
