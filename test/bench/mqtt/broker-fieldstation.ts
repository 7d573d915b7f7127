/** The broker alone, as a process: says where it listens and serves until SIGTERM. Takes the in-flight window. */
import { systemClock } from '../../../core/base/clock.ts';
import { createLog } from '../../../core/base/log.ts';
import { Broker } from '../../../core/mqtt/broker.ts';
import { listenTcp } from '../../../core/mqtt/transports/tcp.ts';

const log = createLog('mqtt', (line) => console.error(line));
const inflightWindow = Number(process.argv[2] ?? 20);
const broker = new Broker({ clock: systemClock, log, limits: { inflightWindow } });
broker.start();
const listener = await listenTcp(broker, { host: '127.0.0.1', port: 0, log });
console.log(JSON.stringify({ mqtt: `127.0.0.1:${listener.address.port}` }));
process.once('SIGTERM', () => {
  broker.stop();
  void listener.close();
});
