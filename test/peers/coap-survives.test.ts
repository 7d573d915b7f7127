/** Observations that go on, whatever becomes of the server, of its address and of the network between. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../core/base/clock.ts';
import { silentLog } from '../../core/base/log.ts';
import type { Observation } from '../../core/coap/client/observation.ts';
import { CoapEndpoint } from '../../core/coap/endpoint.ts';
import { LibcoapLoss } from '../support/coap-lossy.ts';
import { missingLibcoap } from '../support/coap-plugtest-libcoap.ts';
import { WireLog, optionValues } from '../support/coap-plugtest-wire.ts';
import type { WireMessage } from '../support/coap-plugtest-wire.ts';
import { freePort } from '../support/peers.ts';
import { UdpRelay } from '../support/udp-relay.ts';

const missing = missingLibcoap('udp', 'tcp');

let endpoint: CoapEndpoint;
let wire: WireLog;
let addresses: string[];
let libcoap: LibcoapLoss;
let relay: UdpRelay | undefined;
let observation: Observation;
/** `/time` of every notification, and where it came from. */
let heard: { text: string; address: string }[];

beforeEach(async () => {
  heard = [];
  relay = undefined;
  addresses = ['127.0.0.1'];
  endpoint = new CoapEndpoint({
    clock: systemClock,
    log: silentLog,
    tickMs: 5,
    parameters: { ackTimeoutMs: 50 },
    observe: {
      staleGraceMinMs: 100,
      staleGraceMaxMs: 200,
      retryMinMs: 50,
      retryMaxMs: 200,
      maxRetransmit: 2,
    },
    resolver: () => Promise.resolve(addresses),
  });
  wire = new WireLog(endpoint);
  await endpoint.start({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await endpoint.stop();
  await relay?.stop();
  await libcoap.stop();
});

function observe(uri: string): void {
  observation = endpoint.observe(uri, {}, {
    notification: ({ payload, peer }) =>
      void heard.push({ text: Buffer.from(payload).toString(), address: peer.address }),
  }); // prettier-ignore
}

/** Registrations that went out, repeats left out. */
function registrations(): WireMessage[] {
  return wire.messages.filter(
    (one) =>
      one.direction === 'out' &&
      one.code === '0.01' &&
      one.repeat === 0 &&
      optionValues(one, 'Observe')[0]?.length === 0,
  );
}

/** So many more states are heard, with the observation as it should be; at most ten seconds. */
async function goesOn(states = 2): Promise<void> {
  const before = new Set(heard.map(({ text }) => text)).size;
  const news = () => new Set(heard.map(({ text }) => text)).size - before;
  await expect.poll(news, { timeout: 10_000, interval: 10 }).toBeGreaterThanOrEqual(states);
  await expect.poll(() => observation.state, { timeout: 5_000, interval: 10 }).toBe('active');
  expect(observation.problem).toBeNull();
}

describe.skipIf(missing.length > 0).each([
  ['coap', 'UDP'],
  ['coap+tcp', 'TCP'],
])('an observation by %s', (scheme, name) => {
  test('survives the end of its server by kill -9 and a new one at the same port', async () => {
    const port = await freePort();
    libcoap = await LibcoapLoss.at('127.0.0.1', port);
    observe(`${scheme}://127.0.0.1:${port}/time`);
    await goesOn(1);
    const [first] = registrations();
    await libcoap.kill();
    await expect.poll(() => observation.state, { timeout: 5_000 }).not.toBe('active');
    libcoap = await LibcoapLoss.at('127.0.0.1', port);
    await goesOn();
    // The same relation over UDP (RFC 7641 §3.3.1); a connection has tokens of its own.
    const last = registrations().at(-1)!;
    expect(registrations().length).toBeGreaterThan(1);
    if (name === 'UDP') expect(last.token).toBe(first!.token);
  });

  test('survives the move of its server to another address of its name', async () => {
    const port = await freePort();
    libcoap = await LibcoapLoss.at('127.0.0.1', port);
    observe(`${scheme}://sensor.test:${port}/time`);
    await goesOn(1);
    await libcoap.kill();
    addresses = ['127.0.0.3'];
    libcoap = await LibcoapLoss.at('127.0.0.3', port);
    await goesOn();
    expect(new Set(heard.map(({ address }) => address))).toEqual(new Set(['127.0.0.1', '127.0.0.3']));
  });
});

describe.skipIf(missing.length > 0)('an observation through a network that changes', () => {
  beforeEach(async () => {
    libcoap = await LibcoapLoss.start();
    relay = new UdpRelay({ host: '127.0.0.1', port: libcoap.port }, {});
    await relay.start();
    observe(`coap://127.0.0.1:${relay.port}/time`);
    await goesOn(1);
  });

  test('survives a NAT that gives us another port', async () => {
    const before = registrations().length;
    // The server goes on telling the old port, where nobody is any more.
    relay!.rebind();
    await goesOn();
    const again = registrations().slice(before);
    expect(again.length).toBeGreaterThan(0);
    expect(again[0]!.token).toBe(registrations()[0]!.token);
  });

  test('survives a relay that leads to another server', async () => {
    const second = await LibcoapLoss.at('127.0.0.2', libcoap.port);
    await libcoap.kill();
    libcoap = second;
    relay!.retarget({ host: '127.0.0.2', port: second.port });
    await goesOn();
  });
});
