/** Our server as a process, over UDP and TCP: `bench/temperature` with 64 bytes, `body` that is read and written. */
import { systemClock } from '../../../core/base/clock.ts';
import { silentLog } from '../../../core/base/log.ts';
import { CHANGED, CONTENT } from '../../../core/coap/codec/codes.ts';
import { CoapEndpoint } from '../../../core/coap/endpoint.ts';
import { secureRandom } from '../../../core/coap/random.ts';
import { CoapServer } from '../../../core/coap/server/coap-server.ts';
import { PAYLOAD } from './lean.ts';

const endpoint: CoapEndpoint = new CoapEndpoint({
  clock: systemClock,
  log: silentLog,
  serve: (request) => server.sink(request),
});
const server: CoapServer = new CoapServer({
  clock: systemClock,
  wheel: endpoint.wheel,
  log: silentLog,
  random: secureRandom(),
  // One peer may ask as often as it likes here: the rate is what is measured.
  limits: { requestsPerSecond: 1e6, requestBurst: 1e6 },
});
server.add('bench/temperature', {
  methods: ['GET'],
  handle: () => ({ code: CONTENT, payload: PAYLOAD, contentFormat: 0 }),
});
let body = new Uint8Array(0);
server.add('body', {
  methods: ['GET', 'PUT'],
  handle: ({ method, payload }) => {
    if (method === 'GET') return { code: CONTENT, payload: body, contentFormat: 42 };
    body = Uint8Array.from(payload);
    return { code: CHANGED };
  },
});
const { port } = await endpoint.start({ host: '127.0.0.1', port: 0 });
const tcp = await endpoint.listenReliable({ transport: 'tcp', host: '127.0.0.1', port: 0 });
console.log(JSON.stringify({ port, tcpPort: tcp.address.port }));
process.once('disconnect', () => process.exit(0));
process.once('SIGTERM', () => process.exit(0));
