/**
 * A host process that speaks the shell's protocol and nothing else. The way it behaves comes as FAKE_HOST: `good`,
 * `deaf` (does not stop), `slow` (ready when told `now`), `locked` (a station holds the data folder), `crash` (ends at once). Its screens answer every
 * message with `{ echo, host }`, where `host` tells one process from the next; "crash" ends it.
 */
import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import type { StandInPort } from './electron-standin/ports.ts';

interface ParentMessage {
  data: { type: string; role?: string };
  ports: StandInPort[];
}

const parent = (process as unknown as { parentPort: EventEmitter & { postMessage(message: unknown): void } })
  .parentPort;
const behaviour = process.env['FAKE_HOST'] ?? 'good';
const host = randomUUID();

process.stderr.write(`fake host ${behaviour} ${process.argv.slice(2).join(' ')} token=abcdefgh12345678\n`);
if (behaviour === 'crash') process.exit(7);

parent.on('message', ({ data, ports }: ParentMessage) => {
  if (data.type === 'stop' && behaviour !== 'deaf') parent.postMessage({ type: 'stopped' });
  if (data.type === 'now') parent.postMessage({ type: 'ready', ready });
  const [port] = ports;
  if (data.type !== 'screen' || port === undefined) return;
  port.on('message', (event: { data: unknown }) => {
    if (event.data === 'crash') process.exit(9);
    port.postMessage({ echo: event.data, host, role: data.role });
  });
  port.start();
});

const ready = {
  ready: true,
  mqtt: '127.0.0.1:1883',
  coap: null,
  http: 'http://127.0.0.1:8080',
  token: 'secret-token',
};

if (behaviour === 'locked') {
  const detail = { http: process.env['FAKE_STATION_URL'] };
  parent.postMessage({
    type: 'failed',
    code: 'store.locked',
    message: 'The folder is in use by process 4711.',
    detail,
  });
} else if (behaviour !== 'slow') {
  parent.postMessage({ type: 'ready', ready });
}
